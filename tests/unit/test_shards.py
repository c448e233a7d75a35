"""Which part of the work a process takes, and when it asks instead of guessing."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from avakit import shards
from avakit.errors import ConfigInvalid
from avakit.shards import Shard

KEYS = st.lists(st.text(max_size=12), unique=True, max_size=60)


def array(task: int, count: int, low: int, high: int, step: int = 1) -> dict[str, str]:
    """Return what Slurm 22.05 sets for one element of an array, as it was measured."""
    return {
        "SLURM_JOB_ID": "17",
        "SLURM_ARRAY_JOB_ID": "16",
        "SLURM_NTASKS": "1",
        "SLURM_ARRAY_TASK_ID": str(task),
        "SLURM_ARRAY_TASK_COUNT": str(count),
        "SLURM_ARRAY_TASK_MIN": str(low),
        "SLURM_ARRAY_TASK_MAX": str(high),
        "SLURM_ARRAY_TASK_STEP": str(step),
    }


def srun(procid: int, tasks: int) -> dict[str, str]:
    """Return what `srun` sets for one of its tasks."""
    return {
        "SLURM_JOB_ID": "17",
        "SLURM_STEP_ID": "0",
        "SLURM_NTASKS": str(tasks),
        "SLURM_PROCID": str(procid),
    }


# --- i/n ---


@pytest.mark.parametrize(("text", "expected"), [("0/1", Shard(0, 1)), ("3/8", Shard(3, 8)), ("07/08", Shard(7, 8))])
def test_a_shard_is_read(text: str, expected: Shard) -> None:
    assert shards.parse(text, {}) == expected


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("8/8", "below the count .0/8 to 7/8."),
        ("1/0", "at least 1"),
        ("0/0", "at least 1"),
        ("", "expected i/n"),
        ("3", "expected i/n"),
        ("-1/8", "expected i/n"),
        ("1/8/2", "expected i/n"),
        ("1 / 8", "expected i/n"),
        ("1/8\n", "expected i/n"),
        ("AUTO", "expected i/n"),
    ],
)
def test_what_is_no_shard_is_refused(text: str, match: str) -> None:
    with pytest.raises(ConfigInvalid, match=match):
        shards.parse(text, {})


def test_the_command_line_is_above_every_environment() -> None:
    environment = {"AVAKIT_SHARD_INDEX": "1", "AVAKIT_SHARD_COUNT": "2"} | array(3, 4, 0, 3)
    assert shards.parse("5/9", environment) == Shard(5, 9)


def test_a_pinned_count_must_agree_with_the_command_line() -> None:
    assert shards.parse("1/4", {}, num_shards=4) == Shard(1, 4)
    with pytest.raises(ConfigInvalid, match="contradicts --num-shards 8"):
        shards.parse("1/4", {}, num_shards=8)


# --- the partition ---


@given(KEYS, st.integers(1, 9))
def test_the_shards_are_disjoint_and_together_everything(keys: list[str], count: int) -> None:
    parts = [[key for key in keys if Shard(index, count).takes(key)] for index in range(count)]
    assert sorted(key for part in parts for key in part) == sorted(keys)


@given(st.text(), st.text(), st.integers(1, 9))
def test_an_item_falls_alike_whatever_else_is_wanted(one: str, other: str, count: int) -> None:
    assume(one != other)
    assert [Shard(i, count).takes(one) for i in range(count)].count(True) == 1


def test_the_partition_is_pinned_for_ever() -> None:
    """Changing it would send the restarted half of an array to other items."""
    ids = ["-5KQ66BBWC4", "1j20qq1JyX4", "053oq2xB3oU", "5BDj0ow5hnA"]
    # What `printf %s ID | sha256sum | cut -c16` prints, modulo 8: 0, 9, c and 6.
    assert [next(i for i in range(8) if Shard(i, 8).takes(key)) for key in ids] == [0, 1, 4, 6]


# --- auto ---


def test_auto_without_an_engine_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="no job array here"):
        shards.parse("auto", {"HOME": "/root"})


def test_auto_in_a_job_that_is_no_array_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="no job array here"):
        shards.parse("auto", {"SLURM_JOB_ID": "17", "SLURM_NTASKS": "1"})


def test_the_explicit_variables_are_read() -> None:
    assert shards.parse("auto", {"AVAKIT_SHARD_INDEX": "2", "AVAKIT_SHARD_COUNT": "8"}) == Shard(2, 8)
    assert shards.parse("auto", {"AVAKIT_SHARD_INDEX": "2"}, num_shards=8) == Shard(2, 8)


@pytest.mark.parametrize(
    "slurm", [array(3, 4, 0, 3), array(3, 2, 3, 7), array(5, 1, 5, 5), {"SLURM_JOB_ID": "17", "SLURM_NTASKS": "4"}]
)
def test_the_explicit_variables_win_over_whatever_slurm_says(slurm: dict[str, str]) -> None:
    explicit = {"AVAKIT_SHARD_INDEX": "0", "AVAKIT_SHARD_COUNT": "2"}
    assert shards.parse("auto", explicit | slurm) == Shard(0, 2)


@pytest.mark.parametrize(
    ("environment", "num_shards", "match"),
    [
        ({"AVAKIT_SHARD_INDEX": "2"}, None, "neither AVAKIT_SHARD_COUNT nor --num-shards"),
        ({"AVAKIT_SHARD_INDEX": "2", "AVAKIT_SHARD_COUNT": "4"}, 8, "contradicts --num-shards 8"),
        ({"AVAKIT_SHARD_INDEX": "4", "AVAKIT_SHARD_COUNT": "4"}, None, "below the count"),
        ({"AVAKIT_SHARD_INDEX": "two", "AVAKIT_SHARD_COUNT": "4"}, None, "AVAKIT_SHARD_INDEX='two' is not a number"),
        ({"AVAKIT_SHARD_INDEX": "-1", "AVAKIT_SHARD_COUNT": "4"}, None, "is not a number"),
    ],
)
def test_explicit_variables_that_make_no_sense_are_refused(
    environment: dict[str, str], num_shards: int | None, match: str
) -> None:
    with pytest.raises(ConfigInvalid, match=match):
        shards.parse("auto", environment, num_shards=num_shards)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (array(0, 4, 0, 3), Shard(0, 4)),
        (array(3, 4, 0, 3), Shard(3, 4)),
        (array(1, 3, 1, 7, 3), Shard(0, 3)),  # --array=1-7:3
        (array(4, 3, 1, 7, 3), Shard(1, 3)),
        (array(7, 3, 1, 7, 3), Shard(2, 3)),
        (array(0, 1, 0, 0), Shard(0, 1)),  # --array=0
        (array(2, 2, 2, 3), Shard(0, 2)),  # a dense rerun only partitions anew; what is done is skipped
    ],
)
def test_an_element_of_a_slurm_array(environment: dict[str, str], expected: Shard) -> None:
    assert shards.parse("auto", environment) == expected


@pytest.mark.parametrize(
    ("environment", "match"),
    [
        (array(3, 2, 3, 7), "has gaps; say --num-shards"),  # --array=3,7
        (array(5, 1, 5, 5), "single task 5; say --num-shards"),  # --array=5, the rerun of one failed task
        ({"SLURM_ARRAY_TASK_ID": "3"}, "no array size"),
        ({"SLURM_ARRAY_TASK_ID": "x"}, "is not a number"),
    ],
)
def test_an_array_that_leaves_a_doubt_is_refused(environment: dict[str, str], match: str) -> None:
    with pytest.raises(ConfigInvalid, match=match):
        shards.parse("auto", environment)


@pytest.mark.parametrize("environment", [array(3, 2, 3, 7), array(3, 1, 3, 3), array(3, 8, 0, 7)])
def test_with_a_pinned_count_the_task_is_the_index(environment: dict[str, str]) -> None:
    assert shards.parse("auto", environment, num_shards=8) == Shard(3, 8)


def test_a_task_beyond_the_pinned_count_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="counts from 0"):
        shards.parse("auto", array(8, 8, 1, 8), num_shards=8)


def test_a_task_of_srun() -> None:
    assert shards.parse("auto", srun(2, 4)) == Shard(2, 4)


@pytest.mark.parametrize("environment", [{"SLURM_JOB_ID": "17"}, array(1, 4, 0, 3)])
def test_several_tasks_without_srun_are_refused(environment: dict[str, str]) -> None:
    """PROCID is 0 then for the only process there is: it would do a quarter of the work and exit with 0."""
    with pytest.raises(ConfigInvalid, match="start it with srun"):
        shards.parse("auto", environment | {"SLURM_NTASKS": "4", "SLURM_PROCID": "0"})


def test_a_pinned_count_must_agree_with_the_tasks_of_srun() -> None:
    assert shards.parse("auto", srun(2, 4), num_shards=4) == Shard(2, 4)
    with pytest.raises(ConfigInvalid, match="contradicts --num-shards 8"):
        shards.parse("auto", srun(2, 4), num_shards=8)


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 9), st.integers(1, 3))
def test_an_array_of_srun_tasks_is_a_complete_partition(count: int, tasks: int, low: int, step: int) -> None:
    assume(count > 1 or low == 0)
    high = low + (count - 1) * step
    found = [
        shards.parse("auto", array(task, count, low, high, step) | srun(procid, tasks))
        for task in range(low, high + 1, step)
        for procid in range(tasks)
    ]
    assert sorted(shard.index for shard in found) == list(range(count * tasks))
    assert {shard.count for shard in found} == {count * tasks}
