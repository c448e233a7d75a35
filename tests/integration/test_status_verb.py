"""What is missing, why, how often it was asked for; the list of it; and a run that asks for nothing else."""

from tests.faults import Fault
from tests.integration.world import World

TINY = ("--manifest", "tiny.yaml")
REFUSED, GONE, FINE = "-Reel_mp4-1", "reelvarie-3", "reel-mkv-02"


def break_two(world: World) -> None:
    """One film is refused by mirror and YouTube alike, one is nowhere."""
    for place in ("videos", "youtube"):
        world.server.inject(f"/{place}/{REFUSED}.mp4", Fault.FORBIDDEN)
        world.server.inject(f"/{place}/{GONE}.mp4", Fault.NOT_FOUND)


def asked(world: World) -> set[str]:
    """Return the films that were asked for since the last look."""
    names = {name for name in (REFUSED, GONE, FINE) for request in world.server.requests if name in request.path}
    world.server.requests.clear()
    return names


def test_status_feeds_the_next_run(world: World) -> None:
    break_two(world)
    world.run("download", *TINY, "--sources", "mirror", "--limit", "2", expect=75)
    world.run("download", *TINY, "--sources", "mirror", expect=75)
    rows = world.json("status", *TINY, "--missing", "ids.txt")
    failed = {(r["status"], r["reason"]): (r["count"], r["attempts"]) for r in rows if r["type"] == "reason"}
    assert failed == {("transient", "forbidden"): (1, 2), ("unavailable", "not_found"): (1, 1)}
    assert all(r["first_seen"] <= r["last_seen"] for r in rows if r["type"] == "reason")
    assert rows[-1] == {"type": "missing", "path": "ids.txt", "count": 3}
    ids = world.folder / "ids.txt"
    assert set(ids.read_text().splitlines()) == {REFUSED, GONE, FINE}, "of the third, window and frames are to do"
    shown = world.run("status", *TINY, "--missing", "ids.txt", "--why", "forbidden,private").stdout
    assert "1 video id in ids.txt" in shown
    assert "--retry transient" in shown
    assert ids.read_text() == f"{REFUSED}\n"
    world.server.heal(f"/videos/{REFUSED}.mp4")
    world.run("prepare", *TINY, "--ids-file", "ids.txt")
    assert [r for r in world.json("status", *TINY) if r.get("status") == "transient"] == []


def test_retry_asks_only_for_what_failed(world: World) -> None:
    break_two(world)
    world.run("download", *TINY, "--sources", "mirror", "--ids", f"{REFUSED},{GONE}", expect=75)
    assert asked(world) == {REFUSED, GONE}
    tiny = (*TINY, "--sources", "mirror")
    world.run("download", *tiny, "--retry", "transient", expect=75)
    assert asked(world) == {REFUSED}
    said = world.run("download", *tiny, "--retry", "unavailable", expect=3).stderr
    assert "1 are unavailable and not asked again yet" in said
    assert asked(world) == set()
    world.run("download", *tiny, "--retry", "unavailable", "--recheck-after", "0", expect=3)
    assert asked(world) == {GONE}
    world.server.heal(f"/videos/{REFUSED}.mp4")
    assert "1 done" in world.run("download", *tiny, "--retry", "all", expect=3).stdout
    assert asked(world) == {REFUSED}
    assert world.json("plan", *tiny, "--retry", "all")[-1]["needed_files"] == 0
    assert asked(world) == set()


def test_a_list_needs_a_file_and_a_folder(world: World) -> None:
    world.run("fetch", *TINY)
    assert "name the file" in world.run("status", *TINY, "--why", "todo", expect=2).stderr
    refused = world.run("status", *TINY, "--missing", "ids.txt", "--why", "forbiden", expect=2).stderr
    assert "did you mean 'forbidden'?" in refused
    assert "there is no folder" in world.run("status", *TINY, "--missing", "nowhere/ids.txt", expect=2).stderr
    world.run("status", *TINY, "--missing", "ids.txt", "--why", "transient")
    assert (world.folder / "ids.txt").read_text() == ""
