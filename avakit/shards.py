"""Which part of the work this process takes.

Correctness never rests on the partition (a wrong shard wastes work, it can't corrupt), but coverage does, so
where the environment leaves any doubt we ask instead of guessing. What Slurm says was measured on 22.05.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from avakit.errors import ConfigInvalid

_SHARD = re.compile(r"(\d+)/(\d+)")


@dataclass(frozen=True)
class Shard:
    """Part `index` (from 0) of `count` parts."""

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise ConfigInvalid(
                f"--shard {self}: the index counts from 0 and must be below the count (0/{self.count} to "
                f"{self.count - 1}/{self.count})"
                if self.count
                else f"--shard {self}: the count must be at least 1"
            )

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def takes(self, key: str) -> bool:
        """Whether this shard has the item: by the sha256 of its key, so that the same item always falls alike."""
        return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % self.count == self.index


def parse(text: str, environment: Mapping[str, str], *, num_shards: int | None = None) -> Shard:
    """Read `--shard i/n` or `--shard auto`.

    Parameters
    ----------
    text
        `i/n` with `i` from 0, or `auto`.
    environment
        The process's environment.
    num_shards
        The pinned number of parts; an array task's id is then the index itself.

    Raises
    ------
    ConfigInvalid
        If the text has another form, or `auto` finds nothing, or finds something ambiguous.
    """
    if text == "auto":
        return _auto(environment, num_shards)
    match = _SHARD.fullmatch(text)
    if match is None:
        raise ConfigInvalid(f"--shard {text!r}: expected i/n, such as 0/8, or auto")
    shard = Shard(int(match[1]), int(match[2]))
    if num_shards is not None and num_shards != shard.count:
        raise ConfigInvalid(f"--shard {shard} contradicts --num-shards {num_shards}")
    return shard


def _auto(environment: Mapping[str, str], num_shards: int | None) -> Shard:
    # What was set on purpose is not doubted because of what Slurm says.
    found = _explicit(environment, num_shards) or _slurm(environment, num_shards)
    if found is None:
        raise ConfigInvalid(
            "--shard auto: no job array here (neither AVAKIT_SHARD_INDEX nor SLURM_ARRAY_TASK_ID is set); "
            "leave --shard out to do all the work, or say --shard i/n"
        )
    return found


def _explicit(environment: Mapping[str, str], num_shards: int | None) -> Shard | None:
    index = _number(environment, "AVAKIT_SHARD_INDEX")
    if index is None:
        return None
    count = _number(environment, "AVAKIT_SHARD_COUNT") or num_shards
    if count is None:
        raise ConfigInvalid("--shard auto: AVAKIT_SHARD_INDEX is set, but neither AVAKIT_SHARD_COUNT nor --num-shards")
    if num_shards is not None and num_shards != count:
        raise ConfigInvalid(f"--shard auto: AVAKIT_SHARD_COUNT={count} contradicts --num-shards {num_shards}")
    return Shard(index, count)


def _slurm(environment: Mapping[str, str], num_shards: int | None) -> Shard | None:
    array = _slurm_array(environment, num_shards)
    tasks = _number(environment, "SLURM_NTASKS") or 1
    in_step = "SLURM_STEP_ID" in environment
    if tasks > 1 and not in_step and ("SLURM_JOB_ID" in environment or array):
        raise ConfigInvalid(
            f"--shard auto: the job has {tasks} tasks but this is not one of them; start it with srun, "
            "or ask for one task (--ntasks=1)"
        )
    if not in_step or tasks == 1:
        return array
    step = Shard(_number(environment, "SLURM_PROCID") or 0, tasks)
    if array is None:
        if num_shards not in (None, tasks):
            raise ConfigInvalid(f"--shard auto: SLURM_NTASKS={tasks} contradicts --num-shards {num_shards}")
        return step
    # All tasks of an array element share its id: compose both.
    return Shard(array.index * step.count + step.index, array.count * step.count)


def _slurm_array(environment: Mapping[str, str], num_shards: int | None) -> Shard | None:
    task = _number(environment, "SLURM_ARRAY_TASK_ID")
    if task is None:
        return None
    if num_shards is not None:
        return Shard(task, num_shards)
    count, low, high = (_number(environment, f"SLURM_ARRAY_TASK_{name}") for name in ("COUNT", "MIN", "MAX"))
    step = _number(environment, "SLURM_ARRAY_TASK_STEP") or 1
    if count is None or low is None or high is None:
        raise ConfigInvalid("--shard auto: Slurm names no array size here; say --num-shards N")
    if high - low != (count - 1) * step:
        raise ConfigInvalid(f"--shard auto: the array {low}-{high} has gaps; say --num-shards N (ids count from 0)")
    if count == 1 and task != 0:
        # --array=5, the rerun of one failed task, looks like a whole array of one: it would take everything.
        raise ConfigInvalid(f"--shard auto: the array has the single task {task}; say --num-shards N of the first run")
    return Shard((task - low) // step, count)


def _number(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "")
    if not text:
        return None
    if not text.isdecimal():
        raise ConfigInvalid(f"--shard auto: {name}={text!r} is not a number")
    return int(text)
