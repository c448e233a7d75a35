"""One function over many items, in parallel, one result per item, whatever happens to a worker.

Workers are forked from a process that has imported what they need (the fork server of `multiprocessing`): a worker
then starts in milliseconds, where a Python of its own takes a second of a processor. Each has a pipe of its own and one
item at a time, so a worker that dies (out of memory, segmentation fault) tells by which item; that one is tried once
more alone, and only if it kills again it is blamed.
"""

import atexit
import errno
import multiprocessing
import os
import resource
import signal
import tempfile
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import suppress
from functools import partial
from multiprocessing import connection, forkserver, resource_tracker
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Item = TypeVar("Item")
Result = TypeVar("Result")

#: What a cluster sends to every process of a job, and a terminal to all in its foreground: the parent's to handle.
_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
_context = multiprocessing.get_context("forkserver")
_imported: list[str] = []
_LONGEST_FOLDER = 70
#: Below this limit a process that forks workers can not take what it is handed for one (tried with 12).
_LEAST_FILES = 32


def usable_cores() -> int:
    """Return how many cores this process may use: Slurm's word, then the affinity mask."""
    told = os.environ.get("SLURM_CPUS_PER_TASK", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def get_ready(modules: Iterable[str]) -> None:
    """Have the process that workers are forked from import modules, while this one does something else.

    Without it, `run` has it import what the function is from. None of the modules may start a thread when imported.
    """
    if _imported:
        return
    _imported.extend(modules)
    _context.set_forkserver_preload(_imported)
    _start_server()


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
    waiting = deque(items)
    if waiting:
        get_ready([getattr(function, "func", function).__module__])
    for suspect in (yield from _work_off(function, waiting, jobs)):
        if (yield from _work_off(function, deque([suspect]), 1)):
            yield on_crash(suspect, "the worker process died on it twice (out of memory, or a crash in a codec)")


def _work_off(
    function: Callable[[Item], Result], waiting: deque[Item], jobs: int
) -> Generator[Result, None, list[Item]]:
    """Yield the results of all that is waiting; return the items on which a worker died."""
    idle: list[_Worker[Item, Result]] = []
    busy: dict[Any, _Worker[Item, Result]] = {}
    fatal: list[Item] = []
    try:
        while waiting or busy:
            while waiting and len(busy) < jobs:
                worker = idle.pop() if idle else _Worker(function)
                busy[worker.link] = worker
                worker.give(waiting.popleft())
            for link in connection.wait(list(busy)):
                worker = busy[link]
                try:
                    result, error = worker.take()
                except (EOFError, OSError):
                    worker.kill()
                    fatal.append(busy.pop(link).item)
                    continue
                if error is not None:
                    raise error
                if waiting:  # before the caller does something with the result
                    worker.give(waiting.popleft())
                else:
                    idle.append(busy.pop(link))
                yield result
        for worker in idle:
            worker.dismiss()
    finally:
        for worker in (*idle, *busy.values()):
            worker.kill()
    return fatal


class _Worker(Generic[Item, Result]):
    """A worker process.

    Attributes
    ----------
    link
        Our end of its pipe: an item goes in, its result comes out. Ready to be read also when the worker has died.
    item
        What it was given last.
    """

    item: Item

    def __init__(self, function: Callable[[Item], Result]) -> None:
        _start_server()
        self.link, its_end = _context.Pipe()
        self._process = _context.Process(target=_serve, args=(function, its_end, dict(os.environ)))
        self._process.start()
        its_end.close()
        _alive.add(self)

    def give(self, item: Item) -> None:
        """Have it do something."""
        self.item = item
        with suppress(BrokenPipeError, ConnectionResetError):  # dead: whoever wants its result will see
            self.link.send(item)

    def take(self) -> tuple[Result, Exception | None]:
        """Return the result, or what the function raised; EOFError or OSError if the worker has died."""
        answer: tuple[Result, Exception | None] = self.link.recv()
        return answer

    def dismiss(self) -> None:
        """Let it end, having nothing to do."""
        self.link.close()
        self._process.join()
        _alive.discard(self)

    def kill(self) -> None:
        """End it and all that it started, unless it has been dismissed."""
        import psutil

        if self not in _alive:
            return
        self.link.close()
        with suppress(psutil.Error):
            itself = psutil.Process(self._process.pid)
            # The worker first: it shall not take the end of its program for a failure, and write that down.
            for process in (itself, *itself.children(recursive=True)):
                with suppress(psutil.Error):
                    process.kill()
        self._process.join()
        _alive.discard(self)


_alive: set[_Worker[Any, Any]] = set()


@atexit.register  # before multiprocessing's own, which would wait for a worker that nobody dismissed
def _kill_all() -> None:
    for worker in list(_alive):
        worker.kill()


def _start_server() -> None:
    """Start the process that workers are forked from, unless it runs; signals reach neither it nor, at first, them.

    Raises
    ------
    OSError
        If so few files may be open that a worker could not be handed its pipe.
    """
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < _LEAST_FILES:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    resource_tracker.ensure_running()  # it would unblock them
    before, told = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS), tempfile.tempdir
    try:
        # A socket's path may have about a hundred characters; cluster jobs often have a longer TMPDIR.
        place = tempfile.gettempdir()
        tempfile.tempdir = place if len(place) < _LONGEST_FOLDER else "/tmp"  # noqa: S108
        forkserver.ensure_running()
    finally:
        tempfile.tempdir = told
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(function: Callable[[Item], Result], link: "Connection", environment: Mapping[str, str]) -> None:
    """Be a worker: it leaves signals to its parent, never outlives it, and has its environment as it is now."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    os.environ.clear()
    os.environ.update(environment)
    while True:
        try:
            item = link.recv()
        except EOFError:
            return
        link.send_bytes(_answer(partial(function, item)))


def _answer(work: Callable[[], object]) -> memoryview:
    try:
        return ForkingPickler.dumps((work(), None))
    except Exception as error:  # noqa: BLE001 - raised again in the parent
        error.add_note(f"In a worker:\n{traceback.format_exc()}")
        try:
            return ForkingPickler.dumps((None, error))
        except Exception:  # noqa: BLE001 - this one can't travel
            return ForkingPickler.dumps((None, RuntimeError(repr(error))))


def _die_with_parent() -> None:
    # PR_SET_PDEATHSIG would fire when the process dies that we were forked from, which is not who gives us work.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
