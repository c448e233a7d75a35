"""The options that say how a mirror is asked, from the command line to the wire."""

import click
import pytest

from avakit.cli import options, setup
from avakit.cli.download import command as download
from tests.faults import Fault, Injection
from tests.integration.world import World

FILM = "/videos/-Reel_mp4-1.mp4"
WORDS = ("--manifest", "tiny.yaml", "--sources", "mirror", "--ids=-Reel_mp4-1")


@pytest.mark.parametrize(
    ("text", "rate"),
    [("20M", 20e6), ("1.5MB", 1.5e6), ("500k", 5e5), ("2G", 2e9), ("1000", 1000), (" 7 K ", 7000), ("1b", 1)],
)
def test_a_rate_is_read(text: str, rate: float) -> None:
    assert options.ByteRate().convert(text, None, None) == rate


@pytest.mark.parametrize("text", ["", "0", "-1", "fast", "20MiB", "1e3", "20 M B", "٣", "20M/s"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="such as 20M"):
        options.ByteRate().convert(text, None, None)


def test_the_options_reach_the_mirror() -> None:
    words = ["--connections", "7", "--max-connections", "3", "--max-requests", "2.5", "--max-rate", "20M"]
    given = download.make_context("download", [*words, "--allow-private"]).params
    found = setup.http_options(given)
    assert (found.connections, found.allow_private) == (7, True)
    assert found.limits.connections == 3
    assert found.limits.requests_per_second == 2.5
    assert found.limits.bytes_per_second == 20e6


def test_a_redirect_into_a_private_network_is_unsafe_until_it_is_allowed(world: World) -> None:
    served = world.server.state.folder
    (served / "other.mp4").hardlink_to(served / FILM[1:])
    where = world.server.url.replace("127.0.0.1", "localhost") + "/other.mp4"
    world.server.inject(FILM, Injection(frozenset({Fault.REDIRECT}), location=where))
    refused = world.run("download", *WORDS, expect=3)
    assert "--allow-private" in refused.stdout + refused.stderr
    assert not list((world.root / "tiny/videos").glob("[!.]*"))
    world.run("download", *WORDS, "--allow-private")
    assert (world.root / "tiny/videos/-Reel_mp4-1.mp4").read_bytes() == (served / FILM[1:]).read_bytes()


def test_limits_hold_for_a_whole_run(world: World) -> None:
    (world.folder / "avakit.yaml").write_text("max_rate: 200M\nmax_connections: 1\nmax_requests: 100\n")
    world.run("download", "--manifest", "tiny.yaml", "--sources", "mirror", "--jobs", "2", "--max-unavailable", "50")
    assert [path.name[-7:] for path in (world.folder / "shared").glob("*.slot-*")] == [".slot-0"]


def test_a_shared_folder_that_can_not_be_used_is_said_before_the_run(world: World) -> None:
    world.environment["AVAKIT_SHARED_DIR"] = "/proc/nope"
    result = world.run("download", "--manifest", "tiny.yaml", "--max-requests", "5", expect=73)
    assert "AVAKIT_SHARED_DIR=/proc/nope: can't be used" in result.stderr
    assert not world.root.exists()
    assert world.server.requests == []
