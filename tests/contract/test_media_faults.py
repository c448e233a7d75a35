"""The media rows of the fault matrix, M1 to M23: films that are damaged, are none, or are only odd.

A damaged film is found when it is delivered; then the next source is asked. After each fault the invariants of
tests/invariants.py hold, and with a good second source the same command makes what it would have made at once.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import simplejpeg

from avakit import journal
from avakit.cut import encoder
from avakit.errors import MediaRejected
from avakit.tools import track, video
from tests import faultyfilms, invariants
from tests import faultymedia as media
from tests.contract.faultycase import FAST, HASTY
from tests.faults import FaultyServer
from tests.faultyfilms import DAMAGED, FULL, ODD, Film, Odd
from tests.invariants import Trial
from tests.manifests import ABOUT, KINETICS

pytestmark = pytest.mark.media_fault

WANTED, CANARY = "-5KQ66BBWC4", "canary-0001"
NAME = f"{WANTED}_000001_000003"
_MANIFEST = (
    KINETICS
    + """
name: tiny
title: A tiny dataset of the form of Kinetics
family: tiny
splits: {train: {}}
sources: [{type: mirror, url: "URL/second/{id}.mp4"}]
layout: {videos: k/videos, windows: k/windows, clips: tiny, frames: k/rawframes, key_frames: k/keys}
stages: [video, clip, frames]
max_unavailable: 0
"""
)


class Place:
    """A server with a film that every trial may have in the end, and a root that holds another one.

    Attributes
    ----------
    begun, whole
        The root to begin with, and the digest of one that has both films.
    """

    def __init__(self, server: FaultyServer, folder: Path) -> None:
        self.second = server.state.folder / "second"
        self.second.mkdir()
        self.url = server.url
        (server.state.folder / "site").mkdir()
        (server.state.folder / "site/film.mp4").write_bytes(faultyfilms.mp4())
        (server.state.folder / "annotations").mkdir()
        rows = "".join(f"walking,{item},1,3,train\n" for item in (WANTED, CANARY))
        (server.state.folder / "annotations/train.csv").write_text(
            "label,youtube_id,time_start,time_end,split\n" + rows
        )
        begun = folder / "begun"
        (begun / "tmp").mkdir(parents=True)
        (begun / "shelf").mkdir()
        (begun / "tiny.yaml").write_text(_MANIFEST.replace("URL", server.url))
        for item in (WANTED, CANARY):
            (self.second / f"{item}.mp4").write_bytes(faultyfilms.mp4())
        words = ("download", "--manifest", "tiny.yaml", "--folder", "shelf", "--jobs", "1", "--no-space-check")
        made = Trial(begun, words)
        assert made.run("--ids", CANARY).code == 0
        self.begun = Trial(begun, words, invariants.good(made.root))
        whole = self.begun.at(folder / "whole")
        assert whole.run().code == 0
        self.whole = invariants.digest(whole.root)

    def heal(self) -> None:
        (self.second / f"{WANTED}.mp4").write_bytes(faultyfilms.mp4())

    def advertise(self, duration: str) -> None:
        """Have a page of a site show a film, and say how long it is."""
        film = {"@type": "VideoObject", "name": "film", "duration": duration, "contentUrl": f"{self.url}/site/film.mp4"}
        told = json.dumps({"@context": "https://schema.org", **film})
        page = f'<html><head><script type="application/ld+json">{told}</script></head></html>'
        (self.second.parent / "site" / WANTED).write_text(page)

    def harm(self) -> None:
        (self.second / f"{WANTED}.mp4").unlink(missing_ok=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("place")
    (folder / "served").mkdir()
    with FaultyServer(folder / "served") as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVAKIT_SHARED_DIR", str(folder / "shared"))
        invariants.hasten(patch, FAST, HASTY)
        yield Place(server, folder)


@pytest.fixture
def begin(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Trial]:
    """Return what makes a trial with a film on the shelf, and none on the mirror."""

    def make(film: bytes, suffix: str = "mp4") -> Trial:
        trial = place.begun.at(tmp_path / "trial")
        (trial.folder / "shelf" / f"{WANTED}.{suffix}").write_bytes(film)
        place.harm()
        invariants.hasten(monkeypatch, FAST, HASTY)
        invariants.settle(monkeypatch, trial.folder)
        return trial

    return make


@pytest.mark.parametrize("film", DAMAGED, ids=str)
def test_a_damaged_film_is_refused_and_the_next_source_asked(
    film: Film, begin: Callable[..., Trial], place: Place
) -> None:
    trial = begin(film.make(), film.suffix)
    invariants.assert_invariants(trial, trial.run(*film.words), {WANTED: film.expected})
    assert not list((trial.root / "k/videos").glob(f"*{WANTED}*"))
    place.heal()
    ran = trial.run(*film.words)
    assert ran.code == 0, ran.out + ran.err
    assert invariants.digest(trial.root) == place.whole


def test_m15_a_film_that_ends_inside_is_kept_unless_another_is_longer(
    begin: Callable[..., Trial], place: Place
) -> None:
    trial = begin(media.film(seconds=2))
    longer = trial.at(trial.folder.with_name("longer"))
    invariants.assert_invariants(trial, trial.run(), {WANTED: faultyfilms.ENDS_INSIDE})
    place.heal()
    ran = longer.run()
    assert ran.code == 0, ran.out + ran.err
    assert invariants.digest(longer.root) == place.whole


def prepared(trial: Trial, *words: str) -> Trial:
    """Return the trial with `prepare` for the film alone."""
    return replace(trial, words=("prepare", *trial.words[1:], "--ids", WANTED, *words))


@pytest.mark.parametrize("film", ODD, ids=str)
def test_an_odd_film_is_sound(film: Odd, begin: Callable[..., Trial]) -> None:
    trial = prepared(begin(film.make(), film.suffix), *FULL)
    ran = trial.run()
    assert ran.code == 0, ran.out + ran.err
    assert invariants.verify(trial)[0] == 0
    record = journal.read(trial.root).present[f"k/videos/{WANTED}"]
    assert dict(film.facts).items() <= record.facts["probe"].items()
    frames = sorted((trial.root / "k/rawframes" / NAME).iterdir())
    assert len(frames) == 60
    height, width, *_ = simplejpeg.decode_jpeg_header(frames[-1].read_bytes())
    assert (width, height) == film.size
    clip = video.probe(trial.root / f"tiny/train/walking/{NAME}.mp4")
    assert (clip.pix_fmt, clip.start_seconds, clip.width % 2, clip.height % 2) == ("yuv420p", 0, 0, 0)
    assert abs(clip.duration_seconds - 2) < Fraction(1, 20)


def at_work(trial: Trial, verb: str, film: bytes) -> Trial:
    """Return the trial with a verb that works on a film that was good when it came, and is replaced now."""
    ran = trial.run("--ids", WANTED)
    assert ran.code == 0, ran.out + ran.err
    path = trial.root / f"k/videos/{WANTED}.mp4"
    path.unlink()
    path.write_bytes(film)
    return replace(trial, words=(verb, "--manifest", "tiny.yaml", "--jobs", "1", "--no-space-check", "--ids", WANTED))


@pytest.mark.parametrize("verb", ["cut", "extract-frames"])
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(lambda: media.zeroed(faultyfilms.mp4(), 65536), faultyfilms.DECODE, id="M6"),
        pytest.param(lambda: media.wrong_sizes(faultyfilms.mp4()), faultyfilms.PACKETS, id="M7"),
        pytest.param(lambda: media.zeroed(faultyfilms.mkv(), 65536, 0.3), faultyfilms.PACKETS, id="M6-mkv"),
        pytest.param(lambda: media.cut(faultyfilms.webm(), 0.5), faultyfilms.TRUNCATED, id="M9"),
        pytest.param(lambda: media.film(seconds=0.8), faultyfilms.TOO_SHORT, id="M14"),
    ],
)
def test_what_is_decoded_anyway_is_decoded_strictly(
    verb: str, make: Callable[[], bytes], expected: tuple[str, str], begin: Callable[..., Trial]
) -> None:
    """And no clip and no frame of it comes under a final name."""
    trial = at_work(begin(faultyfilms.mp4()), verb, make())
    ran = trial.run()
    failures = {(row["item"], row["status"], row["reason"]) for row in ran.report["failures"]}
    assert failures == {(NAME, *expected)}, ran.out + ran.err
    assert ran.code == 3
    assert not (trial.root / "k/rawframes" / NAME).exists()
    assert not (trial.root / f"tiny/train/walking/{NAME}.mp4").exists()
    assert not trial.leftovers()


def test_m5_a_bit_that_flips_after_the_check_is_found_by_its_digest(begin: Callable[..., Trial]) -> None:
    trial = at_work(begin(faultyfilms.mp4()), "verify", media.flipped(faultyfilms.mp4(), 1))
    code, found = invariants.verify(trial)
    assert code == 4
    assert f"* k/videos/{WANTED}.mp4" in found


@pytest.mark.parametrize("depth", ["off", "demux", "full"])
def test_each_depth_of_the_check_finds_what_it_is_for(depth: str, begin: Callable[..., Trial]) -> None:
    """Damage that shows in frames alone passes at `demux`, and damage in packets at `off`."""
    for film, finds in (
        (media.film(seconds=0.8), ("off", "demux", "full")),
        (faultyfilms.mp4()[:-1], ("demux", "full")),
        (media.zeroed(faultyfilms.mp4(), 65536), ("full",)),
    ):
        trial = begin(film)
        ran = trial.run("--decode-check", depth)
        assert (ran.code != 0) == (depth in finds), ran.out + ran.err
        shutil.rmtree(trial.folder)


def test_m21_a_pipe_on_the_shelf_is_passed_over(begin: Callable[..., Trial], place: Place) -> None:
    trial = begin(b"")
    pipe = trial.folder / "shelf" / f"{WANTED}.mp4"
    pipe.unlink()
    os.mkfifo(pipe)
    invariants.assert_invariants(trial, trial.run(), {WANTED: ("unavailable", "not_found")})
    place.heal()
    assert trial.run("--recheck-after", "0").code == 0
    assert invariants.digest(trial.root) == place.whole


def fake(folder: Path, patch: pytest.MonkeyPatch, *, version: str, encoders: str, body: str = "exit 1") -> None:
    """Put an ffmpeg in place that says what it is told to say."""
    program = folder / "fake-ffmpeg"
    program.write_text(
        f"""#!/bin/sh
case "$*" in
  *-version*) printf 'ffmpeg version own\\nlibavutil      {version}.100 / {version}.100\\n';;
  *-encoders*) printf ' V....D {encoders}\\n A....D aac\\n';;
  *) {body};;
esac
"""
    )
    program.chmod(0o755)
    patch.setenv("AVAKIT_FFMPEG", str(program))


def test_m21_an_ffmpeg_that_hangs_is_stopped(begin: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch) -> None:
    trial = at_work(begin(faultyfilms.mp4()), "cut", faultyfilms.mp4())
    fake(trial.folder, monkeypatch, version="60. 8", encoders="libx264", body="sleep 60")
    monkeypatch.setattr(encoder, "_TIMEOUT_SECONDS", -7)
    ran = trial.run()
    failures = {(row["item"], row["status"], row["reason"]) for row in ran.report["failures"]}
    assert failures == {(NAME, "local_error", "tool")}
    assert ran.code == 75
    assert not ran.children
    assert not trial.leftovers()


@pytest.mark.parametrize(
    ("what", "said"),
    [("missing", "correct that variable"), ("too old", "4.4 or newer"), ("without libx264", "without libx264")],
)
def test_m22_an_ffmpeg_that_can_not_do_it_is_told_before_anything_begins(
    what: str, said: str, begin: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = at_work(begin(faultyfilms.mp4()), "cut", faultyfilms.mp4())
    before = invariants.good(trial.root)
    fake(trial.folder, monkeypatch, version="56. 51" if what == "too old" else "60. 8", encoders="mpeg4")
    if what == "missing":
        (trial.folder / "fake-ffmpeg").unlink()
    ran = trial.run()
    assert ran.code == 69, ran.out + ran.err
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
    assert invariants.good(trial.root) == before


def test_m23_an_image_that_is_cut_off_is_found(begin: Callable[..., Trial]) -> None:
    trial = prepared(begin(faultyfilms.mp4()))
    assert trial.run().code == 0
    image = trial.root / "k/rawframes" / NAME / "img_00007.jpg"
    image.write_bytes(image.read_bytes()[:-100])
    code, found = invariants.verify(trial)
    assert code == 4
    assert "* k/rawframes" in found
    assert "img_00007.jpg" in found


def test_m16_another_cut_of_the_film_is_refused(begin: Callable[..., Trial], place: Place) -> None:
    """The site says how long the film is that it means."""
    trial = begin(b"")
    (trial.folder / "shelf" / f"{WANTED}.mp4").unlink()
    manifest = trial.folder / "tiny.yaml"
    manifest.write_text(manifest.read_text().replace("sources: [", 'sources: [{type: youtube, url: "URL/site/{id}"}, '))
    manifest.write_text(manifest.read_text().replace("URL", place.url))
    place.advertise("PT10S")
    ran = trial.run()
    invariants.assert_invariants(trial, ran, {WANTED: ("corrupt", "length")})
    place.advertise("PT4S")
    assert trial.run().code == 0
    assert invariants.digest(trial.root) == place.whole


@pytest.mark.parametrize("has_second", [False, True])
def test_a_film_that_turns_out_damaged_is_asked_for_elsewhere(
    has_second: bool, begin: Callable[..., Trial], place: Place
) -> None:
    """At the depth `demux` its packets are in order; only who decodes it sees the hole."""
    trial = prepared(begin(media.zeroed(faultyfilms.mp4(), 65536)))
    if has_second:
        place.heal()
    ran = trial.run()
    assert ran.code == (0 if has_second else 3), ran.out + ran.err
    assert invariants.verify(trial)[0] == 0
    record = journal.read(trial.root).present[f"k/videos/{WANTED}"]
    assert record.facts["source"]["name"] == ("mirror" if has_second else "folder")
    assert (trial.root / f"tiny/train/walking/{NAME}.mp4").exists() == has_second
    assert (trial.root / "k/rawframes" / NAME).exists() == has_second
    assert not trial.leftovers()
    if not has_second:
        place.heal()
        assert trial.run().code == 0, "it is asked again by the next run"
        assert invariants.verify(trial)[0] == 0


@pytest.mark.parametrize("has_second", [False, True])
def test_a_film_whose_sound_turns_out_damaged_is_asked_for_elsewhere(
    has_second: bool, begin: Callable[..., Trial], place: Place
) -> None:
    """Without clips nobody but the maker of sound files listens to it."""
    trial = prepared(begin(media.muffled(faultyfilms.mp4())), "--audio", "wav")
    manifest = trial.folder / "tiny.yaml"
    manifest.write_text(manifest.read_text().replace("[video, clip, frames]", "[video, frames]"))
    if has_second:
        place.heal()
    ran = trial.run()
    assert ran.code == (0 if has_second else 3), ran.out + ran.err
    assert invariants.verify(trial)[0] == 0
    present = journal.read(trial.root).present
    assert present[f"k/videos/{WANTED}"].facts["source"]["name"] == ("mirror" if has_second else "folder")
    assert (f"tiny/audio/train/walking/{NAME}" in present) == has_second
    assert f"k/rawframes/{NAME}" in present
    assert not trial.leftovers()


def test_m6_a_hole_is_heard_where_only_sound_is_read(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    path.write_bytes(media.zeroed(faultyfilms.mkv(), 65536))
    with pytest.raises(MediaRejected, match="damaged") as refused:
        track.scan(path, Fraction(0), Fraction(4))
    assert (refused.value.status.value, refused.value.reason) == faultyfilms.PACKETS
    with pytest.raises(MediaRejected, match="damaged"):
        track.copy(path, tmp_path / "sound.mka", Fraction(0), Fraction(4), Fraction(0))


_FORM_AVA = (
    ABOUT
    + """
name: films
title: A film of which a window is annotated
family: films
files:
  - {name: val.csv, role: labels, form: ava8, splits: [val], urls: ["URL/annotations/val.csv"]}
  - {name: names.txt, role: file_names, splits: [val], urls: ["URL/annotations/names.txt"]}
  - {name: actions.pbtxt, role: label_map, splits: [val], urls: ["URL/annotations/actions.pbtxt"]}
splits: {val: {videos: 1}}
span: {start: 1, duration: 2}
key_seconds: {first: 1, last: 2, step: 1}
frames: {rate: 30, quality: 92}
clips: null
sources:
  - {type: mirror, url: "URL/first/{file_name}"}
  - {type: mirror, url: "URL/second/{file_name}"}
layout: {videos: f/videos, windows: f/windows, clips: f/clips, frames: f/rawframes, key_frames: f/keys}
stages: [video, window, frames]
max_unavailable: 0
"""
)


@pytest.fixture
def window_trial(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    """Make a trial with a film that has a hole on the first mirror, and is sound on the second."""
    served = place.second.parent
    (served / "first").mkdir(exist_ok=True)
    (served / f"first/{WANTED}.mp4").write_bytes(media.zeroed(faultyfilms.mp4(), 65536))
    place.heal()
    (served / "annotations/val.csv").write_text(f"{WANTED},0001,0.1,0.2,0.5,0.9,12,0\n")
    (served / "annotations/names.txt").write_text(f"{WANTED}.mp4\n")
    (served / "annotations/actions.pbtxt").write_text('item {\n  name: "swim"\n  id: 12\n}\n')
    folder = tmp_path / "trial"
    folder.mkdir()
    (folder / "films.yaml").write_text(_FORM_AVA.replace("URL", place.url))
    invariants.hasten(monkeypatch, FAST, HASTY)
    invariants.settle(monkeypatch, folder)
    return Trial(folder, ("prepare", "--manifest", "films.yaml", "--jobs", "1", "--no-space-check"))


@pytest.mark.parametrize("words", [(), FULL], ids=["when-extracted", "when-delivered"])
@pytest.mark.parametrize("part", ["--whole", "--span-only"])
def test_a_damaged_window_is_made_of_the_next_mirrors_film(
    part: str, words: tuple[str, ...], window_trial: Trial, place: Place
) -> None:
    ran = window_trial.run(part, *words)
    assert ran.code == 0, ran.out + ran.err
    assert invariants.verify(window_trial)[0] == 0
    present = journal.read(window_trial.root).present
    record = present[f"f/windows/{WANTED}" if part == "--span-only" else f"f/videos/{WANTED}"]
    assert str(record.facts["source"]["url"]).startswith(f"{place.url}/second/")
    assert len(list((window_trial.root / "f/rawframes" / WANTED).iterdir())) == 60
    assert not window_trial.leftovers()
    assert window_trial.run(part).code == 0


def test_the_depth_is_told_by_a_file_and_by_the_environment_too(
    begin: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = begin(faultyfilms.mp4()[:-1])
    (trial.folder / "avakit.yaml").write_text("decode_check: off\n")
    assert trial.run().code == 0, "YAML reads `off` as false"
    shutil.rmtree(trial.folder)
    trial = begin(media.zeroed(faultyfilms.mp4(), 65536))
    monkeypatch.setenv("AVAKIT_DECODE_CHECK", "full")
    assert trial.run().code == 3
