"""The tree of errors: fit to travel, and each with the exit code that its page promises."""

import errno
import importlib
import os
import pickle
import pkgutil
import re
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import avakit
from avakit import errors
from avakit.errors import ExitCode, Status

EXAMPLES: list[tuple[errors.AvakitError, str, ExitCode]] = [
    (errors.AvakitError("a", "b"), "a: b", ExitCode.BUG),
    (errors.ConfigInvalid("one is wrong", "two is wrong"), "one is wrong\ntwo is wrong", ExitCode.USAGE),
    (errors.DataInvalid("a.csv, line 3: x", "a.csv, line 9: y"), "a.csv, line 3: x\na.csv, line 9: y", ExitCode.DATA),
    (errors.ToolMissing("ffmpeg", "install it"), "ffmpeg: install it", ExitCode.TOOL_MISSING),
    (errors.OutputImpossible("/data", "read-only"), "/data: read-only", ExitCode.CANT_CREATE),
    (errors.StorageFailed("", "disk full"), "disk full", ExitCode.STORAGE),
    (errors.RunStopped("the server is silent", ExitCode.TRANSIENT), "the server is silent", ExitCode.TRANSIENT),
    (
        errors.Interrupted(signal.SIGTERM),
        "stopped by SIGTERM; what was finished is kept, run the same command again",
        ExitCode.SIGTERM,
    ),
    (errors.ItemFailed(Status.INVALID, "annotation", "row 3"), "annotation: row 3", ExitCode.BUG),
    (errors.TransferFailed(Status.TRANSIENT, "timeout", "10 s"), "timeout: 10 s", ExitCode.BUG),
    (errors.NoRanges(Status.TRANSIENT, "server_error", "no parts"), "server_error: no parts", ExitCode.BUG),
    (errors.MediaRejected(Status.CORRUPT, "html", "a page"), "html: a page", ExitCode.BUG),
    (errors.ToolFailed(Status.LOCAL_ERROR, "tool", ""), "tool", ExitCode.BUG),
]


def descendants(kind: type[errors.AvakitError]) -> set[type[errors.AvakitError]]:
    return {kind}.union(*(descendants(child) for child in kind.__subclasses__()))


def test_every_error_of_the_package_is_among_the_examples() -> None:
    for module in pkgutil.walk_packages(avakit.__path__, "avakit."):
        if module.name != "avakit.__main__":
            importlib.import_module(module.name)
    assert {type(error) for error, _, _ in EXAMPLES} == descendants(errors.AvakitError)


@pytest.mark.parametrize(("error", "message", "code"), EXAMPLES, ids=lambda value: type(value).__name__)
def test_an_error_survives_pickling_with_message_and_fields(
    error: errors.AvakitError, message: str, code: ExitCode
) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(again) is type(error)
    assert again.args == error.args
    assert str(again) == str(error) == message
    assert again.exit_code == error.exit_code == code


@pytest.mark.parametrize("kind", [errors.ItemFailed, errors.TransferFailed, errors.MediaRejected, errors.ToolFailed])
@given(status=st.sampled_from(Status), reason=st.text(), detail=st.text())
def test_the_facts_of_an_item_s_failure_survive_pickling(
    kind: type[errors.ItemFailed], status: Status, reason: str, detail: str
) -> None:
    again = pickle.loads(pickle.dumps(kind(status, reason, detail)))  # noqa: S301
    assert (again.status, again.reason, again.detail) == (status, reason, detail)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGUSR1, 143)]
)
def test_only_ctrl_c_ends_with_130(number: int, code: int) -> None:
    assert errors.Interrupted(number).exit_code == code


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, errors.StorageFailed),
        (errno.EDQUOT, errors.StorageFailed),
        (errno.EIO, errors.StorageFailed),
        (errno.EFBIG, errors.StorageFailed),
        (errno.EXDEV, errors.StorageFailed),
        (errno.EACCES, errors.OutputImpossible),
        (errno.EPERM, errors.OutputImpossible),
        (errno.EROFS, errors.OutputImpossible),
        (errno.EEXIST, errors.OutputImpossible),
        (errno.ENOTDIR, errors.OutputImpossible),
    ],
)
def test_an_error_of_the_disk_gets_a_name_the_path_and_a_remedy(
    number: int, expected: type[errors.AvakitError]
) -> None:
    error = errors.from_os_error(OSError(number, os.strerror(number), "/data/a.mp4"))
    assert type(error) is expected
    assert error.args[0] == "/data/a.mp4"
    assert os.strerror(number) in str(error)
    assert ";" in str(error)


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ECONNRESET, errno.EINVAL])
def test_an_error_that_is_not_the_disk_s_stays_what_it_is(number: int) -> None:
    assert errors.from_os_error(OSError(number, os.strerror(number))) is None


def test_an_error_without_a_path_begins_with_what_happened() -> None:
    error = errors.from_os_error(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert str(error).startswith(os.strerror(errno.ENOSPC))


def test_every_reason_is_documented_and_every_documented_one_known() -> None:
    text = (Path(__file__).parents[2] / "docs/reasons.md").read_text()
    body = text[text.index("## unavailable") : text.index("## removed")]
    assert set(re.findall(r"^\| `([a-z_]+)` \|", body, flags=re.MULTILINE)) == errors.REASONS


def test_precedence_is_the_documented_one() -> None:
    assert [int(code) for code in errors.PRECEDENCE] == [1, 74, 73, 69, 2, 65, 4, 143, 130, 141, 75, 3, 0]
    assert set(errors.PRECEDENCE) == set(ExitCode)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("kinetics400", ": did you mean 'Kinetics-400'?"),
        ("AVA-V2.2", ": did you mean 'ava-v2.2'?"),
        ("zzz", ""),
        ("", ""),
    ],
)
def test_nearest(word: str, expected: str) -> None:
    assert errors.nearest(word, ["ava-v2.2", "Kinetics-400"]) == expected
