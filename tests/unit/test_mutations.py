"""Small valid files, each changed in one place: what comes out is a table or a located sentence."""

import string
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avakit.datasets import parsers, rejects
from avakit.errors import DataInvalid

AVA = b"-5KQ66BBWC4,0902,0.077,0.151,0.283,0.811,80,1\n-5KQ66BBWC4,0903,0.077,0.151,0.283,0.811,12,1\n"
CLIPS = b'label,youtube_id,time_start,time_end,split\nyoga,0wR5jVB-WPk,417,427,val\n"a, b",3caPS4FHFF8,36,46,val\n'
JSON = b'{"0wR5jVB-WPk": {"annotations": {"label": "yoga", "segment": [1.0, 11.0]}, "duration": 10.0, "subset": "val"}}'
FACES = b"-5KQ66BBWC4,903.04,0.3,0.2,0.5,0.6,SPEAKING_AUDIBLE,-5KQ66BBWC4_0900:1\n"
KEYS = b"0wR5jVB-WPk,59.020833,0.1,0.2,0.3,0.4,80\nabcdefghijk,1\n"
READERS: list[tuple[Callable[..., Any], bytes]] = [
    (partial(parsers.read_ava, strict=True), AVA),
    (partial(parsers.read_ava_kinetics, columns=7, strict=True), KEYS),
    (partial(parsers.read_kinetics, strict=True), CLIPS),
    (parsers.read_kinetics_json, JSON),
    (partial(parsers.read_speech, strict=True), b"-5KQ66BBWC4,900.00,905.73,NO_SPEECH\n"),
    (partial(parsers.read_activespeaker, strict=True), FACES),
    (parsers.read_excluded, b"5BDj0ow5hnA,1038\n5BDj0ow5hnA,1058\n"),
    (parsers.read_label_map, b'label {\n  name: "walk"\n  label_id: 1\n}\n'),
]  # fmt: skip
NAMES = [getattr(reader, "func", reader).__name__ for reader, _ in READERS]


def numbers_of(row: Any) -> list[float]:
    return [float(value) for value in row if isinstance(value, int | float) and value == value]  # noqa: PLR0124 - NaN


@settings(max_examples=150, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize(("reader", "content"), READERS, ids=NAMES)
def test_one_changed_byte(
    reader: Callable[..., Any], content: bytes, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever is read is no other number than the text says, and whatever is refused is refused with its place."""
    place = data.draw(st.integers(0, len(content) - 1))
    byte = data.draw(st.integers(0, 255))
    changed = content[:place] + bytes([byte]) + content[place + 1 :]
    path = tmp_path_factory.mktemp("mutated") / "rows.csv"
    path.write_bytes(changed)
    try:
        found = reader(path)
    except DataInvalid as error:
        refusal = error.args
    else:
        refusal = ()
    assert all(problem.startswith(str(path)) for problem in refusal)
    if refusal or isinstance(found, dict):
        return
    told = {float(word) for word in _words(changed)}
    for row in found.itertuples(index=False):
        assert set(numbers_of(row)) <= told


def _words(content: bytes) -> list[str]:
    text = "".join(c if c in string.ascii_letters + string.digits + ".+-" else " " for c in content.decode("utf-8-sig"))
    words = []
    for word in text.split():
        try:
            float(word)
        except ValueError:
            continue
        words.append(word)
    return words


@settings(max_examples=60, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize(("reader", "content"), READERS[:3], ids=NAMES[:3])
def test_leaving_bad_rows_out_never_changes_the_others(
    reader: Callable[..., Any], content: bytes, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = data.draw(st.integers(0, len(content) - 1))
    changed = content[:place] + data.draw(st.sampled_from([b"x", b",", b"-", b"9"])) + content[place + 1 :]
    folder = tmp_path_factory.mktemp("mutated")
    (folder / "rows.csv").write_bytes(content)
    everything = set(reader(folder / "rows.csv")["video_id"])
    (folder / "rows.csv").write_bytes(changed)
    try:
        with rejects.leaving_out(folder / "rejects") as left_out:
            found = reader(folder / "rows.csv")
    except DataInvalid:
        return  # a header that is none
    assert len(found) + sum(left_out.counts.values()) <= 3
    assert set(found["video_id"]) - everything <= {row for row in found["video_id"] if len(row) == 11}
