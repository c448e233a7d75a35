"""Settings: the manifest, then `avakit.yaml`, then `AVAKIT_*`, then the command line; the last wins."""

import json
from pathlib import Path
from typing import Any

import click
import pytest

from avakit import cli
from avakit.cli import options, settings
from avakit.cli.download import command as download
from avakit.cli.prepare import command as prepare
from avakit.errors import ConfigInvalid

MANIFEST = """
name: mine
title: A dataset of one film
family: mine
description: For a test.
licence: CC0
citation: None needed.
homepage: https://example.org/
files:
  - name: mine_val.csv
    role: labels
    form: ava8
    splits: [val]
    urls: ["http://127.0.0.1:9/mine_val.csv"]
splits:
  val: {videos: 1}
span: {start: 900, duration: 901}
frames: {rate: 30}
sources:
  - type: mirror
    url: http://127.0.0.1:9/{id}.mp4
layout: {videos: mine/videos, windows: mine/windows, clips: mine/clips, frames: mine/frames, key_frames: mine/keys}
stages: [frames]
max_unavailable: 0.1
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, without settings of the person who runs the tests."""
    for name in list(settings.os.environ):
        if name.startswith(("AVAKIT_", "_AVAKIT")):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def write(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "avakit.yaml").write_text(text)


def given(*args: str, command: click.Command = prepare) -> dict[str, Any]:
    """Return the options that a verb would run with."""
    with command.make_context(command.name, list(args), parent=group()) as context:
        return context.params


def group() -> click.Context:
    return click.Context(cli.avakit, info_name="avakit", **cli.avakit.context_settings)


# --- the order ---


def made_frames(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """Return the folder that `prepare` would make frames in: its name tells which rate won."""
    assert cli.run(["prepare", "--manifest", "mine.yaml", "--dry-run", "--json", *args]) == 0
    (target,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert target["stage"] == "frames"
    return str(target["key"])


def test_each_place_is_stronger_than_the_one_before(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "mine.yaml").write_text(MANIFEST)
    annotations = home / "data/annotations/mine"
    annotations.mkdir(parents=True)
    (annotations / "mine_val.csv").write_text("-5KQ66BBWC4,0902,0.1,0.2,0.5,0.9,12,0\n")
    before = sorted(home.rglob("*"))

    assert made_frames(capsys) == "mine/frames/-5KQ66BBWC4"
    write(home, "fps: 20\n")
    assert made_frames(capsys) == "mine/frames-20fps/-5KQ66BBWC4"
    write(home / "data", "fps: 15\n")
    assert made_frames(capsys) == "mine/frames-15fps/-5KQ66BBWC4"
    monkeypatch.setenv("AVAKIT_FPS", "10")
    assert made_frames(capsys) == "mine/frames-10fps/-5KQ66BBWC4"
    assert made_frames(capsys, "--fps", "30000/1001") == "mine/frames-30000_1001fps/-5KQ66BBWC4"
    assert made_frames(capsys, "--fps", "30") == "mine/frames/-5KQ66BBWC4"

    (home / "avakit.yaml").unlink()
    (home / "data/avakit.yaml").unlink()
    assert sorted(home.rglob("*")) == before, "a dry run touches nothing"


@pytest.mark.parametrize(
    ("yaml", "environment", "args", "expected"),
    [
        ("", {}, [], {"dataset": "ava-v2.2", "root": Path("data"), "jobs": None, "strict": False}),
        ("jobs: 3\nstrict: true\n", {}, [], {"jobs": 3, "strict": True}),
        ("dataset: demo\n", {"AVAKIT_DATASET": "kinetics-400"}, [], {"dataset": "kinetics-400"}),
        ("dataset: demo\n", {"AVAKIT_DATASET": "ava-v2.1"}, ["--dataset", "ava-v1.0"], {"dataset": "ava-v1.0"}),
        ("jobs: 3\n", {"AVAKIT_JOBS": "4"}, ["-j", "5"], {"jobs": 5}),
        ("root: elsewhere\n", {}, [], {"root": Path("elsewhere")}),
        ("short-side: 256\nrecheck_after: 7\n", {}, [], {"short_side": 256, "recheck_after": 7.0}),
        ("max_unavailable: 5\n", {}, [], {"max_unavailable": 5.0}),
    ],
)
def test_options(
    home: Path, monkeypatch: pytest.MonkeyPatch, yaml: str, environment: dict[str, str], args: list[str],
    expected: dict[str, object],
) -> None:  # fmt: skip
    write(home, yaml)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = given(*args)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        ("sources: youtube\n", ("youtube",)),
        ("sources: mirror, youtube\n", ("mirror", "youtube")),
        ("sources: [youtube, mirror]\n", ("youtube", "mirror")),
        ("sources:\n", ()),
    ],
)
def test_a_list_is_written_as_on_the_command_line_or_as_yaml_does(
    home: Path, yaml: str, expected: tuple[str, ...]
) -> None:
    write(home, yaml)
    assert options.flatten(given()["sources"]) == expected


@pytest.mark.parametrize(
    ("yaml", "expected"), [("classes: 12\n", ("12",)), ("classes: [12, riding a bike]\n", ("12", "riding a bike"))]
)
def test_classes_in_yaml(home: Path, yaml: str, expected: tuple[str, ...]) -> None:
    write(home, yaml)
    assert options.flatten(given()["classes"]) == expected


def test_names_with_blanks_come_whole_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVAKIT_CLASSES", "riding a bike, juggling balls")
    assert options.flatten(given()["classes"]) == ("riding a bike", "juggling balls")


def test_a_setting_of_another_verb_is_passed_over(home: Path) -> None:
    write(home, "fps: 15\ndrop: videos\n")
    assert "fps" not in given(command=download)


# --- which files are read ---


@pytest.mark.parametrize(
    ("args", "environment", "expected"),
    [
        (["--root", "a"], "", "a"),
        (["--root=a"], "", "a"),
        (["--split", "val", "--root", "a", "--limit", "1"], "b", "a"),
        ([], "b", "b"),
        ([], "", None),
        (["--root"], "", None),
    ],
)
def test_early_root(monkeypatch: pytest.MonkeyPatch, args: list[str], environment: str, expected: str | None) -> None:
    monkeypatch.setenv("AVAKIT_ROOT", environment)
    assert settings.early_root(args) == expected


def test_the_settings_of_the_root_are_above_those_of_the_working_folder(home: Path) -> None:
    write(home, "root: a\njobs: 1\nfps: 20\n")
    write(home / "a", "jobs: 2\n")
    write(home / "b", "jobs: 3\n")
    assert settings.read(None) == {"root": "a", "jobs": 2, "fps": 20}
    assert settings.read("b")["jobs"] == 3
    assert settings.read("nowhere")["jobs"] == 1


def test_the_working_folder_may_be_the_root(home: Path) -> None:
    write(home, "jobs: 2\n")
    assert settings.read(".") == {"jobs": 2}


# --- files that are wrong ---


@pytest.mark.parametrize(
    ("yaml", "match"),
    [
        ("datset: demo\n", "unknown key 'datset': did you mean 'dataset'?"),
        ("limit: 3\n", "'limit' belongs to one run; say --limit"),
        ("yt_dlp_plugins: /somebody/s\n", "belongs to one run; say --yt-dlp-plugins"),
        ("js_runtime: node:/somebody/s\n", "belongs to one run; say --js-runtime"),
        ("dry_run: true\n", "'dry_run' belongs to one run; say --dry-run"),
        ("- demo\n", "expected 'key: value' lines"),
        ("demo\n", "expected 'key: value' lines"),
        ("jobs: 1\njobs: 2\n", "key 'jobs' stands here and in line 1"),
        ("jobs: [\n", "is not YAML"),
    ],
)
def test_a_wrong_file_is_named_with_its_problem(home: Path, yaml: str, match: str) -> None:
    write(home, yaml)
    with pytest.raises(ConfigInvalid) as caught:
        settings.read(None)
    assert match in str(caught.value)
    assert str(caught.value).startswith("avakit.yaml")


def test_all_unknown_keys_are_named_at_once(home: Path) -> None:
    write(home, "datset: demo\nrot: x\n")
    with pytest.raises(ConfigInvalid) as caught:
        settings.read(None)
    assert str(caught.value).count("unknown key") == 2


@pytest.mark.parametrize(
    ("yaml", "match"),
    [
        ("datset: demo\n", "did you mean 'dataset'?"),
        ("jobs: many\n", "'many'"),
        ("jobs: 0\n", "avakit.yaml: jobs: 0 is not in the range"),
        ("sources: miror\n", "unknown source 'miror': did you mean 'mirror'?"),
    ],
)
def test_a_wrong_file_ends_every_verb_with_2(
    home: Path, capsys: pytest.CaptureFixture[str], yaml: str, match: str
) -> None:
    write(home, yaml)
    assert cli.run(["prepare", "--dry-run"]) == 2
    assert match in capsys.readouterr().err


def test_help_is_given_whatever_the_files_say(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(home, "jobs: many\n")
    assert cli.run(["prepare", "--help"]) == 0
    assert "Usage: avakit prepare" in capsys.readouterr().out


# --- words with commas ---


def test_repeated_options_and_commas_are_one_list() -> None:
    found = given("--ids", "a,b", "--ids", "b, c,", "--split", "val,train")
    assert options.flatten(found["ids"]) == ("a", "b", "c")
    assert options.flatten(found["splits"]) == ("val", "train")


def test_an_id_may_begin_with_a_dash() -> None:
    assert options.flatten(given("--ids", "-5KQ66BBWC4")["ids"]) == ("-5KQ66BBWC4",)
    assert options.flatten(given("--ids=-5KQ66BBWC4,--5KQ66BBWC")["ids"]) == ("-5KQ66BBWC4", "--5KQ66BBWC")


@pytest.mark.parametrize(
    ("incomplete", "expected"),
    [("", ["train", "val", "test"]), ("t", ["train", "test"]), ("val,t", ["val,train", "val,test"])],
)
def test_the_last_word_is_completed(incomplete: str, expected: list[str]) -> None:
    with download.make_context("download", [], parent=group(), resilient_parsing=True) as context:
        found = options.SPLITS.shell_complete(context, download.params[0], incomplete)
    assert [item.value for item in found] == expected
