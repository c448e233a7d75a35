"""`avakit cut` by other recipes than the dataset's own, and the sound beside windows and clips."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from avakit import journal
from demo import films
from tests.integration import reels
from tests.integration import world as worlds
from tests.integration.world import FILMS, World

CUT = ("cut", "--dataset", "tiny", "--mode", "encode", "--preset", "ultrafast", "--short-side", "96", "--gop", "16")
ENCODED = "tiny/windows-encode-ultrafast-gop16-short96"


def shown(path: Path) -> list[int]:
    with av.open(str(path)) as file:
        return [films.read_strip(frame.to_ndarray(format="gray")) for frame in file.decode(video=0)]


def outcomes(rows: list[dict[str, Any]]) -> dict[tuple[str, str], tuple[str, str]]:
    return {(r["stage"], r["item"]): (r["status"], r["reason"]) for r in rows if r["type"] == "outcome"}


def test_encoded_windows_lie_beside_the_copied_ones(world: World) -> None:
    """Without the films, from copied windows; file frame k is frame number k + 1; cut once, verified, and repaired."""
    world.run("prepare", "--manifest", "tiny.yaml", "--drop", "videos")
    assert f"would make window {ENCODED}/reel-mkv-02" in world.run(*CUT, "-n").stdout
    rows = world.json(*CUT, "--audio", "flac", "--audio-rate", "48000", expect=3)
    found = outcomes(rows)
    assert {found["window", video_id] for video_id in FILMS} == {("done", "")}
    assert found["audio", "reelvarie-3"] == ("unavailable", "no_audio"), "one of them has no sound"
    assert found["audio", "reel-mkv-02"] == ("done", "")
    for video_id in FILMS:
        path = world.root / ENCODED / f"{video_id}.mp4"
        assert shown(path) == worlds.strips(world.root / "tiny/rawframes" / video_id)
        with av.open(str(path)) as file:
            assert (file.streams.video[0].width, file.streams.video[0].height) == (160, 96)
            assert file.streams.video[0].average_rate == 30
    with av.open(str(world.root / "tiny/audio-flac-48k/reel-mkv-02.flac")) as file:
        assert (file.streams.audio[0].rate, file.streams.audio[0].duration) == (48_000, 4 * 48_000)
    again = outcomes(world.json(*CUT, "--audio", "flac", "--audio-rate", "48000", expect=3))
    assert {status for status, _ in again.values()} == {"cached", "unavailable"}
    gaps = journal.read(world.root).met["tiny/audio-flac-48k/reelvarie-3"]
    assert len(gaps) == 1, "what has no sound is not looked through again"
    world.run(*CUT, "--audio", "flac", "--audio-rate", "48000", "--max-unavailable", "20")
    world.run("verify")
    for path in (f"{ENCODED}/reel-mkv-02.mp4", "tiny/audio-flac-48k/reel-mkv-02.flac"):
        with (world.root / path).open("r+b") as file:
            file.seek(3000)
            file.write(b"damage")
    assert "2 differs" in world.run("verify", "--repair").stdout
    assert shown(world.root / ENCODED / "reel-mkv-02.mp4") == worlds.strips(world.root / "tiny/rawframes/reel-mkv-02")
    world.run("verify")
    narrow = world.json("verify", "--dataset", "tiny", "--ids", "reel-mkv-02")
    paths = {row["path"] for row in narrow if row["type"] == "finding"}
    assert {f"{ENCODED}/reel-mkv-02.mp4", "tiny/audio-flac-48k/reel-mkv-02.flac"} <= paths


def test_what_was_cut_otherwise_is_never_taken_for_the_datasets_own(clip_world: World) -> None:
    """Clips can be copied, and small ones made from the dataset's own where the videos are gone."""
    clip_world.run("download", "--manifest", "tinetics.yaml", "--max-unavailable", "100")
    found = outcomes(clip_world.json("cut", "--dataset", "tinetics", "--mode", "copy", "--max-unavailable", "100"))
    assert [status for status, _ in found.values()].count("done") == 3
    copied = clip_world.root / "tinetics-copy/train/abseiling/clip_two__2_000002_000005.mkv"
    record = journal.read(clip_world.root).present["tinetics-copy/train/abseiling/clip_two__2_000002_000005"]
    video = clip_world.root / "k/videos/clip_two__2.mp4"
    begins, _ = reels.times(video)
    with av.open(str(copied)) as file, av.open(str(video)) as whole:
        packets = {bytes(packet) for packet in file.demux(video=0) if packet.size}
        assert packets < {bytes(packet) for packet in whole.demux(video=0) if packet.size}
        assert file.start_time / 1e6 + float(Fraction(record.facts["origin"])) <= 2
    assert clip_world.json("status", "--dataset", "tinetics")[1]["present"] == 0, "own clips are still to be made"
    rows = outcomes(clip_world.json("prepare", "--dataset", "tinetics", "--drop", "videos", "--max-unavailable", "100"))
    assert rows["clip", "clip_two__2_000002_000005"] == ("done", "")
    own = shown(clip_world.root / "tinetics/train/abseiling/clip_two__2_000002_000005.mp4")
    assert own == [reels.nearest(begins, 2 + Fraction(k, 30)) for k in range(90)]
    small = ("cut", "--dataset", "tinetics", "--short-side", "96", "--no-sound", "--max-unavailable", "100")
    assert [status for status, _ in outcomes(clip_world.json(*small)).values()].count("done") == 3
    path = clip_world.root / "tinetics-short96-nosound/train/abseiling/clip_two__2_000002_000005.mp4"
    assert shown(path) == own
    assert "from" in journal.read(clip_world.root).present[str(path.relative_to(clip_world.root).with_suffix(""))].facts
    clip_world.run("verify")


def test_prepare_writes_sound_before_it_drops_what_it_came_from(clip_world: World) -> None:
    prepare = (
        "prepare",
        "--manifest",
        "tinetics.yaml",
        "--audio",
        "wav",
        "--drop",
        "videos",
        "--max-unavailable",
        "100",
    )
    found = outcomes(clip_world.json(*prepare))
    assert found["audio", "-clip-ok-01_000001_000004"] == ("done", "")
    assert found["audio", "clip_two__2_000002_000005"] == ("unavailable", "no_audio")
    assert not list((clip_world.root / "k/videos").iterdir()), "also the one that has no sound"
    path = clip_world.root / "tinetics/audio/train/massaging_person's_head/-clip-ok-01_000005_000008.wav"
    with av.open(str(path)) as file:
        assert (file.streams.audio[0].rate, file.streams.audio[0].duration) == (16_000, 3 * 16_000)
    status = clip_world.json("status", "--dataset", "tinetics", "--audio", "wav")
    assert [(r["wanted"], r["present"]) for r in status if r.get("stage") == "audio" and "wanted" in r] == [(4, 2)]
    assert {s for s, _ in outcomes(clip_world.json(*prepare)).values()} == {"cached", "unavailable"}
    lines = clip_world.json("plan", "--dataset", "tinetics", "--audio", "flac")
    line = next(line for line in lines if line.get("stage") == "audio")
    assert (line["count"], line["bytes"] > 0) == (3, True)


def test_options_that_mean_nothing_are_refused(world: World) -> None:
    world.run("fetch", "--manifest", "tiny.yaml")
    for words, why in {
        ("--crf", "20"): "--crf is for what is encoded",
        ("--short-side", "96"): "--short-side is for what is encoded",
        ("--audio-rate", "48000"): "--audio-rate is for --audio wav and flac",
        ("--audio", "copy", "--audio-rate", "48000"): "a copy keeps the rate of its track",
        ("--crf", "60"): "60 is not in the range",
    }.items():
        refused = world.run("cut", "--dataset", "tiny", *words, expect=2)
        assert why in refused.stderr
    world.environment = {"AVAKIT_CRF": "20"}
    assert "to make" in world.run("cut", "--dataset", "tiny", "-n").stdout, "a machine's setting is for what it fits"


def test_a_dataset_whose_own_clips_are_copies(clip_world: World) -> None:
    """Its manifest says so; frames and sound from them are those from the videos."""
    text = (clip_world.folder / "tinetics.yaml").read_text()
    assert "clips: {" in text
    head, _, tail = text.partition("clips: {")
    manifest = clip_world.folder / "tinetics.yaml"
    manifest.write_text(f"{head}clips: {{mode: copy, {tail}")
    clip_world.run("prepare", "--manifest", "tinetics.yaml", "--drop", "videos", "--max-unavailable", "100")
    copied = clip_world.root / "tinetics/train/abseiling/clip_two__2_000002_000005.mkv"
    assert copied.is_file()
    extract = ("extract-frames", "--dataset", "tinetics", "--ids", "clip_two__2", "--max-unavailable", "100")
    clip_world.run(*extract)
    begins, _ = reels.times(reels.make(worlds.REELS, "varied.mp4"))
    frames = worlds.strips(clip_world.root / "k/rawframes/clip_two__2_000002_000005")
    assert frames == [reels.nearest(begins, 2 + Fraction(k, 30)) for k in range(90)]
    encode = ("cut", "--dataset", "tinetics", "--mode", "encode", "--ids", "clip_two__2,-clip-ok-01")
    clip_world.run(*encode, "--audio", "wav", "--max-unavailable", "100")
    assert (
        shown(clip_world.root / "tinetics-encode-crf23-ultrafast/train/abseiling/clip_two__2_000002_000005.mp4")
        == frames
    )
    assert len(list((clip_world.root / "tinetics/audio").rglob("*.wav"))) == 2
    clip_world.run("verify")
