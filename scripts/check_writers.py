"""Check that whatever writes goes through `avakit.tools.files` and `avakit.tools.plainfile`.

What opens a file for writing, renames, links, copies or moves one elsewhere in the package stands below, with its
reason; anything new is refused, and so is a line below that is not needed any more.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
#: These two are the protocol.
_PROTOCOL = {"avakit/tools/files.py", "avakit/tools/plainfile.py"}
_OF_PATH = {"write_bytes", "write_text", "touch", "symlink_to", "hardlink_to"}
_OF_SHUTIL = {"move", "copy", "copy2", "copyfile", "copyfileobj", "copytree", "make_archive", "unpack_archive"}
_OF_OS = {"rename", "renames", "replace", "link", "symlink", "truncate", "mkfifo", "open", "fdopen", "sendfile"}
_OF_TEMPFILE = {"mkstemp", "mkdtemp", "NamedTemporaryFile", "TemporaryFile", "TemporaryDirectory"}
#: Who writes by itself, what, and why that publishes nothing.
ALLOWED = {
    "avakit/__main__.py": ({"os.open", "open"}, "standard streams that the caller closed"),
    "avakit/tools/shelves.py": ({"os.open"}, "frames in a private folder, created anew; faster than Python's layers"),
    "avakit/tools/container.py": ({"av.open"}, "libav writes by name, into what plainfile.reserve made"),
    "avakit/tools/standin.py": ({"av.open"}, "films of a comparison, in a temporary folder"),
    "avakit/tools/breaker.py": ({"open", "tempfile.TemporaryDirectory"}, "counters in a temporary folder"),
    "avakit/tools/channel.py": ({"tempfile.TemporaryDirectory"}, "the socket of this run"),
    "avakit/tools/http_limits.py": (
        {"os.open", "os.fdopen", "tempfile.TemporaryFile"}, "locks and limits in the folder that workers share",
    ),
    "avakit/tools/slots.py": ({"os.open"}, "locks in the folder that workers share"),
    "avakit/tools/reading.py": ({"os.open"}, "reads, relative to a folder that is open"),
    "avakit/verify/folders.py": ({"os.open"}, "a folder, to be read"),
    "avakit/adopt/bringing.py": ({"hardlink_to"}, "a partial of files.partial; what can't be linked is told apart"),
    "avakit/tools/mounts.py": ({"os.open"}, "a second look at a file of plainfile's, to try locks"),
    "avakit/tools/ytdlp_child.py": ({"os.fdopen"}, "its standard output"),
    "avakit/datasets/excerpt.py": ({"tarfile.open"}, "an archive in memory"),
    "avakit/datasets/members.py": ({"open"}, "a member of an archive, to be read"),
    "avakit/frames/selftest.py": ({"tempfile.TemporaryDirectory"}, "the film of the self-test"),
    "avakit/frames/fair.py": ({"tempfile.TemporaryDirectory"}, "the films of a comparison"),
}  # fmt: skip


def writes(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and name of each call that may write."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and (name := _writer(call)):
            yield call.lineno, name


def _writer(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Name):
        return "open" if function.id == "open" and _is_for_writing(call, 1) else ""
    if not isinstance(function, ast.Attribute):
        return ""
    owner = function.value.id if isinstance(function.value, ast.Name) else ""
    known = {"os": _OF_OS, "shutil": _OF_SHUTIL, "tempfile": _OF_TEMPFILE}.get(owner)
    if known is not None:
        return f"{owner}.{function.attr}" if function.attr in known else ""
    if function.attr == "open":
        is_library = owner in ("av", "tarfile", "gzip", "bz2", "lzma", "io")
        is_one = _is_for_writing(call, 1 if is_library else 0)
        return (f"{owner}.open" if is_library else "open") if is_one else ""
    if function.attr in ("rename", "replace"):
        # Of a path these take one path; of text two texts, of a table keywords, a name or a mapping.
        is_path = len(call.args) == 1 and not call.keywords and not isinstance(call.args[0], ast.Constant | ast.Dict)
        return function.attr if is_path and not _is_series(call) else ""
    return function.attr if function.attr in _OF_PATH else ""


def _is_series(call: ast.Call) -> bool:
    """Whether it is `….size().rename(what)`: a column of a table gets its name."""
    inner = call.func.value if isinstance(call.func, ast.Attribute) else None
    return isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr == "size"


def _is_for_writing(call: ast.Call, position: int) -> bool:
    given = [each.value for each in call.keywords if each.arg == "mode"] or call.args[position : position + 1]
    if not given:
        return False
    mode = given[0]
    # A mode that is no plain text could be any.
    return not (isinstance(mode, ast.Constant) and isinstance(mode.value, str)) or bool(set(mode.value) & set("wax+"))


def main() -> int:
    """Print what is wrong; return how many things are."""
    problems, used = [], set()
    for path in sorted((ROOT / "avakit").rglob("*.py")):
        name = str(path.relative_to(ROOT))
        if name in _PROTOCOL:
            continue
        allowed = ALLOWED.get(name, (set(), ""))[0]
        for line, call in writes(ast.parse(path.read_text())):
            used.add((name, call))
            if call not in allowed:
                problems.append(f"{name}:{line}: {call} writes; use avakit.tools.files or avakit.tools.plainfile")
    for name, (calls, _) in ALLOWED.items():
        problems += [f"{name}: {call} is allowed and not used" for call in sorted(calls) if (name, call) not in used]
    print("\n".join(problems) or "writers: all through avakit.tools.files")
    return len(problems)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
