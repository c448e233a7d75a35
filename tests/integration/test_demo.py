"""The demo itself, on films of a fifth of the frames, with the port of its manifests taken."""

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from avakit.datasets import catalogue, parsers
from avakit.model import Span
from demo import __main__ as course
from demo import annotations, material, proof, shell

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Finished:
    """A demo that has run."""

    folder: Path
    code: int
    out: str
    err: str

    @property
    def root(self) -> Path:
        return self.folder / "data"


@pytest.fixture(scope="module")
def taken_port() -> Iterator[None]:
    """Keep the port of the manifests busy."""
    deadline = time.monotonic() + 60
    with socket.socket() as listener:
        while True:
            try:
                listener.bind(("127.0.0.1", 8765))
                break
            except OSError:  # another run of these tests holds it for a moment, or a demo's mirror does
                assert time.monotonic() < deadline, "port 8765 must be free for this test"
                time.sleep(0.5)
        listener.listen()
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, taken_port: None) -> Finished:
    del taken_port
    folder = tmp_path_factory.mktemp("demo") / "demo data"
    run = run_demo("--folder", str(folder), "--quick")
    return Finished(folder, run.returncode, run.stdout, run.stderr)


def run_demo(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "demo", *words], cwd=REPOSITORY, capture_output=True, text=True, timeout=240, check=False
    )


def test_it_ends_green(finished: Finished) -> None:
    assert finished.code == 0, finished.out + finished.err
    assert "Everything is as it should be." in finished.out
    assert "\x1b" not in finished.out + finished.err


def test_it_shows_every_command_with_the_exit_code_it_should_have(finished: Finished) -> None:
    assert re.findall(r"^\$ avakit (\S+) ", finished.out, re.MULTILINE) == [
        *("fetch", "plan", "prepare", "status", "prepare"),
        *("prepare", "status", "prepare"),
        *("verify", "verify", "verify"),
    ]
    assert finished.out.count("nothing to do -> exit 0") == 2
    assert "1 differs -> exit 4\n(exit code 4, as it should be)" in finished.out
    assert re.search(r"img_00450\.jpg  \(differs", finished.out)
    assert [line for line in finished.out.splitlines() if " match -> exit 0" in line][-1].endswith("20 match -> exit 0")


def test_every_frame_and_clip_was_proven(finished: Finished) -> None:
    assert finished.out.count("900 of 900 frames show the source frame nearest to their instant") == 2
    for film in material.FEATURES:
        assert len(list((finished.root / "demo" / "rawframes" / film.video_id).iterdir())) == 900
    clips = [path.relative_to(finished.root).as_posix() for path in sorted(finished.root.glob("*/clips/*/*/*"))]
    assert clips == [
        "demo-kinetics/clips/train/reading_book/demoClip_02_000012_000022.mp4",
        "demo-kinetics/clips/train/walking_by/-demoClip01_000005_000015.mp4",
        "demo-kinetics/clips/val/eating_snack/demoClip_03_000000_000010.mp4",
    ]


def test_the_film_that_the_mirror_lacks_came_by_way_of_yt_dlp(finished: Finished) -> None:
    lines = [line for line in finished.err.splitlines() if " done video " in line]
    sources = dict(re.search(r"video (\S+) .* from (\w+)\)", line).groups() for line in lines)  # type: ignore[union-attr]
    assert (sources["-demoFilm01"], sources["demoFilm_02"]) == ("mirror", "youtube")


def test_the_video_that_is_gone_is_named(finished: Finished) -> None:
    assert "unavailable video demoClip_99 [not_found]" in finished.err


def test_a_taken_port_is_said_and_gone_round(finished: Finished) -> None:
    assert "port 8765 is taken" in finished.out
    text = (finished.folder / "manifests" / "demo.yaml").read_text()
    assert ":8765/" not in text
    assert catalogue.load_file(finished.folder / "manifests" / "demo.yaml").name == "demo"


def test_the_damaged_frame_lies_in_quarantine(finished: Finished) -> None:
    folders = list((finished.root / ".avakit" / "quarantine").iterdir())
    assert len(folders) == 1
    assert (folders[0] / "demo" / "rawframes" / "-demoFilm01" / "img_00450.jpg").is_file()


def test_the_proof_sees_a_single_wrong_frame(finished: Finished, tmp_path: Path) -> None:
    film = material.slow(material.FEATURES[0])
    folder = tmp_path / "frames"
    shutil.copytree(finished.root / "demo" / "rawframes" / film.video_id, folder)
    shutil.copyfile(folder / "img_00300.jpg", folder / "img_00200.jpg")
    assert proof.frames_right(folder, film.path(finished.folder / "mirror"), 900) == (899, 900)


def test_of_two_times_as_near_the_proof_expects_the_earlier() -> None:
    times = [Fraction(n, 25) for n in range(10)]
    assert [proof._nearest(times, Fraction(k, 30)) for k in range(4)] == [0, 1, 2, 2]
    assert proof._nearest(times, Fraction(99)) == 9


def test_files_that_are_not_the_demos_are_left_alone(tmp_path: Path) -> None:
    thesis = tmp_path / "thesis.tex"
    thesis.write_text("all of it")
    run = run_demo("--folder", str(tmp_path))
    assert run.returncode == 1
    assert (
        run.stderr == f"\nThe demo stopped: {tmp_path} holds files that are not the demo's; "
        "name another folder with --folder\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_earlier_demo_is_removed_after_saying_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "demo-data"
    course._clear(folder)
    (folder / "data").mkdir()
    course._clear(folder)
    assert not (folder / "data").exists()
    assert capsys.readouterr().out == f"{folder} holds an earlier demo; removing it\n"


def test_another_exit_code_than_the_expected_one_stops_the_demo(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(shell.DemoStoppedError, match="`avakit datasets` ended with exit code 2, not 0"):
        shell.avakit("datasets", "no-such-dataset")
    assert capfd.readouterr().out.startswith("\n$ avakit datasets no-such-dataset\n")


def test_the_annotations_have_avas_form(tmp_path: Path) -> None:
    names = {path.name for path in annotations.write(tmp_path)}
    dataset = catalogue.load("demo")
    assert {file.name for file in dataset.files} <= names
    actions = parsers.read_label_map(tmp_path / "ava_action_list_v2.2.pbtxt")
    for split in ("train", "val"):
        path = tmp_path / f"demo_{split}.csv"
        form = r"[\w-]{11},0\d{3}(,[01]\.\d{3}){4},\d+,\d"
        assert all(re.fullmatch(form, line) for line in path.read_text().splitlines())
        rows = parsers.read_ava(path, 8, span=Span(Fraction(900), Fraction(30)), actions=actions)
        assert (rows.groupby("timestamp").size() > 1).all()
        assert set(rows["timestamp"]) == set(range(902, 929))
        assert set(rows["person_id"]) == {0, 1}
        assert not parsers.read_excluded(tmp_path / f"demo_{split}_excluded_timestamps.csv").empty


def test_the_annotations_have_kinetics_form(tmp_path: Path) -> None:
    annotations.write(tmp_path)
    dataset = catalogue.load_file(REPOSITORY / "demo" / "kinetics.yaml")
    rows = [parsers.read_kinetics(tmp_path / file.name) for file in dataset.files]
    assert [len(table) for table in rows] == [facts.clips for facts in dataset.splits.values()]
    assert (tmp_path / "kinetics_validate.csv").read_text().splitlines() == [
        "label,youtube_id,time_start,time_end,split",
        "eating snack,demoClip_03,0,10,validate",
    ]
