"""How lines become few: of each key only those that any journal merged later could still make count.

A line stays the bytes that it was read as: the records of a million lines take three times the memory of their text.
It is looked through once, when it is added; all that is compared later is found in its text.

What is kept is a join in the mathematical sense: lines in any order and grouping, however often, leave the same.
For each key these are the newest line that says that the thing is there; the newest for each further digest that was
recorded since the thing was last removed; the newest removal; and the newest gap after all of these, with the times of
the others, the attempts.
"""

import json
import re
import sys
from collections.abc import Iterator

from avakit.journal.record import PRESENT, REMOVED, SCHEMA, dumped, to_line, to_record
from avakit.model import Stage

#: In the line of a gap: the times of the older ones that it stands for, in a compacted journal. It comes first.
MET = "met"

_decode = json.JSONDecoder().raw_decode
_STAGES = frozenset(stage.value for stage in Stage)
_MET_FIRST = re.compile(rb'\{"met":\[("[^"\\]*"(,"[^"\\]*")*)?\],')
# Looked for behind the last brace but one, where only fields of the line itself can stand.
_THING = re.compile(rb'"path":"([^"\\{}]+)"[^{}]*,"sha256":"([^"\\{}]*)"[^{}]*\}$')


class NewerSchema(Exception):
    """A line was written by a newer avakit: `NewerSchema(schema)`."""


class Reduction:
    """The lines that count so far.

    Attributes
    ----------
    present
        The newest line that says that a thing is there, by key.
    several
        Of those keys of which several things were recorded in one life: the newest line of each path and digest.
    removed
        The newest removal and its reason, by key.
    gaps
        The newest gap, by key.
    met
        The times of the gaps of those keys that have several.
    ahead
        The newest time of those keys of which a line is newer than `present_time`: its writer's clock is ahead.
    count
        How many lines were added.
    """

    def __init__(self, present_time: str = "") -> None:
        self._present_time = present_time or "~"
        self.ahead: dict[str, str] = {}
        self.present: dict[str, bytes] = {}
        self.several: dict[str, dict[tuple[str, str], bytes]] = {}
        self.removed: dict[str, tuple[bytes, str]] = {}
        self.gaps: dict[str, bytes] = {}
        self.met: dict[str, set[bytes]] = {}
        self.count = 0

    def add(self, line: bytes) -> None:
        """Take in one line, without its end.

        Raises
        ------
        ValueError, TypeError, KeyError, AttributeError
            If it is no journal line.
        NewerSchema
            If a newer avakit wrote it.
        """
        text = line.decode()
        content, end = _decode(text)
        if end != len(text):  # blanks, or more than one value
            content = json.loads(text)
        schema = content.get("schema", 0)
        if schema > SCHEMA:
            raise NewerSchema(schema)
        key, status, time = content["key"], content["status"], content["time"]
        if type(key) is not str or type(time) is not str or content["stage"] not in _STAGES:
            raise TypeError("key and time must be text, and stage one that is known")
        content["item"], content["dataset"]
        self.count += 1
        if time > self._present_time:
            self.ahead[key] = max(time, self.ahead.get(key, ""))
        if not line.endswith(f'"time":"{time}"}}'.encode()):
            line = dumped(content, time)
        if status in PRESENT and content.get("path"):
            known = self.present.setdefault(key, line)
            if known is not line and known != line:
                self._add_present(key, known, line)
        elif status == REMOVED:
            if key not in self.removed or is_newer(line, self.removed[key][0]):
                self.removed[key] = line, sys.intern(content.get("reason", ""))
        else:
            self._add_gap(key, line, content.get(MET))

    def _add_present(self, key: str, known: bytes, line: bytes) -> None:
        removed = time_of(self.removed[key][0]) if key in self.removed else b""
        older, newer = (known, line) if is_newer(line, known) else (line, known)
        self.present[key] = newer
        if time_of(older) < removed:
            return  # of an earlier life; and so is whatever is older yet
        lines = self.several.get(key) or {thing_of(known): known}
        thing = thing_of(line)
        if thing not in lines or is_newer(line, lines[thing]):
            lines[thing] = line
        if len(lines) > 1:
            self.several[key] = lines

    def _add_gap(self, key: str, line: bytes, met: object) -> None:
        times: set[bytes] = set()
        if met is not None:
            line, times = _without_met(line)
        known = self.gaps.setdefault(key, line)
        if known != line:
            times |= {time_of(known), time_of(line)}
            if is_newer(line, known):
                self.gaps[key] = line
        if times:
            self.met.setdefault(key, set()).update(times)

    def alive(self, key: str) -> list[bytes]:
        """Return the lines of the things of a key that were recorded since it was last removed, the newest of each."""
        removed = time_of(self.removed[key][0]) if key in self.removed else b""
        lines = self.several[key].values() if key in self.several else [self.present[key]]
        return sorted((line for line in lines if time_of(line) >= removed), key=by_time)

    def attempts(self, key: str) -> tuple[bytes, ...]:
        """Return when the gap of a key was met since the thing was last there or taken away, the oldest first."""
        times = self.met.get(key) or (time_of(self.gaps[key]),)
        lines = [line for line in (self.present.get(key), self.removed.get(key, (None,))[0]) if line is not None]
        since = max(map(time_of, lines)) if lines else None
        return tuple(sorted(time for time in times if since is None or time > since))

    def lines(self) -> Iterator[bytes]:
        """Yield the lines that say the same as all that were added."""
        for key, line in self.present.items():
            yield line
            if key in self.several:
                yield from (other for other in self.alive(key) if other != line)
        yield from (line for line, _ in self.removed.values())
        for key, line in self.gaps.items():
            times = self.attempts(key)
            if len(times) > 1:
                yield b'{"%s":["%s"],%s' % (MET.encode(), b'","'.join(times), line[1:])
            elif times:
                yield line


def time_of(line: bytes) -> bytes:
    """Return the time of a line that was added, as it is written there."""
    return line[line.rindex(b'"time":"') + 8 : -2]


def by_time(line: bytes) -> tuple[bytes, bytes]:
    """Return what lines are sorted by: their time, and then what they say, so that the order of reading never matters.

    What they say, not how: the same record may have been written down in two ways.
    """
    return time_of(line), to_line(to_record(line))


def is_newer(line: bytes, known: bytes) -> bool:
    """Whether a line counts rather than another."""
    first, second = time_of(line), time_of(known)
    return first > second if first != second else by_time(line) > by_time(known)


def thing_of(line: bytes) -> tuple[str, str]:
    """Return the path and the digest that a line records."""
    match = _THING.search(line, line.rfind(b"}", 0, -1) + 1)
    if match is not None:
        return match[1].decode(), match[2].decode()
    content = json.loads(line)
    return str(content["path"]), str(content.get("sha256", ""))


def _without_met(line: bytes) -> tuple[bytes, set[bytes]]:
    """Return a gap's line as it was before others were put into it, and their times."""
    match = _MET_FIRST.match(line)
    if match is None:  # nobody's but a person's
        content = json.loads(line)
        times = {json.dumps(str(time), ensure_ascii=False)[1:-1].encode() for time in content.pop(MET)}
        line = dumped(content, content["time"])
    else:
        times = {text[1:-1] for text in match[1].split(b",")} if match[1] else set()
        line = b"{" + line[match.end() :]
    return line, times | {time_of(line)}
