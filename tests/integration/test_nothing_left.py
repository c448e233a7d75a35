"""A selection that leaves nothing is said to, by every verb; a shard that gets nothing is none."""

from tests.integration.world import World

TINY = ("--manifest", "tiny.yaml")
#: No class has so many samples.
NOTHING = ("--min-samples", "1000000")


def test_a_selection_that_leaves_nothing(world: World) -> None:
    world.run("fetch", *TINY)
    for words in (("prepare", "--dry-run"), ("prepare",), ("plan",), ("status",), ("stats",), ("subset", "part")):
        ran = world.run(*words, *TINY, *NOTHING, expect=65)
        assert "nothing of tiny" in ran.stderr
        assert "is left; take more splits, classes, ids or samples" in ran.stderr or words[0] == "subset"
        assert "everything is there" not in ran.stdout
    assert world.server.requests[-1].path.startswith("/annotations")


def test_a_shard_that_gets_nothing_is_fine(world: World) -> None:
    world.run("fetch", *TINY)
    shards = [("--limit", "1", "--shard", f"{number}/2") for number in range(2)]
    said = [world.run("status", *TINY, *shard).stdout for shard in shards]
    assert sum("nothing falls to this shard" in text for text in said) == 1
    assert not any("everything is there" in text for text in said)
    empty = shards["nothing falls" in said[1]]
    assert "nothing wanted -> exit 0" in world.run("download", *TINY, *empty).stdout
    world.run("plan", *TINY, *empty)
    world.run("status", *TINY, *NOTHING, *empty[2:], expect=65)


def test_a_share_is_a_number(world: World) -> None:
    for share in ("nan", "inf"):
        assert "--sample" in world.run("status", *TINY, "--sample", share, expect=2).stderr
    assert "--max-unavailable" in world.run("prepare", *TINY, "--max-unavailable", "nan", expect=2).stderr
