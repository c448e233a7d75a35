"""What is left to do: decided from the catalogue, the journal and the disk; and what is there of it."""

import shutil
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from avakit import status
from avakit.errors import Status
from avakit.journal import Record, State, merge
from avakit.layout import Layout, Place, frame_index, frame_list
from avakit.model import Clip, Packing, Span, Split, Stage, Video, VideoId
from avakit.prepare import only_failed
from avakit.prepare.job import Job
from avakit.prepare.plan import Plan, make_plan, targets_of
from avakit.recipes import ClipRecipe, FrameRecipe
from avakit.sources import Folder, Mirror, Source, Youtube

NOW = datetime.now(UTC)
MIRROR, YOUTUBE = Mirror(("http://host/{id}.mp4",), {}), Youtube("http://host/{id}")
ONE, TWO = VideoId("-5KQ66BBWC4"), VideoId("1j20qq1JyX4")
SPAN = Span(Fraction(900), Fraction(901))
FILMS = [Video(ONE, (Split.TRAIN, Split.VAL), SPAN), Video(TWO, (Split.VAL,), SPAN)]
CLIPS = tuple(Clip(ONE, Span(Fraction(start), Fraction(10)), Split.TRAIN, "riding a bike") for start in (5, 25))
EXAMPLE = Video(ONE, (Split.TRAIN,), Span(Fraction(5), Fraction(30)), clips=CLIPS)
AVA = (Stage.VIDEO, Stage.WINDOW, Stage.FRAMES)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    layout = Layout(
        tmp_path, "ava-v2.2", "ava/videos", "ava/windows", "kinetics", "ava/rawframes", "ava/keyframes", FrameRecipe()
    )
    return Job("ava-v2.2", layout, AVA, (MIRROR, YOUTUBE), FrameRecipe(), ClipRecipe())


def make(job: Job, *items: tuple[Stage, Video | Clip], recipe: FrameRecipe | None = None) -> list[Record]:
    """Put things on the disk, and return what the journal says of them."""
    records = []
    for number, (stage, item) in enumerate(items):
        video_id = item.video_id if isinstance(item, Clip) else item.id
        if stage is Stage.VIDEO:
            key, path = f"ava/videos/{video_id}", job.layout.video(video_id, "webm")
        elif stage is Stage.WINDOW:
            key, path = f"ava/windows/{video_id}", job.layout.window(video_id)
        elif isinstance(item, Clip) and stage is Stage.CLIP:
            path = job.layout.clip(item)
            key = path.removesuffix(".mp4")
        else:
            key = path = job.layout.frame_folder(item, recipe or job.frames)
            touch(job, frame_list(path))
            touch(job, f"{path}/img_00001.jpg")
        if stage is not Stage.FRAMES:
            touch(job, path)
        name = item.name if isinstance(item, Clip) else video_id
        records.append(Record(key, stage, name, "ava-v2.2", "done", path=path, bytes=7, time=f"2026-11-{number:02d}"))
    return records


def touch(job: Job, path: str) -> None:
    final = job.layout.absolute(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    final.write_bytes(b"")


def all_of(job: Job, *videos: Video, stages: Iterable[Stage] = AVA) -> list[Record]:
    return make(job, *((stage, video) for video in videos for stage in stages))


def dropped(record: Record, reason: str = "dropped") -> Record:
    return replace(record, status="removed", reason=reason, path="", time="2026-12")


def unavailable(video: Video = FILMS[0], *, days: float = 1, sources: tuple[Source, ...] | None = None) -> Record:
    then = (NOW - timedelta(days=days)).isoformat()
    facts = {"sources": [source.identity for source in sources or (MIRROR, YOUTUBE)]}
    return Record(
        f"ava/videos/{video.id}", Stage.VIDEO, video.id, "ava-v2.2", "unavailable", "removed", "it is gone",
        time=then, facts=facts,
    )  # fmt: skip


def left(plan: Plan) -> list[tuple[str, list[str]]]:
    return [(work.video.id, [target.stage.value for target in work.targets]) for work in plan.works]


def settled(plan: Plan) -> list[tuple[str, str, str, str]]:
    return [(o.item, o.stage.value, o.status.value, o.reason) for o in plan.settled]


def planned(job: Job, records: Iterable[Record], videos: Iterable[Video] = FILMS) -> Plan:
    return make_plan(job, videos, merge(records))


# --- what there is to make ---


def test_the_targets_of_a_film_stand_in_the_order_of_the_work(job: Job) -> None:
    assert [(target.stage, target.key, target.name) for target in targets_of(FILMS[0], job)] == [
        (Stage.VIDEO, "ava/videos/-5KQ66BBWC4", ONE),
        (Stage.WINDOW, "ava/windows/-5KQ66BBWC4", ONE),
        (Stage.FRAMES, "ava/rawframes/-5KQ66BBWC4", ONE),
    ]


def test_the_targets_of_a_video_with_clips_are_the_clips_and_their_frames(job: Job) -> None:
    job = replace(job, stages=(Stage.VIDEO, Stage.WINDOW, Stage.CLIP, Stage.FRAMES))
    names = [f"{ONE}_000005_000015", f"{ONE}_000025_000035"]
    assert [(target.stage.value, target.key) for target in targets_of(EXAMPLE, job)] == [
        ("video", f"ava/videos/{ONE}"),
        *(("clip", f"kinetics/train/riding_a_bike/{name}") for name in names),
        *(("frames", f"ava/rawframes/{name}") for name in names),
    ]


# --- what is left of it ---


def test_at_first_everything_is_left(job: Job) -> None:
    plan = planned(job, [])
    assert left(plan) == [(ONE, ["video", "window", "frames"]), (TWO, ["video", "window", "frames"])]
    assert (plan.settled, plan.targets) == ((), 6)


def test_planning_touches_nothing(job: Job) -> None:
    planned(job, [])
    assert list(job.root.iterdir()) == []


def test_in_the_end_nothing_is_left(job: Job) -> None:
    plan = planned(job, all_of(job, *FILMS))
    assert (plan.works, plan.targets) == ((), 0)
    assert {outcome.status for outcome in plan.settled} == {Status.CACHED}
    assert {outcome.attempts for outcome in plan.settled} == {0}
    assert len(plan.settled) == 6


def test_frames_that_are_there_are_only_packed(job: Job) -> None:
    """Nothing is needed for it, not even a video that could be had."""
    records = [*make(job, (Stage.FRAMES, FILMS[0])), unavailable()]
    job = replace(job, stages=(Stage.VIDEO, Stage.FRAMES), packing=Packing.TAR)
    plan = planned(job, records, FILMS[:1])
    (target,) = (target for work in plan.works for target in work.targets)
    assert target.found == records[0]
    assert settled(plan) == [(ONE, "video", "unavailable", "removed")]
    assert planned(replace(job, packing=Packing.FOLDER), records, FILMS[:1]).works == ()


def test_a_tar_is_left_alone_unless_it_lacks_its_index_or_is_asked_for_otherwise(job: Job) -> None:
    (folder,) = make(job, (Stage.FRAMES, FILMS[0]))
    record = replace(folder, path=f"{folder.path}.tar")
    touch(job, record.path)
    job = replace(job, stages=(Stage.FRAMES,))
    assert len(planned(job, [record], FILMS[:1]).works) == 1, "it has no index"
    touch(job, frame_index(record.path))
    assert planned(job, [record], FILMS[:1]).works == ()
    tar = replace(job, packing=Packing.TAR)
    assert len(planned(tar, [record], FILMS[:1]).works) == 1, "the folder is there as well, as a kill leaves it"
    shutil.rmtree(job.layout.absolute(folder.path))
    assert planned(tar, [record], FILMS[:1]).works == ()
    assert len(planned(replace(job, packing=Packing.FOLDER), [record], FILMS[:1]).works) == 1


def test_what_is_short_stays_short(job: Job) -> None:
    *records, last = all_of(job, FILMS[0])
    plan = planned(job, [*records, replace(last, status="short", reason="ends_inside_span")], FILMS[:1])
    assert settled(plan)[-1] == (ONE, "frames", "short", "ends_inside_span")
    assert plan.works == ()


def test_after_a_kill_the_rest_is_left(job: Job) -> None:
    plan = planned(job, all_of(job, FILMS[0]) + all_of(job, FILMS[1], stages=[Stage.VIDEO]))
    assert left(plan) == [(TWO, ["window", "frames"])]
    assert list(plan.works[0].known) == [f"ava/videos/{TWO}"]


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        (f"ava/videos/{ONE}.webm", ["video"]),
        (f"ava/windows/{ONE}.mkv", ["window"]),
        (f"ava/rawframes/{ONE}/img_00001.jpg", []),
        (f".avakit/manifests/frames/ava/rawframes/{ONE}.sha256", ["frames"]),
    ],
)
def test_what_is_no_longer_on_the_disk_is_left(job: Job, lost: str, expected: list[str]) -> None:
    """Whether a frame is there is verify's question: a plan lists folders, it does not look into 430 of them."""
    records = all_of(job, FILMS[0])
    job.layout.absolute(lost).unlink()
    assert left(planned(job, records, FILMS[:1])) == ([(ONE, expected)] if expected else [])


def test_what_lies_on_the_disk_and_in_no_journal_does_not_count(job: Job) -> None:
    all_of(job, FILMS[0])
    assert left(planned(job, [], FILMS[:1])) == [(ONE, ["video", "window", "frames"])]


def test_a_gap_is_tried_again(job: Job) -> None:
    gap = replace(unavailable(), status="transient", reason="timeout")
    plan = planned(job, [gap], FILMS[:1])
    assert left(plan) == [(ONE, ["video", "window", "frames"])]
    assert plan.works[0].gaps == {gap.key: gap}


def test_a_thing_removed_as_damaged_is_made_again(job: Job) -> None:
    records = all_of(job, FILMS[0])
    plan = planned(job, [*records, dropped(records[1], "quarantined")], FILMS[:1])
    assert left(plan) == [(ONE, ["window"])]


# --- dropped intermediates ---


def test_a_dropped_video_is_not_missed_while_its_frames_are_there(job: Job) -> None:
    records = all_of(job, FILMS[0])
    plan = planned(job, [*records, dropped(records[0]), dropped(records[1])], FILMS[:1])
    assert left(plan) == []
    assert settled(plan) == [(ONE, "frames", "cached", "")]


def test_a_dropped_video_is_fetched_again_for_the_sake_of_new_frames(job: Job) -> None:
    records = all_of(job, FILMS[0])
    again = replace(job, frames=FrameRecipe(Fraction(15)))
    plan = planned(again, [*records, dropped(records[0]), dropped(records[1])], FILMS[:1])
    assert left(plan) == [(ONE, ["video", "frames"])], "a window that was dropped is not needed for frames"


def test_a_window_that_is_there_spares_the_dropped_video(job: Job) -> None:
    records = all_of(job, FILMS[0])
    again = replace(job, frames=FrameRecipe(Fraction(15)))
    assert left(planned(again, [*records, dropped(records[0])], FILMS[:1])) == [(ONE, ["frames"])]


def test_a_dropped_video_is_fetched_again_when_it_is_what_is_wanted(job: Job) -> None:
    records = all_of(job, FILMS[0])
    download = replace(job, stages=(Stage.VIDEO,))
    assert left(planned(download, [*records, dropped(records[0])], FILMS[:1])) == [(ONE, ["video"])]


def test_a_video_that_lay_there_before_it_was_to_be_dropped_is_work(job: Job) -> None:
    plan = planned(replace(job, drop=frozenset({Stage.VIDEO})), all_of(job, FILMS[0]), FILMS[:1])
    assert left(plan) == [(ONE, [])]
    assert plan.targets == 0


# --- given up ---


def test_what_was_unavailable_is_remembered(job: Job) -> None:
    plan = planned(job, [unavailable()], FILMS[:1])
    assert left(plan) == []
    stages = ("video", "window", "frames")
    assert settled(plan) == [(ONE, stage, "unavailable", "removed") for stage in stages]


@pytest.mark.parametrize(
    ("recheck", "days", "is_asked"), [(30, 29, False), (30, 31, True), (0, 0, True), (2, 1, False)]
)
def test_it_is_asked_for_again_after_a_while(job: Job, recheck: float, days: float, is_asked: bool) -> None:
    plan = planned(replace(job, recheck_days=recheck), [unavailable(days=days)], FILMS[:1])
    assert bool(plan.works) is is_asked


@pytest.mark.parametrize(
    ("sources", "is_asked"),
    [
        ((MIRROR, YOUTUBE), False),
        ((YOUTUBE,), False),
        ((MIRROR, YOUTUBE, Folder(Path("/disk"))), True),
        ((Folder(Path("/disk")),), True),
        ((Mirror(("http://other.example/{id}.mp4",)),), True),
    ],
)
def test_a_source_that_was_not_asked_before_is_asked_now(job: Job, sources: tuple[Source, ...], is_asked: bool) -> None:
    plan = planned(replace(job, sources=sources), [unavailable()], FILMS[:1])
    assert bool(plan.works) is is_asked


def test_what_was_made_before_the_film_vanished_still_counts(job: Job) -> None:
    frames = all_of(job, FILMS[0], stages=[Stage.FRAMES])
    plan = planned(job, [*frames, unavailable()], FILMS[:1])
    assert (ONE, "frames", "cached", "") in settled(plan)
    assert left(plan) == []


def test_frames_come_from_a_window_whose_film_vanished(job: Job) -> None:
    window = all_of(job, FILMS[0], stages=[Stage.WINDOW])
    plan = planned(job, [*window, unavailable()], FILMS[:1])
    assert left(plan) == [(ONE, ["frames"])]
    assert (ONE, "video", "unavailable", "removed") in settled(plan)


# --- recipes ---


def test_frames_of_another_recipe_are_another_thing(job: Job) -> None:
    records = all_of(job, *FILMS)
    for recipe in (FrameRecipe(Fraction(15)), FrameRecipe(short_side=256), FrameRecipe(key_frames=True)):
        plan = planned(replace(job, frames=recipe), records)
        assert left(plan) == [(ONE, ["frames"]), (TWO, ["frames"])]
    other = make(job, (Stage.FRAMES, FILMS[0]), recipe=FrameRecipe(Fraction(15)))
    plan = planned(replace(job, frames=FrameRecipe(Fraction(15))), records + other)
    assert left(plan) == [(TWO, ["frames"])]


def test_clips_are_planned_one_by_one(job: Job) -> None:
    job = replace(job, stages=(Stage.VIDEO, Stage.CLIP))
    records = make(job, (Stage.VIDEO, EXAMPLE), (Stage.CLIP, CLIPS[0]))
    plan = planned(job, records, [EXAMPLE])
    assert [target.name for target in plan.works[0].targets] == [CLIPS[1].name]


# --- a part of a plan, as repair wants it ---


def test_only_some_things(job: Job) -> None:
    plan = planned(job, []).only({f"ava/windows/{ONE}"})
    assert left(plan) == [(ONE, ["window"])]
    assert plan.settled == ()


# --- coverage: the same targets, counted ---


def wanted(job: Job, *videos: Video) -> list[status.Wanted]:
    return [
        status.wanted(video, target.key, f"ava/videos/{video.id}", target.stage, target.item)
        for video in videos
        for target in targets_of(video, job)
    ]


def covered(job: Job, state: State, *videos: Video, by_class: bool = False) -> dict[tuple[str, str], tuple[int, int]]:
    rows = status.coverage(wanted(job, *videos), state, by_class=by_class)
    return {(row.group, row.stage.value): (row.present, row.wanted) for row in rows}


def test_coverage_counts_a_film_for_each_of_its_splits(job: Job) -> None:
    state = merge(all_of(job, FILMS[0], stages=[Stage.VIDEO, Stage.WINDOW]))
    assert covered(job, state, *FILMS) == {
        ("train", "video"): (1, 1),
        ("train", "window"): (1, 1),
        ("train", "frames"): (0, 1),
        ("val", "video"): (1, 2),
        ("val", "window"): (1, 2),
        ("val", "frames"): (0, 2),
    }


def test_coverage_by_class(job: Job) -> None:
    job = replace(job, stages=(Stage.CLIP,))
    state = merge(make(job, (Stage.CLIP, CLIPS[0])))
    assert covered(job, state, EXAMPLE, by_class=True) == {("riding a bike", "clip"): (1, 2)}


def test_coverage_says_why(job: Job) -> None:
    job = replace(job, stages=(Stage.VIDEO,))
    (record,) = all_of(job, FILMS[0], stages=[Stage.VIDEO])
    third = replace(FILMS[1], id=VideoId("053oq2xB3oU"))
    state = merge([record, dropped(record), unavailable(FILMS[1])])
    rows = {row.group: row for row in status.coverage(wanted(job, *FILMS, third), state)}
    assert set(rows["val"].reasons) == {("dropped", "", 1), ("unavailable", "removed", 1), ("todo", "", 1)}


def test_what_is_made_from_a_video_shares_its_fate(job: Job) -> None:
    rows = status.coverage(wanted(job, FILMS[1]), merge([unavailable(FILMS[1])]))
    assert [row.reasons for row in rows] == [(("unavailable", "removed", 1),)] * 3


# --- why the rest is not there, and what is asked again ---


def failures() -> State:
    """Two films: one refused twice, one gone."""
    gone = unavailable(FILMS[1], days=40)
    busy = [replace(unavailable(days=days), status="transient", reason="rate_limit") for days in (2, 1)]
    return merge([gone, *busy])


THIRD = replace(FILMS[1], id=VideoId("053oq2xB3oU"))


def test_failures_are_counted_with_their_attempts(job: Job) -> None:
    state = failures()
    found = status.reasons(wanted(job, *FILMS, THIRD), state)
    assert [(each.stage.value, each.status, each.reason, each.count, each.attempts) for each in found] == [
        ("video", "transient", "rate_limit", 1, 2), ("video", "unavailable", "removed", 1, 1),
    ]  # fmt: skip
    assert (found[0].first_seen, found[0].last_seen) == state.met[f"ava/videos/{ONE}"]


def test_what_is_there_in_spite_of_a_failure_is_not_counted(job: Job) -> None:
    records = all_of(job, FILMS[0])
    state = merge([*records, replace(unavailable(), time="2027")])
    assert status.reasons(wanted(job, FILMS[0]), state) == []
    assert status.missing(wanted(job, FILMS[0]), state) == []


@pytest.mark.parametrize(
    ("why", "expected"),
    [
        ((), [ONE, TWO, THIRD.id]),
        (("transient",), [ONE]),
        (("removed",), [TWO]),
        (("todo", "rate_limit"), [ONE, THIRD.id]),
        (("corrupt",), []),
    ],
)
def test_the_missing_are_listed_by_their_reasons(job: Job, why: tuple[str, ...], expected: list[str]) -> None:
    assert status.missing(wanted(job, *FILMS, THIRD), failures(), why) == expected


def test_what_was_dropped_is_not_missing(job: Job) -> None:
    records = all_of(job, FILMS[0])
    state = merge([*records, dropped(records[0])])
    assert status.missing(wanted(job, FILMS[0]), state) == []


@pytest.mark.parametrize(
    ("kind", "recheck", "expected"),
    [
        ("transient", 30, [ONE]),
        ("unavailable", 30, [TWO]),
        ("unavailable", 50, []),
        ("all", 30, [ONE, TWO]),
        ("all", 50, [ONE]),
    ],
)
def test_only_what_failed_is_tried_again(job: Job, kind: str, recheck: float, expected: list[str]) -> None:
    job, state = replace(job, recheck_days=recheck), failures()
    plan = only_failed(make_plan(job, [*FILMS, THIRD], state), state, kind)
    assert [work.video.id for work in plan.works] == expected
    assert all(len(work.targets) == 3 for work in plan.works), "with all that is to be made of it"


def test_frames_that_failed_are_tried_again_though_their_film_is_there(job: Job) -> None:
    records = all_of(job, FILMS[0], stages=[Stage.VIDEO, Stage.WINDOW])
    gap = Record(job.layout.frame_folder(FILMS[0], job.frames), Stage.FRAMES, ONE, "ava-v2.2", "local_error", "crashed")
    state = merge([*records, gap])
    plan = only_failed(make_plan(job, FILMS, state), state, "transient")
    assert left(plan) == [(ONE, ["frames"])]


def test_what_has_no_sound_is_looked_through_again_only_when_the_video_is_another(job: Job) -> None:
    job = replace(job, stages=(Stage.WINDOW, Stage.AUDIO))
    (film,) = FILMS[:1]
    (window,) = make(job, (Stage.WINDOW, film))
    key = next(target.key for target in targets_of(film, job) if target.stage is Stage.AUDIO)
    gap = Record(key, Stage.AUDIO, ONE, "ava-v2.2", "unavailable", "no_audio", "none", time="2026-11-20")
    plan = make_plan(job, [film], merge([window, gap]))
    assert [(each.stage, each.reason) for each in plan.settled] == [(Stage.WINDOW, ""), (Stage.AUDIO, "no_audio")]
    assert not plan.targets
    again = make_plan(job, [film], merge([replace(window, time="2026-11-21"), gap]))
    assert [target.key for work in again.works for target in work.targets] == [key]


def test_an_encoded_window_needs_no_film_where_the_copied_one_is(job: Job) -> None:
    layout = replace(job.layout, other_windows=Place("ava/windows-encode", "mp4"))
    job = replace(job, layout=layout, windows=ClipRecipe(rate=Fraction(30)), stages=(Stage.VIDEO, Stage.WINDOW))
    job = replace(job, drop=frozenset({Stage.VIDEO}))
    (film,) = FILMS[:1]
    window = Record(
        f"ava/windows/{ONE}", Stage.WINDOW, ONE, "ava-v2.2", "done", path=f"ava/windows/{ONE}.mkv", time="2026-11-01"
    )
    touch(job, window.path)
    wanted = [(t.stage, t.key) for work in make_plan(job, [film], merge([window])).works for t in work.targets]
    assert wanted == [(Stage.WINDOW, f"ava/windows-encode/{ONE}")]
    both = [t.stage for work in make_plan(job, [film], merge([])).works for t in work.targets]
    assert both == [Stage.VIDEO, Stage.WINDOW]


def test_a_clip_of_other_seconds_under_the_same_name_is_no_twin(job: Job) -> None:
    """AVA-Kinetics cuts further than Kinetics-700 does."""
    clip = replace(CLIPS[0], key_seconds=(Fraction(14),))
    job = replace(job, stages=(Stage.CLIP,))
    path = "other/train/riding_a_bike/" + clip.name
    long = Record(
        path, Stage.CLIP, clip.name, "other", "done", path=f"{path}.mp4", time="2026-11-01",
        facts={"recipe": job.clips.plain, "span": ["5", "16"]},
    )  # fmt: skip
    touch(job, long.path)
    for item, is_twin in ((clip, True), (CLIPS[0], False)):
        (work,) = make_plan(job, [replace(EXAMPLE, clips=(item,))], merge([long])).works
        assert bool(work.twins) == is_twin
    short = replace(long, facts={"recipe": job.clips.plain})
    (work,) = make_plan(job, [replace(EXAMPLE, clips=(clip,))], merge([short])).works
    assert not work.twins
