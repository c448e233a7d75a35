"""A thousand videos through 32 workers, from a server of which every twentieth answer is wrong."""

import hashlib
import json
import resource
import subprocess
from contextlib import ExitStack
from pathlib import Path

from tests import nginx, scale
from tests.faults import Fault, FaultyServer, Injection
from tests.integration.world import World

ITEMS, WORKERS = 1000, 32
#: What the process that leads the workers may take up between the first quarter of the items and the last one.
MOST_GROWTH = 8 << 20


def served_films(served: Path, film: bytes) -> dict[str, str]:
    """Put the films in place; return their digests by name."""
    (served / "videos").mkdir()
    digests = {}
    for number in range(ITEMS):
        data = scale.padded(film, len(film) + 100 + number * 97 % 60_000, number)
        name = f"film{number:07d}.mp4"
        (served / "videos" / name).write_bytes(data)
        digests[name] = hashlib.sha256(data).hexdigest()
    return digests


def resident(pid: int) -> int:
    """Return the bytes a process has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def count_faults(folder: Path, server: FaultyServer) -> int:
    """Return how many answers were wrong."""
    log = folder / "nginx" / "faulty.log"
    if log.exists():
        return sum(line.split()[1:] != [] for line in log.read_text().splitlines())
    return sum(min(count, 1) for path, count in server.state.met.items() if path in server.state.injections)


def start_faults(stack: ExitStack, folder: Path, server: FaultyServer, names: list[str]) -> str:
    """Return the address of the mirror: nginx with faults at random, or our own where every 20th film fails once."""
    kinds = (Fault.RESET, Fault.SHORT, Fault.BUSY)
    if not nginx.is_there():
        for number, name in enumerate(names[::20]):
            server.inject(f"/videos/{name}", Injection(frozenset({kinds[number % 3]}), times=1))
        return server.url
    for number, name in enumerate(names):
        server.inject(f"/videos/{name}", kinds[number % 2])
    folder = folder / "nginx"
    folder.mkdir()
    return f"{stack.enter_context(nginx.serving(server.state.folder, folder, cutter=server.url))}/faulty"


def test_nothing_is_lost_and_memory_stays_flat(tmp_path: Path, server: FaultyServer, tiny_film: bytes) -> None:
    digests = served_films(server.state.folder, tiny_film)
    with ExitStack() as stack:
        mirror = start_faults(stack, tmp_path, server, list(digests))
        scale.build(tmp_path, server.state.folder, server.url, list(digests), mirror=mirror)
        world = World(tmp_path, server)
        command = ("download", "--manifest", "many.yaml", "--whole", "--jobs", str(WORKERS))
        with world.start(*command, "--json", "--quiet") as process:
            samples, outcomes = follow(process)
        assert process.returncode in (0, 75)
        assert sorted(outcomes) == sorted(name[:-4] for name in digests), "each is done or named, once"
        failed = {item for item, status in outcomes.items() if status != "done"}
        faults = count_faults(tmp_path, server)
        assert faults >= ITEMS // 40
        growth = max(samples[ITEMS // 4 :]) - samples[ITEMS // 4]
        print(
            f"\nload: {ITEMS} items, {WORKERS} workers, {faults} wrong answers, {len(failed)} items left "
            f"for a second run; the parent held "
            f"{samples[ITEMS // 4] / 1e6:.1f} MB after a quarter, at most {max(samples) / 1e6:.1f} MB"
        )
        assert growth < MOST_GROWTH
        world.run(*command)
    found = {path.name: path for path in (world.root / "many" / "videos").iterdir()}
    assert found.keys() == digests.keys(), "no leftover remains"
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()} == digests
    world.run("verify")


def follow(process: subprocess.Popen[str]) -> tuple[list[int], dict[str, str]]:
    """Read a run to its end; return the parent's memory after each item, and what became of each."""
    samples, outcomes = [], {}
    assert process.stdout is not None
    for line in process.stdout:
        row = json.loads(line)
        if row["type"] == "outcome":
            assert row["item"] not in outcomes
            outcomes[row["item"]] = row["status"]
            samples.append(resident(process.pid))
    process.wait()
    return samples, outcomes
