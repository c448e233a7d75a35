"""One function over many items, in parallel, one result per item, whatever happens to a worker.

joblib's own `Parallel` loses every unfinished result when a worker dies (out of memory, segmentation fault), and
does not say whose fault it was. So the pool that ships with joblib (loky) is used through its futures: an item that
was in flight when the pool broke is tried once more alone, and only one that breaks a pool of its own is blamed.
"""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_PARENT_POLL_SECONDS = 0.5
#: Items handed to the pool beyond its workers, so that none waits for the next one.
_AHEAD = 1


def usable_cores() -> int:
    """Return how many cores this process may use: Slurm's word, then the affinity mask."""
    told = os.environ.get("SLURM_CPUS_PER_TASK", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    jobs: int,
    on_crash: Callable[[Item, str], Result],
) -> Generator[Result, None, None]:
    """Yield `function(item)` for each item as it finishes.

    Parameters
    ----------
    function
        Called in a worker process; must be picklable, as must its results. Should not raise: an exception that
        escapes it ends the run.
    items
        What to do; taken as workers become free.
    jobs
        Worker processes.
    on_crash
        Makes the result of an item whose worker died, from the item and a sentence.

    Notes
    -----
    Closing the generator, or an exception thrown into it, kills the workers; ffmpeg and yt-dlp die with them.
    """
    waiting = deque(enumerate(items))
    suspects: list[tuple[int, Item]] = []
    while waiting or suspects:
        if suspects:
            suspect = suspects.pop(0)
            lonely: deque[tuple[int, Item]] = deque([suspect])
            broken = yield from _pool(function, lonely, 1)
            if broken or lonely:
                yield on_crash(suspect[1], "the worker process died on it twice (out of memory, or a crash in a codec)")
        else:
            suspects = yield from _pool(function, waiting, jobs)


def _pool(
    function: Callable[[Item], Result], waiting: deque[tuple[int, Item]], jobs: int
) -> Generator[Result, None, list[tuple[int, Item]]]:
    """Work off `waiting` in one pool; return the items that were in flight when it broke, if it did."""
    from joblib.externals.loky import FIRST_COMPLETED, BrokenProcessPool, ProcessPoolExecutor, wait

    executor = ProcessPoolExecutor(
        max_workers=min(jobs, len(waiting)), initializer=_begin_worker, initargs=(os.getpid(),)
    )
    in_flight: dict[Any, tuple[int, Item]] = {}
    broken: list[tuple[int, Item]] = []
    finished = False
    try:
        while waiting or in_flight:
            while waiting and not broken and len(in_flight) < jobs + (_AHEAD if jobs > 1 else 0):
                item = waiting.popleft()
                try:
                    in_flight[executor.submit(function, item[1])] = item
                except BrokenProcessPool:
                    waiting.appendleft(item)
                    broken.append(item)
            for future in wait(in_flight, return_when=FIRST_COMPLETED).done if in_flight else ():
                item = in_flight.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    broken.append(item)
                else:
                    yield result
            if broken and not in_flight:
                break
        finished = not broken
    finally:
        executor.shutdown(wait=True, kill_workers=not finished)
    return [item for item in broken if item not in waiting]


def _begin_worker(parent: int) -> None:
    """Make a worker fit for clusters: it leaves signals to its parent, and never outlives it."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()


def _die_with(parent: int) -> None:
    # PR_SET_PDEATHSIG would kill workers at random here: it fires when the *thread* that started them ends.
    while os.getppid() == parent:
        time.sleep(_PARENT_POLL_SECONDS)
    os._exit(1)
