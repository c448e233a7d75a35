"""The root digest: printed at the end of every run that makes things, and the same for all copies made alike."""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import bagit

from avakit import journal, manifest
from avakit.layout import MANIFEST, ROOT, SHA256SUMS
from tests.integration import world as worlds
from tests.integration.world import World

BOTH = ("--manifest", "tinyboth.yaml", "--audio", "wav", "--key-frames", "--pack", "tar", "--max-unavailable", "99")
KINETICS = ("--manifest", "tinetics.yaml")
SEAL = re.compile(r"^root sha256:([0-9a-f]{64}) \(([0-9 \u202f\u00a0]+) entries\)$", re.MULTILINE)


def told(output: str) -> str:
    match = SEAL.search(output)
    assert match is not None, output
    return match[1]


def agree(root: Path) -> str:
    """Return the root digest, on which all that was written agrees, and sha256sum with it."""
    header, records = manifest.read(root / MANIFEST)
    state = journal.read(root)
    assert header.root == manifest.root(state) == (root / ROOT).read_text()[:64]
    assert len(records) == len(state.present) + len(state.gaps.keys() - state.present)
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "-c", "--quiet", ROOT, SHA256SUMS], cwd=root, check=True)
    return header.root


def test_copies_made_alike_have_one_root_whatever_the_jobs_the_time_and_the_kills(both_world: World) -> None:
    calm = both_world.run("prepare", *BOTH, "--root", "calm", "--jobs", "1")
    process = both_world.start("prepare", *BOTH, "--jobs", "2")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(both_world.root.glob("both/clips/*/*/*.mp4")):
        time.sleep(0.05)
    started = worlds.descendants(process.pid)
    process.kill()
    process.communicate()
    assert not worlds.wait_until_gone(started)
    assert not (both_world.root / ROOT).exists(), "it was killed before the end"
    resumed = both_world.run("prepare", *BOTH, "--jobs", "2")
    assert told(calm.stdout) == told(resumed.stdout) == agree(both_world.root) == agree(both_world.folder / "calm")
    times = [(root / MANIFEST).read_bytes() for root in (both_world.root, both_world.folder / "calm")]
    assert times[0] != times[1], "the records hold times; the root does not"


def test_each_run_that_makes_things_ends_with_the_root(clip_world: World) -> None:
    fetched = told(clip_world.run("fetch", *KINETICS).stdout)
    made = told(clip_world.run("download", *KINETICS, expect=3).stdout)
    assert fetched != made
    assert not (clip_world.root / ROOT).exists(), "written at the end of prepare, and where it is there already"
    summary = clip_world.json("prepare", *KINETICS)[-1]
    assert summary["root_sha256"] == agree(clip_world.root)
    assert summary["entries"] == (clip_world.root / SHA256SUMS).read_text().count("\n")
    report = max((clip_world.root / ".avakit/reports").glob("*-prepare-*.json"))
    assert json.loads(report.read_text())["root_sha256"] == summary["root_sha256"]
    before = summary["root_sha256"]
    assert told(clip_world.run("extract-frames", "--dataset", "tinetics").stdout) == agree(clip_world.root) != before
    before = agree(clip_world.root)
    clip = next(clip_world.root.glob("tinetics/train/*/*.mp4"))
    os.truncate(clip, 100)
    assert told(clip_world.run("verify", "--repair").stdout) == before == agree(clip_world.root)
    quiet = clip_world.run("prepare", "--dataset", "tinetics", "--quiet").stdout
    assert quiet.count("\n") == 1


def test_the_manifest_tells_who_made_what_without_secrets(clip_world: World) -> None:
    mirror = f"{clip_world.server.url.replace('//', '//me:planted-5ecret@')}/nothing/{{id}}?token=planted-5ecret"
    clip_world.run("prepare", *KINETICS, "--mirror", mirror)
    header, records = manifest.read(clip_world.root / MANIFEST)
    assert "planted-5ecret" not in (clip_world.root / MANIFEST).read_text()
    for record in records:
        assert header.commands[record["command"]]["arguments"][0] == "prepare"
    depths = {record["kind"]: record["checks"]["decode"] for record in records if "checks" in record}
    assert depths == {"video": "demux", "clip": "full"}
    gap = next(record for record in records if "path" not in record and record["kind"] == "video")
    assert gap["attempts"] == 1
    assert gap["first_seen"] == gap["last_seen"]
    clip_world.run("manifest", "--dataset", "tinetics", "--split", "train", "--bagit", "bag")
    bagit.Bag(str(clip_world.folder / "bag")).validate()
    assert len(list((clip_world.folder / "bag/data/tinetics").rglob("*.mp4"))) == 3
