"""Programs: started without a shell, always drained, never left behind."""

import ctypes
import errno
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from avakit.errors import ToolMissing

_TAIL_BYTES = 64 << 10
_CHUNK = 64 << 10
#: How long a program may take to leave after SIGTERM, and to be heard out when a child of its own holds the pipes.
_GRACE_SECONDS = 2.0
_PR_SET_PDEATHSIG = 1
# Loaded before any fork: loading a library between fork and exec can deadlock in a process with threads.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Completed:
    """How a program ended.

    Attributes
    ----------
    returncode
        Its exit code; negative if a signal ended it.
    stdout
        What it printed: all of it, or the last 64 KiB where `on_line` was given.
    stderr
        The last 64 KiB of what it complained about.
    timed_out
        Whether it was stopped for taking too long.
    """

    returncode: int
    stdout: str
    stderr: str
    timed_out: bool


def run(
    argv: Sequence[str],
    *,
    timeout_seconds: float,
    stdin: bytes | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Completed:
    """Run a program to its end, in a process group of its own.

    Parameters
    ----------
    argv
        The program's absolute path and its arguments.
    timeout_seconds
        Wall time after which the whole group is sent SIGTERM and, two seconds later, SIGKILL.
    stdin
        What it reads; nothing by default, so that it can't eat the caller's input.
    cwd, env
        As of `subprocess.Popen`.
    on_line
        Called in this thread with each line of standard output. What it raises stops the program.

    Raises
    ------
    ValueError
        If the program's path is not absolute: a lookup could find another one.
    ToolMissing
        If there is no such program or it can't be executed.
    """
    if not Path(argv[0]).is_absolute():
        raise ValueError(f"{argv[0]!r} is not an absolute path")
    process = _start(argv, stdin is not None, cwd, env)
    conversation = _Conversation(process, stdin or b"", on_line)
    try:
        timed_out = not conversation.hold(time.monotonic() + timeout_seconds)
    except BaseException:
        _stop(process)
        raise
    finally:
        conversation.close()
    if timed_out or conversation.left_children:
        _stop(process)
    return Completed(process.returncode, conversation.stdout, conversation.stderr, timed_out)


def _start(
    argv: Sequence[str], has_stdin: bool, cwd: Path | None, env: Mapping[str, str] | None
) -> subprocess.Popen[bytes]:
    parent = os.getpid()
    try:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE if has_stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=cwd,
            env=env,
            process_group=0,
            # Nothing but two system calls between fork and exec, so no lock of another thread is waited for.
            preexec_fn=lambda: die_with_parent(signal.SIGKILL, parent),  # noqa: PLW1509
        )
    except OSError as error:
        if error.filename == argv[0] or error.errno == errno.ENOEXEC:
            raise ToolMissing(argv[0], f"can't be run: {error.strerror}") from error
        raise


def die_with_parent(signal_number: int, parent: int) -> None:
    """Have the kernel send this process a signal when its parent (the thread that started it) ends; Linux only.

    Parameters
    ----------
    signal_number
        The signal.
    parent
        The parent's process id: if it is already gone, this process ends at once.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal_number)
        if os.getppid() != parent:
            os._exit(1)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process group: TERM, up to two seconds, KILL. The process is waited for, so no zombie stays."""
    _signal_group(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)
    _signal_group(process, signal.SIGKILL)
    process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        os.killpg(process.pid, number)


class _Conversation:
    """The pipes of one process, served in one thread so that none of them can fill up and block it."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: bytes, on_line: Callable[[str], None] | None) -> None:
        self._process = process
        self._stdin = memoryview(stdin)
        self._on_line = on_line
        self._out = bytearray()
        self._err = bytearray()
        self._line = bytearray()
        #: Whether the process ended and something it started still holds its pipes.
        self.left_children = False
        self._selector = selectors.DefaultSelector()
        for stream in (process.stdout, process.stderr):
            self._register(stream, selectors.EVENT_READ)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            self._register(process.stdin, selectors.EVENT_WRITE)

    @property
    def stdout(self) -> str:
        return self._out.decode(errors="replace")

    @property
    def stderr(self) -> str:
        return self._err.decode(errors="replace")

    def _register(self, stream: IO[bytes] | None, events: int) -> None:
        if stream is not None:
            self._selector.register(stream, events)

    def hold(self, deadline: float) -> bool:
        """Serve the pipes until the process has ended; return whether that was before the deadline."""
        quiet_since = None
        while self._selector.get_map():
            now = time.monotonic()
            if now >= deadline:
                return False
            ready = self._selector.select(min(deadline - now, 0.2))
            for key, _ in ready:
                self._serve(key)
            if ready or self._process.poll() is None:
                quiet_since = None
            elif quiet_since is None:
                quiet_since = now
            elif now - quiet_since > _GRACE_SECONDS:
                self.left_children = True
                break
        if self._line and self._on_line is not None:
            self._on_line(self._line.decode(errors="replace"))
        return self._wait(deadline)

    def _wait(self, deadline: float) -> bool:
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        return True

    def _serve(self, key: selectors.SelectorKey) -> None:
        stream = key.fileobj
        if stream is self._process.stdin:
            self._feed(key.fd)
            return
        data = os.read(key.fd, _CHUNK)
        if not data:
            self._selector.unregister(stream)
        elif stream is self._process.stderr:
            self._err += data
            del self._err[:-_TAIL_BYTES]
        else:
            self._hear(data)

    def _feed(self, descriptor: int) -> None:
        try:
            self._stdin = self._stdin[os.write(descriptor, self._stdin[:_CHUNK]) :]
        except BrokenPipeError:  # it does not want to know the rest
            self._stdin = self._stdin[:0]
        if not self._stdin and self._process.stdin is not None:
            self._selector.unregister(self._process.stdin)
            self._process.stdin.close()

    def _hear(self, data: bytes) -> None:
        self._out += data
        if self._on_line is None:
            return
        del self._out[:-_TAIL_BYTES]
        self._line += data
        *lines, rest = bytes(self._line).split(b"\n")
        self._line = bytearray(rest)
        for line in lines:
            self._on_line(line.rstrip(b"\r").decode(errors="replace"))

    def close(self) -> None:
        """Close what is still open of the pipes."""
        self._selector.close()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
