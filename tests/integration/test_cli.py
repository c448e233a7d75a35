"""The command line from outside: help, mistakes, exit codes, completion, and how quickly the door opens."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

import avakit
from avakit import cli
from avakit.errors import DataInvalid, ExitCode, Interrupted

VERBS = [
    "datasets", "fetch", "check", "plan", "subset", "adopt", "download", "cut", "extract-frames", "prepare",
    "status", "stats", "manifest", "journal", "verify", "doctor",
]  # fmt: skip
HEAVY = {
    "pandas",
    "numpy",
    "yt_dlp",
    "requests",
    "joblib",
    "av",
    "pydantic",
    "yaml",
    "simplejpeg",
    "rich",
    "ffmpeg",
    "matplotlib",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, without settings of the person who runs the tests."""
    for name in list(os.environ):
        if name.startswith(("AVAKIT_", "_AVAKIT")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def program(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run avakit as a program of its own."""
    folder = str(Path(avakit.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-m", "avakit", *args], env={**os.environ, "PYTHONPATH": folder, **environment},
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


# --- help ---


def test_help_lists_the_verbs_in_the_order_of_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    commands = capsys.readouterr().out.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in commands if line.startswith("  ") and line[2] != " "] == VERBS


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_each_verb_has_help(verb: str, flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([verb, flag]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Usage: avakit {verb} ")
    assert "--root" in out or verb in ("datasets", "journal")


@pytest.mark.parametrize("verb", VERBS)
def test_each_option_says_what_it_is_for(verb: str) -> None:
    with cli.avakit.make_context("avakit", ["--version"], resilient_parsing=True) as context:
        command = cli.avakit.get_command(context, verb)
    assert command is not None
    assert command.help
    assert [p.name for p in command.params if isinstance(p, click.Option) and not p.help] == []


@pytest.mark.parametrize("verb", VERBS)
def test_each_option_can_be_set_in_the_environment_under_its_own_name(verb: str) -> None:
    with cli.avakit.make_context("avakit", ["--version"], resilient_parsing=True) as context:
        command = cli.avakit.get_command(context, verb)
    assert command is not None
    for parameter in command.params:
        if parameter.envvar is not None:
            long = max(parameter.opts, key=len).removeprefix("--")
            assert parameter.envvar == "AVAKIT_" + long.replace("-", "_").upper()


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"avakit, version {avakit.__version__}\n"


def test_without_a_verb_there_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([]) == 2
    captured = capsys.readouterr()
    assert "Usage: avakit" in captured.out + captured.err


# --- mistakes ---


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["downlod"], "unknown verb 'downlod': did you mean 'download'?"),
        (["extract_frames"], "unknown verb 'extract_frames': did you mean 'extract-frames'?"),
        (["zzz"], "unknown verb 'zzz'"),
        (["--zzz"], "No such option"),
        (["plan", "--datset", "demo"], "--dataset"),
        (["plan", "stray"], "stray"),
        (["plan", "--dataset", "ava-v2.3"], "unknown dataset 'ava-v2.3': did you mean 'ava-v2.2'?"),
        (["plan", "--dataset", "../x"], "unknown dataset '../x'"),
        (["datasets", "kinetic-400"], "did you mean 'kinetics-400'?"),
        (["plan", "--split", "vall"], "unknown split 'vall': did you mean 'val'?"),
        (["plan", "--split", "validate"], "unknown split 'validate'"),
        (["plan", "--dataset", "demo", "--split", "test"], "demo has no split 'test'; it has train, val"),
        (["plan", "--ids", "../x"], "'../x' is not a video id"),
        (["plan", "--shard", "8/8"], "--shard 8/8: the index counts from 0"),
        (["plan", "--shard", "auto"], "no job array here"),
        (["plan", "--limit", "0"], "--limit"),
        (["prepare", "--drop", "frames"], "unknown intermediate 'frames'"),
        (["prepare", "--quality", "101"], "--quality"),
        (["prepare", "--fps", "0", "--dry-run"], "--fps 0: expected a rate above 0"),
        (["prepare", "--fps", "1/0", "--dry-run"], "--fps '1/0': expected a number"),
        (["prepare", "--dataset", "kinetics-400", "--key-frames", "--dry-run"], "has no key frames"),
        (["download", "--mirror", "http://host/{idd}.mp4", "--dry-run"], "{idd} is unknown"),
        (["plan", "--manifest", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_a_mistake_has_one_sentence_and_exit_code_2(
    args: list[str], expected: str, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith("SLURM_"):
            monkeypatch.delenv(name)
    assert cli.run(args) == 2
    captured = capsys.readouterr()
    assert expected in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert list(home.iterdir()) == []


def test_a_manifest_with_a_typo_is_named_with_its_key(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["datasets", "demo", "--yaml"]) == 0
    text = capsys.readouterr().out
    (home / "mine.yaml").write_text(text.replace("licence:", "license:"))
    assert cli.run(["plan", "--manifest", "mine.yaml"]) == 2
    err = capsys.readouterr().err
    assert "mine.yaml: unknown key 'license' (did you mean 'licence'?)" in err
    assert "mine.yaml: licence: this key is missing" in err


@pytest.mark.parametrize("verb", ["plan", "status"])
def test_a_verb_that_only_looks_says_what_has_to_come_first(
    verb: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([verb, "--dataset", "demo"]) == 65
    assert "run `avakit fetch` first" in capsys.readouterr().err
    assert list(home.iterdir()) == []


def test_a_manifest_of_nothing_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["manifest"]) == 65
    assert "nothing is recorded here yet" in capsys.readouterr().err
    assert list(home.iterdir()) == []


def test_a_root_that_can_not_be_made(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "file").write_bytes(b"")
    assert cli.run(["download", "--dataset", "demo", "--root", "file/root"]) == 73
    assert "can't write here" in capsys.readouterr().err


# --- what a verb may end on ---


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (DataInvalid("a.csv, line 3: x"), ExitCode.DATA, "avakit: a.csv, line 3: x"),
        (Interrupted(2), ExitCode.SIGINT, "avakit: stopped by Ctrl-C"),
        (Interrupted(15), ExitCode.SIGTERM, "avakit: stopped by SIGTERM"),
        (OSError(28, "No space left on device", "/d"), ExitCode.STORAGE, "free some space"),
        (OSError(30, "Read-only file system", "/d"), ExitCode.CANT_CREATE, "that you may write to"),
        (KeyboardInterrupt(), ExitCode.SIGINT, "avakit: stopped by Ctrl-C"),
        (click.Abort(), ExitCode.SIGINT, "avakit: stopped by Ctrl-C"),
        (click.UsageError("--yaml needs a name"), ExitCode.USAGE, "--yaml needs a name"),
        (ZeroDivisionError("division by zero"), ExitCode.BUG, "please report"),
        (FileNotFoundError(2, "No such file", "/d"), ExitCode.BUG, "please report"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_whatever_is_raised_there_is_an_exit_code_and_a_sentence(
    error: BaseException, code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    cli.avakit.add_command(click.Command("break", callback=fail))
    cli.VERBS["break"] = "nowhere"
    try:
        group = cli.avakit
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(group, "get_command", lambda _, name: group.commands[name])
            assert cli.run(["break"]) == code
    finally:
        del cli.VERBS["break"]
        del cli.avakit.commands["break"]
    err = capsys.readouterr().err
    assert message in err
    assert ("Traceback" in err) is (code == ExitCode.BUG)


# --- the door opens at once ---


def test_the_command_line_loads_nothing_heavy() -> None:
    script = "import sys, avakit.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "avakit.cli" in done.stdout.split()
    assert {name.partition(".")[0] for name in done.stdout.split()} & HEAVY == set()


@pytest.mark.parametrize("args", [["--help"], *([verb, "--help"] for verb in VERBS)])
def test_help_loads_nothing_heavy(args: list[str]) -> None:
    script = (
        "import sys; from avakit.cli import run; code = run(sys.argv[1:]); print(*sys.modules, file=sys.stderr); "
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script, *args], capture_output=True, text=True, check=True)
    assert {name.partition(".")[0] for name in done.stderr.split()} & HEAVY == set()


def test_the_module_is_a_program() -> None:
    done = program("--version")
    assert (done.returncode, done.stdout) == (0, f"avakit, version {avakit.__version__}\n")
    assert program("downlod").returncode == 2


# --- completion ---


@pytest.mark.parametrize(
    ("words", "index", "expected"),
    [
        ("avakit down", 1, ["download"]),
        ("avakit ", 1, VERBS),
        ("avakit plan --dataset ava-v2", 3, ["ava-v2.0", "ava-v2.1", "ava-v2.2"]),
        ("avakit plan --split t", 3, ["train", "test"]),
        ("avakit plan --split val,t", 3, ["val,train", "val,test"]),
        ("avakit download --sources y", 3, ["youtube"]),
        ("avakit download --dry", 2, ["--dry-run"]),
        ("avakit datasets kinetics-7", 2, ["kinetics-700", "kinetics-700-2020"]),
    ],
)
def test_the_shell_completes(words: str, index: int, expected: list[str]) -> None:
    script = "import sys; sys.argv[0] = 'avakit'; from avakit.__main__ import main; main()"
    environment = {"_AVAKIT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(index)}
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert [line.partition(",")[2] for line in done.stdout.splitlines()] == expected


def test_a_reader_that_goes_away_is_no_bug() -> None:
    """`avakit datasets --json | head -c 1` ends with 141, as any program that SIGPIPE ends."""
    with subprocess.Popen(
        [sys.executable, "-m", "avakit", "datasets", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (141, b"")


# --- verbs that need nothing ---


def test_the_datasets(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["datasets", "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {each["name"] for each in found} >= {"ava-v1.0", "ava-v2.1", "ava-v2.2", "kinetics-400", "demo"}
    assert cli.run(["datasets", "ava-v2.0"]) == 0
    assert "split     train: not published\n" in capsys.readouterr().out


def test_the_doctor_finds_this_machine_able(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["doctor", "--offline", "--json"]) == 0
    *found, summary = map(json.loads, capsys.readouterr().out.splitlines())
    checks = {check["name"]: check for check in found}
    assert (summary["type"], summary["exit_code"]) == ("summary", 0)
    assert {name for name, check in checks.items() if check["verdict"] == "fail"} == set()
    assert {"ffmpeg", "av", "simplejpeg", "yt-dlp", "javascript", "cores", "root", "disk"} <= set(checks)
    assert all(check["remedy"] for check in checks.values() if check["verdict"] != "ok")
    assert list(home.iterdir()) == []


def test_the_doctor_finds_a_root_that_can_not_be_made(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "file").write_bytes(b"")
    assert cli.run(["doctor", "--offline", "--root", "file/root"]) == 73
    out = capsys.readouterr().out
    assert "FAIL  root: " in out
    assert "-> choose another --root" in out
