"""The whole job through the command line, on films whose frames carry their own number."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import av
import pytest

from tests.faults import Fault
from tests.integration import world as worlds
from tests.integration.world import FILMS, FRAMES, World

TINY = ("--manifest", "tiny.yaml")


def tree(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".avakit/journal" not in str(path) and ".avakit/reports" not in str(path)
    }


def wait_for(folder: Path, pattern: str) -> None:
    """Wait until a file appears."""
    deadline = time.monotonic() + 20
    while not list(folder.glob(pattern)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_every_frame_shows_the_nearest_source_frame(world: World) -> None:
    """From annotations to verified frames: mirror and yt-dlp, mp4 and mkv, constant and variable rate."""
    done = world.run("prepare", *TINY)
    assert "9 done -> exit 0" in done.stdout
    for video_id, (reel, _) in FILMS.items():
        video = world.root / "tiny" / "videos" / f"{video_id}{Path(reel).suffix}"
        shown = worlds.strips(world.root / "tiny" / "rawframes" / video_id)
        assert shown == worlds.expected_strips(video)
        assert len(shown) == FRAMES
    assert world.run("verify").stdout.startswith("avakit verify: 13 match -> exit 0")


def test_a_second_run_does_nothing_and_says_so(world: World) -> None:
    world.run("prepare", *TINY)
    before = tree(world.root)
    again = world.run("prepare", "--dataset", "tiny")
    assert "9 cached, nothing to do -> exit 0" in again.stdout
    assert tree(world.root) == before


def test_the_separate_verbs_make_what_prepare_makes(world: World) -> None:
    """Frames straight from the video equal those from its window."""
    world.run("prepare", *TINY)
    frames = {name: data for name, data in tree(world.root).items() if "rawframes" in name}
    shutil.rmtree(world.root)
    world.run("download", "--split", "val", *TINY)
    world.run("extract-frames", "--dataset", "tiny")
    assert not (world.root / "tiny" / "windows").exists()
    assert {name: data for name, data in tree(world.root).items() if "rawframes" in name} == frames
    assert "3 done" in world.run("cut", "--dataset", "tiny").stdout


def test_coreutils_accept_the_manifests(world: World) -> None:
    sha256sum = shutil.which("sha256sum")
    if sha256sum is None:
        pytest.skip("no sha256sum on this machine")
    world.run("prepare", *TINY)
    world.run("manifest")
    lists = [".avakit/manifests/SHA256SUMS"]
    lists += [str(p.relative_to(world.root)) for p in (world.root / ".avakit/manifests/frames").rglob("*.sha256")]
    result = subprocess.run(
        [sha256sum, "-c", "--strict", *lists], cwd=world.root, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count(": OK") == 16 + 3 * FRAMES  # three of the 16 are what the frames show


@pytest.mark.parametrize("tenths", range(3, 15, 3))  # `make test-long` has two hundred
def test_killed_at_any_moment_the_same_command_goes_on(world: World, tenths: int) -> None:
    """SIGKILL; the same command finishes, and the tree is that of a run nobody disturbed."""
    world.run("prepare", *TINY, "--root", "calm")
    dice = random.Random(tenths)
    for _ in range(2):
        process = world.start("prepare", *TINY, "--jobs", "2")
        time.sleep(tenths / 10 + dice.uniform(0, 0.1))
        started = worlds.descendants(process.pid)
        process.kill()
        process.communicate()
        assert not worlds.wait_until_gone(started), "a killed run left processes behind"
    time.sleep(1)  # a worker that was only being born when we looked
    world.run("prepare", *TINY)
    found, calm = tree(world.root / "tiny"), tree(world.folder / "calm" / "tiny")
    assert found.keys() == calm.keys(), "nothing half-done lies under a final name, and no leftover remains"
    assert found == calm
    world.run("verify")


def test_sigterm_saves_the_state_and_exits_143(world: World) -> None:
    world.server.inject("/videos/reel-mkv-02.mkv", Fault.STALL)
    process = world.start("prepare", *TINY)
    wait_for(world.root / "tiny/videos", ".reel-mkv-02*")
    started = worlds.descendants(process.pid)
    assert started
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 143
    assert "-> exit 143" in out
    assert "\nroot sha256:" in f"\n{out}", "what is there by then has its digest, too"
    assert not worlds.wait_until_gone(started)
    world.server.heal("/videos/reel-mkv-02.mkv")
    world.run("prepare", *TINY)


def test_ctrl_c_counts_even_where_the_shell_ignores_it(world: World) -> None:
    """A job started with `&` in a script inherits an ignored SIGINT."""
    world.server.inject("/videos/reel-mkv-02.mkv", Fault.STALL)
    process = world.start("prepare", *TINY, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    wait_for(world.root / "tiny/videos", ".reel-mkv-02*")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130


def test_verify_names_a_flipped_byte_and_repair_mends_it(world: World) -> None:
    world.run("prepare", *TINY)
    before = tree(world.root / "tiny")
    frame = world.root / "tiny/rawframes/-Reel_mp4-1/img_00007.jpg"
    data = bytearray(frame.read_bytes())
    data[len(data) // 2] ^= 1
    frame.write_bytes(data)
    video = next((world.root / "tiny/videos").glob("reel-mkv*"))
    video.write_bytes(video.read_bytes()[:-100])
    extra = world.root / "tiny/rawframes/reel-mkv-02/Thumbs.db"
    extra.write_bytes(b"x")
    result = world.run("verify", expect=4)
    assert "* tiny/rawframes/-Reel_mp4-1/img_00007.jpg" in result.stdout
    assert "* tiny/videos/reel-mkv-02.mkv" in result.stdout
    assert "+ tiny/rawframes/reel-mkv-02/Thumbs.db" in result.stdout
    assert world.run("verify", "--quick", expect=4).stdout.count("\n") == 3, "quick sees sizes and sets, no flips"
    repaired = world.run("verify", "--repair")
    assert repaired.stdout.rstrip().endswith("exit 0")
    assert tree(world.root / "tiny") == before
    assert list((world.root / ".avakit/quarantine").rglob("img_00007.jpg"))
    world.run("verify")


def test_a_lost_video_falls_back_and_a_gone_one_is_named(world: World) -> None:
    (world.server.state.folder / "videos" / "reel-mkv-02.mkv").unlink()
    result = world.run("prepare", *TINY, expect=3)
    assert "not_found" in result.stdout
    assert "6 done, 3 unavailable" in result.stdout
    report = json.loads(max((world.root / ".avakit/reports").glob("*.json")).read_text())
    assert report["exit_code"] == 3
    assert {failure["item"] for failure in report["failures"]} == {"reel-mkv-02"}
    world.server.requests.clear()
    world.run("prepare", *TINY, expect=3)
    assert not world.server.requests, "what is known to be gone is not asked for again at once"
    assert "6 cached, 3 unavailable, nothing to do" in world.run("prepare", *TINY, "--max-unavailable", "40").stdout
    world.run("prepare", *TINY, "--max-unavailable", "40", "--strict", expect=3)


def test_a_disk_that_holds_videos_is_asked_first(world: World, tmp_path: Path) -> None:
    disk = tmp_path / "disk" / "old"
    disk.mkdir(parents=True)
    shutil.copy(world.server.state.folder / "videos" / "reel-mkv-02.mkv", disk)
    world.run("fetch", *TINY)
    world.server.requests.clear()
    done = world.json("prepare", *TINY, "--ids", "reel-mkv-02", "--folder", "disk")
    assert [row["source"] for row in done if row.get("stage") == "video"] == ["folder"]
    assert not world.server.requests


def test_dropped_intermediates_are_not_missed(world: World) -> None:
    world.run("prepare", *TINY, "--drop", "videos,windows")
    assert not list((world.root / "tiny/videos").iterdir())
    assert not (world.root / "tiny/windows").exists(), "frames can be made from the video; nobody wants the window"
    assert "3 cached, nothing to do" in world.run("prepare", *TINY).stdout
    assert "0.0" in world.run("status", *TINY).stdout
    world.run("verify")


def test_recipes_have_folders_of_their_own(world: World) -> None:
    world.run("prepare", *TINY)
    world.run("extract-frames", *TINY, "--fps", "5", "--short-side", "96", "--quality", "80")
    small = world.root / "tiny/rawframes-5fps-short96-q80/-Reel_mp4-1"
    assert len(list(small.iterdir())) == 20
    with av.open(str(small / "img_00001.jpg")) as picture:
        assert (picture.streams.video[0].height, picture.streams.video[0].width) == (96, 160)
    world.run("extract-frames", *TINY, "--key-frames")
    names = sorted(path.name for path in (world.root / "tiny/keys/-Reel_mp4-1").iterdir())
    assert names == ["img_00001.jpg", "img_00031.jpg", "img_00091.jpg"], "second 8 is excluded"
    full = world.root / "tiny/rawframes/-Reel_mp4-1/img_00031.jpg"
    assert (world.root / "tiny/keys/-Reel_mp4-1/img_00031.jpg").read_bytes() == full.read_bytes()
    world.run("verify")


def test_shards_are_disjoint_and_complete(world: World) -> None:
    world.run("fetch", *TINY)
    items = []
    for index in range(3):
        rows = world.json("download", *TINY, "--shard", f"{index}/3")
        items += [row["item"] for row in rows if row["type"] == "outcome"]
    assert sorted(items) == sorted(FILMS)
    world.environment = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4"}
    assert "srun" in world.run("download", *TINY, "--shard", "auto", expect=2).stderr


def test_clips_are_constant_rate_and_begin_at_zero(clip_world: World) -> None:
    result = clip_world.run("prepare", "--manifest", "tinetics.yaml", "--max-unavailable", "100")
    assert "5 done" in result.stdout
    folder = clip_world.root / "tinetics/train"
    clips = {str(path.relative_to(folder)) for path in folder.rglob("*.mp4")}
    assert clips == {
        "passing_American_football_(not_in_game)/-clip-ok-01_000001_000004.mp4",
        "massaging_person's_head/-clip-ok-01_000005_000008.mp4",
        "abseiling/clip_two__2_000002_000005.mp4",
    }
    for clip in clips:
        with av.open(str(folder / clip)) as container:
            stream = container.streams.video[0]
            times = [frame.time for frame in container.decode(stream)]
            assert stream.codec_context.name == "h264"
            assert stream.codec_context.pix_fmt == "yuv420p"
            assert times[0] == 0
            assert len(times) == 3 * stream.average_rate
    shown = clip_world.json("status", "--dataset", "tinetics", "--by-class")
    assert {(row["group"], row["present"]) for row in shown if row["stage"] == "clip"} == {
        ("abseiling", 1), ("massaging person's head", 1), ("passing American football (not in game)", 1),
    }  # fmt: skip
    clip_world.run("extract-frames", "--dataset", "tinetics", "--classes", "massaging person's head")
    assert len(list((clip_world.root / "k/rawframes/-clip-ok-01_000005_000008").iterdir())) == 90
    clip_world.run("verify")


def test_a_dry_run_touches_nothing(world: World) -> None:
    assert "not here yet" in world.run("prepare", *TINY, "-n", expect=65).stderr
    assert not world.root.exists()
    world.run("fetch", *TINY)
    before = tree(world.root)
    assert "9 to make" in world.run("prepare", *TINY, "-n").stdout
    assert "whether it fits can't be told: nobody knows how long each frames is" in world.run("plan", *TINY).stdout
    assert tree(world.root) == before


def test_json_lines_are_json(world: World) -> None:
    rows = world.json("prepare", *TINY)
    assert [row["type"] for row in rows].count("outcome") == 9
    assert rows[-1]["type"] == "summary"
    assert rows[-1]["exit_code"] == 0
    assert {row["kind"] for row in world.json("verify")[:-1]} == {"match"}


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_stops_the_run_and_more_space_ends_it(world: World, tmp_path: Path) -> None:
    disk = tmp_path / "data"
    disk.mkdir()
    mount = shutil.which("mount")
    if (
        mount is None
        or subprocess.run(
            [mount, "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(disk)], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("this machine can't mount a tmpfs")
    try:
        assert "--no-space-check begins" in world.run("prepare", *TINY, expect=74).stderr
        result = world.run("prepare", *TINY, "--no-space-check", expect=74)
        assert "No space left" in result.stderr
        assert "free some space" in result.stdout
        left = [path.name for path in disk.rglob(".*.partial*") if not path.name.endswith(".json")]
        assert not [name for name in left if "rawframes" in name]
        subprocess.run([mount, "-o", "remount,size=100m", str(disk)], check=True)
        world.run("prepare", *TINY)
        world.run("verify")
    finally:
        subprocess.run([str(shutil.which("umount")), "-l", str(disk)], check=True)


def test_a_root_that_can_not_be_written_is_refused_before_anything_is_done(world: World) -> None:
    result = world.run("prepare", *TINY, "--root", "/proc/avakit", expect=73)
    assert "choose another --root" in result.stderr
    assert not world.server.requests


def test_no_network_is_transient(world: World) -> None:
    world.run("fetch", *TINY)
    world.server.__exit__(None, None, None)
    result = world.run("prepare", *TINY, expect=75)
    assert "network" in result.stdout
    assert "run the same command again" in result.stdout


def test_no_ffmpeg_is_said_at_the_start(world: World) -> None:
    world.environment = {"AVAKIT_FFMPEG": "/nowhere/ffmpeg"}
    assert "ffmpeg" in world.run("prepare", *TINY, expect=69).stderr


def test_a_broken_annotation_line_is_named(world: World) -> None:
    table = world.server.state.folder / "annotations" / "tiny_val.csv"
    lines = table.read_text().splitlines()
    lines[4] = "-Reel_mp4-1,0008,0.1,0.2,1.5,0.9,12,0"
    table.write_text("\n".join(lines))
    result = world.run("prepare", *TINY, expect=65)
    assert "tiny_val.csv, line 5" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_clip_that_another_dataset_has_is_linked(clip_world: World) -> None:
    """Versions of Kinetics share most of their clips: none is downloaded or encoded a second time."""
    text = (clip_world.folder / "tinetics.yaml").read_text()
    (clip_world.folder / "later.yaml").write_text(
        text.replace("name: tinetics", "name: later").replace("clips: tinetics", "clips: later")
    )
    clip_world.run("prepare", "--manifest", "tinetics.yaml", "--drop", "videos", "--max-unavailable", "100")
    asked = len(clip_world.server.state.requests)
    clip_world.run("prepare", "--manifest", "later.yaml", "--drop", "videos", "--max-unavailable", "100")
    again = [request for request in clip_world.server.state.requests[asked:] if "youtube" in str(request)]
    assert not again, "what was gone stays given up, and what was made is linked"
    clips = sorted((clip_world.root / "later").rglob("*.mp4"))
    assert len(clips) == 3
    assert all(
        clip.samefile(clip_world.root / "tinetics" / clip.relative_to(clip_world.root / "later")) for clip in clips
    )
    clip_world.run("verify")


def test_what_repair_could_not_make_again_stays_missed(world: World) -> None:
    """Nothing is forgotten between quarantine and the new copy; a later repair goes on."""
    world.run("prepare", *TINY)
    video = world.root / "tiny/videos/reel-mkv-02.mkv"
    video.write_bytes(video.read_bytes()[:-100])
    served = world.server.state.folder / "videos" / "reel-mkv-02.mkv"
    served.rename(served.with_suffix(".away"))
    world.run("verify", "--repair", expect=4)
    assert "moved to quarantine and not made again" in world.run("verify", expect=4).stdout
    served.with_suffix(".away").rename(served)
    assert world.run("verify", "--repair").stdout.rstrip().endswith("exit 0")
    world.run("verify")


def test_repair_leaves_what_the_user_kept(world: World) -> None:
    """Dropping one film's video is no wish to lose another's."""
    world.run("prepare", *TINY)
    world.run("prepare", *TINY, "--ids", "reel-mkv-02", "--drop", "videos")
    frame = world.root / "tiny/rawframes/-Reel_mp4-1/img_00001.jpg"
    frame.write_bytes(frame.read_bytes() + b"x")
    world.run("verify", "--repair")
    videos = {path.stem for path in (world.root / "tiny/videos").iterdir()}
    assert videos == {"-Reel_mp4-1", "reelvarie-3"}


def test_a_stopped_run_counts_what_it_had_finished(world: World) -> None:
    world.server.inject("/videos/reel-mkv-02.mkv", Fault.STALL)
    process = world.start("prepare", *TINY, "--jobs", "1")
    wait_for(world.root / "tiny/videos", ".reel-mkv-02*")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    done = len(list((world.root / "tiny/videos").glob("[!.]*")))
    assert "stopped by SIGTERM" in err
    assert f"{9 - 3 * done} not tried" in out


def test_a_signal_during_the_annotations_stops_the_run(world: World) -> None:
    world.server.inject("/annotations/tiny_val.csv", Fault.STALL)
    process = world.start("prepare", *TINY)
    wait_for(world.root / "annotations/tiny", ".fetch*")
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 143


def test_a_changed_annotation_file_is_not_used_silently(world: World) -> None:
    world.run("fetch", *TINY)
    table = world.root / "annotations/tiny/tiny_val.csv"
    table.write_text(table.read_text().splitlines(keepends=True)[0])
    assert "accept-changed" in world.run("prepare", *TINY, expect=65).stderr
    world.run("fetch", *TINY, "--accept-changed")
    assert "3 done" in world.run("prepare", *TINY).stdout


def test_a_truncated_film_is_the_films_fault_and_not_the_disks(world: World) -> None:
    served = world.server.state.folder / "videos" / "reel-mkv-02.mkv"
    data = served.read_bytes()
    served.unlink()
    served.write_bytes(data[:300])
    (world.server.state.folder / "youtube" / "reel-mkv-02.mp4").write_bytes(data)
    done = world.json("prepare", *TINY, "--ids", "reel-mkv-02")
    assert [row["source"] for row in done if row.get("stage") == "video"] == ["youtube"]


@pytest.mark.parametrize("option", ["--ids", "--split", "--classes"])
def test_an_option_that_names_nothing_does_not_mean_everything(world: World, option: str) -> None:
    assert "names nothing" in world.run("prepare", *TINY, option, "", expect=2).stderr
