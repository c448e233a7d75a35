"""What is secret reaches whom it is for, and nobody else: not a file, a terminal, or a list of processes."""

import time
from pathlib import Path

import pytest

from tests.faults import Fault, FaultyServer, Injection
from tests.integration import world as worlds
from tests.integration.test_youtube import BOT, ONE, YOUTUBE, Site, ids_of

LURE = "pl4nted"
MIRROR = '{type: mirror, url: "URL/mirror/{id}.mp4"}'


@pytest.fixture
def site(tmp_path: Path, server: FaultyServer, tiny_film: bytes) -> Site:
    return Site(tmp_path, server, tiny_film)


def prepare(site: Site) -> tuple[str, ...]:
    """Have one video on the mirror, one on YouTube, one nowhere, and secrets of every kind; return the command."""
    on_mirror, on_youtube, nowhere = ids_of(3)
    site.dataset([on_mirror, on_youtube, nowhere], MIRROR, YOUTUBE)
    site.hold(on_mirror)
    site.answer(on_youtube, formats=ONE)
    site.answer(nowhere, error=BOT)
    site.server.inject(f"/mirror/{on_mirror}.mp4", Injection(frozenset({Fault.STALL}), times=1, seconds=1.0))
    manifest = site.world.folder / "tiny.yaml"
    manifest.write_text(manifest.read_text().replace('train.csv"]', f'train.csv?sig={LURE}-0"]'))
    cookies = site.world.folder / "cookies.txt"
    cookies.write_text(f"# Netscape HTTP Cookie File\n.youtube.com\tTRUE\t/\tFALSE\t0\tSID\t{LURE}-2\n")
    cookies.chmod(0o600)
    with_password = site.server.url.replace("//", f"//me:{LURE}-1@")
    site.world.environment |= {
        "AVAKIT_PROXY": with_password,
        "AVAKIT_EXTRACTOR_ARGS": f"youtube:po_token=web.gvs+{LURE}-3",
        "AVAKIT_MIRROR": with_password + "/mirror/{id}.mp4?sig=" + f"{LURE}-4",
    }
    return site.command("--cookies", str(cookies), "--verbose", "--jobs", "2", "--report", "report.json")


def watch(site: Site, command: tuple[str, ...]) -> tuple[str, str, int]:
    """Run a command; return what it printed, what stood in arguments and side files meanwhile, and its exit code."""
    process = site.world.start(*command)
    seen = ""
    while process.poll() is None:
        for pid in {process.pid, *worlds.descendants(process.pid)}:
            seen += read(Path(f"/proc/{pid}/cmdline"))
        seen += "".join(read(path) for path in site.world.root.rglob(".*.partial*.json"))
        time.sleep(0.02)
    out, err = process.communicate()
    return out + err, seen, process.returncode


def read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def test_a_planted_token_is_found_nowhere(site: Site) -> None:
    command = prepare(site)
    told, seen, code = watch(site, command)
    assert code == 75, told
    assert "2 done" in told
    asked = [(request.path, request.headers) for request in site.server.requests]
    for what in ("train.csv?sig=pl4nted-0", "mp4?sig=pl4nted-4", "web.gvs%2Bpl4nted-3"):
        assert any(what in path for path, _ in asked), "secrets reach whom they are for"
    assert any("pl4nted-2" in headers.get("cookie", "") for _, headers in asked)
    assert any("proxy-authorization" in headers for _, headers in asked)
    assert "avakit.tools.ytdlp" in seen, "the process of yt-dlp was seen"
    for verb in ("manifest", "verify"):
        told += site.world.run(verb).stdout
    assert LURE not in told
    assert LURE not in seen
    own = {site.world.folder / "cookies.txt", site.world.folder / "tiny.yaml"}
    own.add(site.world.root / ".avakit/datasets/tiny.yaml")  # the user's own, kept as it is
    written = [path for path in site.world.folder.rglob("*") if path.is_file() and site.served not in path.parents]
    assert {path.parent.name for path in written} >= {"videos", "reports", "manifests", "tiny"}
    assert [path for path in written if path not in own and LURE.encode() in path.read_bytes()] == []
