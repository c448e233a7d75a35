"""How the demo speaks, and how it runs commands: each shown as typed, and held to the exit code it should have."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


class DemoStoppedError(Exception):
    """Something went otherwise than it should; the text says what."""


def say(text: str = "") -> None:
    """Print a line at once, so that it stands before what commands print."""
    print(text, flush=True)


def headline(number: int, text: str) -> None:
    """Print the headline of a step; in bold on a terminal."""
    line = f"== {number}. {text} =="
    is_bold = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    say(f"\n\033[1m{line}\033[0m" if is_bold else f"\n{line}")


def shown(path: Path) -> str:
    """Return a path as a person would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def avakit(*words: str, expected: int = 0) -> None:
    """Run `avakit` as a process of its own, as a user would.

    Raises
    ------
    DemoStoppedError
        If it ends with another exit code than the expected one.
    """
    say(f"\n$ {shlex.join(['avakit', *words])}")
    finished = subprocess.run([sys.executable, "-m", "avakit", *words], env=_environment(), check=False)
    if finished.returncode != expected:
        raise DemoStoppedError(f"`avakit {words[0]}` ended with exit code {finished.returncode}, not {expected}")
    if expected:
        say(f"(exit code {expected}, as it should be)")


def check_sums(program: str, folder: Path, lists: Sequence[str]) -> int:
    """Have `sha256sum -c` check lists of digests from within a folder; return how many files it found right.

    Raises
    ------
    DemoStoppedError
        If it finds fault with one.
    """
    count = 0
    say(f"\n$ cd {shlex.quote(shown(folder))}")
    for name in lists:
        say(f"$ sha256sum -c {shlex.quote(name)}")
        finished = subprocess.run([program, "-c", name], cwd=folder, capture_output=True, text=True, check=False)
        if finished.returncode:
            raise DemoStoppedError(f"sha256sum finds fault with {name}:\n{finished.stdout}{finished.stderr}")
        lines = finished.stdout.splitlines()
        say(f"{lines[0]}\n... and so on, {len(lines)} files in all")
        count += len(lines)
    return count


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Say how long the block took."""
    started = time.monotonic()
    yield
    say(f"{what} took {time.monotonic() - started:.0f} s")


def _environment() -> dict[str, str]:
    """Return the environment without the user's own settings of avakit: the demo is the same everywhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AVAKIT_", "_AVAKIT_"))}
