"""Two jobs race on one root, and are killed again and again."""

import os
import random
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from avakit.tools import files
from tests import scale
from tests.faults import Fault, FaultyServer, Injection
from tests.integration import reels
from tests.integration import world as worlds
from tests.integration.world import World

#: `make soak` takes more.
KILLS = int(os.environ.get("AVAKIT_TEST_KILLS", "200"))
#: Those that neither job survives for longer; it takes about a second until the first worker has begun.
SHORTEST, LONGEST = 0.3, 3.0
FILMS = 24
#: Some take their time, and are long enough for a killed download to be gone on with.
LARGE, LARGE_BYTES, LARGE_BYTES_PER_SECOND = 3, 12 << 20, 8e6
JOBS = (("prepare", "--jobs", "2"), ("download", "--jobs", "2"))


def build(folder: Path, server: FaultyServer) -> World:
    """Put films of three kinds in place under many names."""
    videos = server.state.folder / "videos"
    videos.mkdir()
    names = []
    for number in range(FILMS):
        reel = reels.make(worlds.REELS, ("23976.mp4", "2997-open.mkv", "varied.mp4")[number % 3])
        names.append(f"film{number:07d}{reel.suffix}")
        is_large = reel.suffix == ".mp4" and number % 3 == 0 and number < 3 * LARGE
        mark = scale.padded(b"", LARGE_BYTES if is_large else 0, number) if reel.suffix == ".mp4" else b""
        if is_large:
            slow = Injection(frozenset({Fault.SLOW}), bytes_per_second=LARGE_BYTES_PER_SECOND)
            server.inject(f"/videos/{names[-1]}", slow)
        (videos / names[-1]).write_bytes(reel.read_bytes() + mark)
    scale.build(folder, server.state.folder, server.url, names, span="6 4")
    return World(folder, server)


def identity(path: Path) -> tuple[int, int]:
    facts = path.stat()
    return facts.st_dev, facts.st_ino


def published(root: Path) -> dict[str, str]:
    """Return the digest of every file under a final name; of a folder of frames, of its whole list."""
    found = {}
    for path in sorted((root / "many").glob("*/*")):
        if path.name.startswith("."):
            continue
        while True:  # until it was not replaced while we looked
            try:
                before = identity(path)
                seen = _digests(path, root)
                if identity(path) == before:
                    break
            except FileNotFoundError:
                if not path.exists():
                    seen = {}
                    break
        found.update(seen)
    return found


def _digests(path: Path, root: Path) -> dict[str, str]:
    inside = sorted(path.iterdir()) if path.is_dir() else [path]
    name = str(path.relative_to(root))
    return {name: "\n".join(f"{files.sha256(each)} {each.name if each != path else ''}" for each in inside)}


@dataclass
class Race:
    """Two jobs on one root, until both have been killed often enough."""

    world: World
    calm: dict[str, str]
    dice: random.Random
    lock: threading.Lock = field(default_factory=threading.Lock)
    kills: int = 0
    finished: int = 0
    looks: int = 0
    round: int = 0

    @property
    def root(self) -> Path:
        return self.world.folder / f"round{self.round}"

    def check(self, root: Path) -> None:
        for name, digest in published(root).items():
            assert digest == self.calm[name], f"{name} is torn"
        self.looks += 1

    def run(self, job: tuple[str, ...]) -> None:
        """Start a job and kill it, over and over, until the kills are used up or it comes to its end."""
        root = self.root
        while True:
            with self.lock:
                if self.kills >= KILLS:
                    return
                moment = self.dice.uniform(SHORTEST, LONGEST)
            with self.world.start(
                job[0], "--manifest", "many.yaml", "--whole", *job[1:], "--quiet", "--root", str(root)
            ) as process:
                try:
                    process.wait(moment)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    with self.lock:
                        self.kills += 1
                process.wait()
                if process.returncode >= 0:
                    assert process.returncode == 0, process.communicate()
                    self.finished += 1
                    return
            self.check(root)


@pytest.mark.timeout(7200)
def test_two_jobs_that_are_killed_leave_nothing_torn_and_finish(tmp_path: Path, server: FaultyServer) -> None:
    """Round by round, each on a fresh root, until there were enough kills; each ends with an undisturbed run."""
    world = build(tmp_path, server)
    world.run("prepare", "--manifest", "many.yaml", "--whole", "--root", "calm")
    calm = published(tmp_path / "calm")
    assert len(calm) == 3 * FILMS
    race, started = Race(world, calm, random.Random(4)), time.monotonic()
    with ThreadPoolExecutor(len(JOBS)) as racers:
        while race.kills < KILLS:
            running = [racers.submit(race.run, job) for job in JOBS]
            while not all(each.done() for each in running):
                race.check(race.root)
                time.sleep(0.3)
            for each in running:
                each.result()
            world.run("prepare", "--manifest", "many.yaml", "--whole", "--root", str(race.root))
            assert published(race.root) == calm
            left = [path for path in (race.root / "many").rglob(".*") if files.is_partial(path.name)]
            assert not left, "nothing is left over"
            world.run("verify", "--root", str(race.root))
            race.round += 1
    print(
        f"\nkills: {race.kills} in {race.round} rounds and {time.monotonic() - started:.0f} s; {race.finished} jobs "
        f"came to their end between them; {race.looks} looks at every file found none torn"
    )
