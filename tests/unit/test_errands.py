"""Which archives a run reads, decided without a network; and their addresses, as lists of the wild have them."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from avakit.archives import listing
from avakit.archives.listing import Index
from avakit.archives.part import Part
from avakit.datasets import catalogue
from avakit.datasets.parts import Archives
from avakit.datasets.schema import Dataset
from avakit.errors import ConfigInvalid
from avakit.journal import State
from avakit.layout import ARCHIVES
from avakit.model import Clip, Span, Split, Stage, Video, VideoId
from avakit.prepare.errands import Errand, assume, errands
from avakit.prepare.job import Job
from avakit.prepare.plan import Plan, make_plan
from avakit.recipes import ClipRecipe
from avakit.sources import Archive, build

K400, K600, K700 = (catalogue.load(name) for name in ("kinetics-400", "kinetics-600", "kinetics-700-2020"))
LIST = "https://s3.amazonaws.com/kinetics/400/val/k400_val_path.txt"


@pytest.mark.parametrize(
    ("line", "expected", "of_class"),
    [
        ("http://h/600/val/abseiling.tar.gz", "http://h/600/val/abseiling.tar.gz", "abseiling"),
        ("http://h/600/val/acting in play.tar.gz", "http://h/600/val/acting%20in%20play.tar.gz", "acting in play"),
        (
            "http://h/val/climber (exercise).tar.gz",
            "http://h/val/climber%20%28exercise%29.tar.gz",
            "climber (exercise)",
        ),
        ("http://h/person's_head.tgz", "http://h/person%27s_head.tgz", "person's head"),
        ("http://h/A%20b.tar", "http://h/A%20b.tar", "a b"),
        ("http://h/yoga mat.tar?sig=a%2Fb=&x=1", "http://h/yoga%20mat.tar?sig=a%2Fb=&x=1", "yoga mat"),
        ("http://h", "http://h", ""),
    ],
)
def test_addresses_are_quoted_once_and_tell_their_class(line: str, expected: str, of_class: str) -> None:
    assert listing.quoted(line) == expected
    assert listing.class_of(listing.quoted(line)) == of_class


def test_a_name_that_would_trouble_a_terminal_is_shown_as_it_was_quoted() -> None:
    assert Part("http://h/a%20b.tar", "", 1, "", {}).name == "a b.tar"
    assert Part("http://h/a%1b[2Jb.tar", "", 1, "", {}).name == "a%1b[2Jb.tar"


def index(url: str, *clips: str, label: str = "", refused: tuple[str, ...] = ()) -> Index:
    why = dict.fromkeys(refused, ("corrupt", "decode", "bad"))
    return Index(url, LIST, 20, label, "", "", 0, frozenset(clips), why)


def test_what_was_found_is_read_as_it_was_noted(tmp_path: Path) -> None:
    noted = index("http://h/part_0.tar.gz", "a", "b", refused=("b",))
    listing.note(tmp_path, noted)
    (tmp_path / ARCHIVES / "torn.json").write_text('{"url": "http://h/part_1')
    (tmp_path / ARCHIVES / "other.json").write_text("[1]")
    assert listing.indexes(tmp_path) == {noted.url: noted}
    assert noted.offers(["a", "x"])
    assert not noted.offers(["b", "x"])


def videos(count: int, label: str = "abseiling") -> list[Video]:
    span = Span(Fraction(0), Fraction(10))
    ids = [VideoId(f"{number:011d}") for number in range(count)]
    return [Video(each, (Split.VAL,), span, "", (Clip(each, span, Split.VAL, label),)) for each in ids]


def job_of(dataset: Dataset, root: Path, *order: str) -> Job:
    sources = build(dataset.sources, order=order, archives=dataset.archives)
    stages = (Stage.VIDEO, Stage.CLIP)
    return Job(dataset.name, dataset.layout(root), stages, sources, dataset.frame_recipe, ClipRecipe())


def of_val(job: Job, plan: Plan) -> Errand:
    return next(each for each in errands(job, plan) if Split.VAL in each.source.splits)


@pytest.mark.parametrize(
    ("dataset", "wanted", "archives", "is_worth_it"),
    [(K400, 1, 20, False), (K400, 1900, 20, False), (K400, 2000, 20, True), (K600, 1, 1, False), (K600, 40, 1, True)],
)
def test_archives_are_worth_it_if_a_tenth_of_them_is_wanted(
    tmp_path: Path, dataset: Dataset, wanted: int, archives: int, is_worth_it: bool
) -> None:
    job = job_of(dataset, tmp_path)
    plan = make_plan(job, videos(wanted), State({}, {}))
    errand = of_val(job, plan)
    assert (len(errand.clips), errand.archives, errand.is_worth_it) == (wanted, archives, is_worth_it)
    assert assume(plan, [errand]).targets == 0


def test_what_is_known_of_archives_counts(tmp_path: Path) -> None:
    """Of those that were read only those that hold something wanted; the rest only while something has no place."""
    job = job_of(K400, tmp_path)
    two = videos(2)
    names = [video.clips[0].name for video in two]
    plan = make_plan(job, two, State({}, {}))
    listing.note(tmp_path, index("http://h/0", "foreign"))
    listing.note(tmp_path, index("http://h/1", names[0]))
    assert of_val(job, plan).archives == 19
    listing.note(tmp_path, index("http://h/2", names[1], refused=(names[1],)))
    assert of_val(job, plan).archives == 18
    listing.note(tmp_path, index("http://h/3", names[1]))
    assert of_val(job, plan).archives == 2


def test_each_video_meets_only_the_archives_of_its_split(tmp_path: Path) -> None:
    job = job_of(K400, tmp_path)
    assert [source.name for source in job.sources] == ["archive", "archive", "archive", "youtube"]
    mine = [source for source in job.of(videos(1)[0]).sources if isinstance(source, Archive)]
    assert [source.address for source in mine] == [LIST]


def test_the_overlay_belongs_to_its_split() -> None:
    found = build(K400.sources, archives=K400.archives)
    overlays = {source.splits: len(source.overlays) for source in found if isinstance(source, Archive)}
    assert overlays == {(Split.TRAIN,): 1, (Split.VAL,): 0, (Split.TEST,): 0}
    assert [source.class_by for source in build(K700.sources, archives=K700.archives)[:3]] == ["order", "order", ""]


def test_archives_come_before_other_sources_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="name archive before mirror and youtube"):
        build(K400.sources, order=("youtube", "archive"), archives=K400.archives)
    names = [s.name for s in build(K400.sources, order=("folder", "archive"), folder=tmp_path, archives=K400.archives)]
    assert names == ["folder", "archive", "archive", "archive"]
    own = [s.name for s in build(K400.sources, mirror="http://h/{id}.mp4", archives=K400.archives)]
    assert own == ["mirror", "youtube"], "who names a mirror of videos wants videos"


def test_a_folder_that_holds_the_video_is_asked_first(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "00000000000.mp4").write_bytes(b"x")
    job = replace(
        job_of(K400, tmp_path / "root"),
        sources=build(K400.sources, folder=mine, archives=K400.archives),
    )
    errand = of_val(job, make_plan(job, videos(2), State({}, {})))
    assert [clip.video_id for clip in errand.clips.values()] == ["00000000001"]


def test_manifests_that_contradict_themselves() -> None:
    facts = K400.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    facts["span"] = "rows"
    with pytest.raises(ValueError, match="'archive' needs an entry under 'archives'"):
        Dataset.model_validate(facts | {"archives": []})
    with pytest.raises(ValueError, match="must come first"):
        Dataset.model_validate(facts | {"sources": facts["sources"][::-1]})
    with pytest.raises(ValueError, match="an overlay needs its 'url'"):
        Archives(splits=(Split.VAL,), list=LIST, holds="x", overlay=True)
