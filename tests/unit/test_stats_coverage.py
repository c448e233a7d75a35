"""What missing videos cost, and what splits share."""

from pathlib import Path

from avakit import journal, stats
from avakit.model import Stage
from avakit.stats import coverage, overlap
from tests.annotated import K400, TEST, TRAIN, V10, V22, VAL, Row, records, write_v10


def test_unavailable_films_cost_labels(tmp_path: Path) -> None:
    """What was made last decides: a window that is there outweighs that its film is gone now."""
    fates = ["there", "unavailable", "failed", "short", "todo", "window", "late"]
    rows: list[Row] = [
        (f"-film_{fate:_<5.5}", 904, "0.1", "0.1", "0.2", "0.2", action)
        for fate in fates
        for action in ((1, 2) if fate == "unavailable" else (1,))
    ]
    ids = dict(zip(fates, [row[0] for row in rows if row[6] == 1], strict=True))
    found = stats.read(V10, write_v10(tmp_path, {TEST: rows}), (TEST,))

    def line(folder: str, stage: Stage, fate: str, status: str) -> None:
        key = f"ava/{folder}/{ids[fate]}"
        path = f"{key}.mkv" if status in ("done", "short") else ""
        reason = "starts_after_end" if status == "short_gap" else ""  # it ends before the span begins: nothing is kept
        status = status.removesuffix("_gap")
        journal.append(tmp_path, journal.Record(key, stage, ids[fate], V10.name, status, reason, path=path))

    line("videos", Stage.VIDEO, "there", "done")
    line("videos", Stage.VIDEO, "unavailable", "unavailable")
    line("videos", Stage.VIDEO, "failed", "transient")
    line("windows", Stage.WINDOW, "short", "short")
    line("windows", Stage.WINDOW, "late", "short_gap")
    line("windows", Stage.WINDOW, "window", "done")
    line("videos", Stage.VIDEO, "window", "unavailable")
    known = coverage.fates(found, V10.layout(tmp_path), journal.read(tmp_path))
    videos, labels = records(coverage.splits(found, known))
    assert [videos[fate] for fate in coverage.FATES] == [2, 2, 1, 1, 1]
    assert (labels["total"], labels["unavailable"], labels["failed"]) == (8, 2, 1)
    worst, other = records(coverage.classes(found, known))
    assert (worst["class_id"], worst["total"], worst["lost_share"]) == (2, 1, 1.0)
    assert (other["total"], other["lost_share"]) == (7, round(2 / 7, 6))


def test_clips_that_are_gone_cost_labels(k400: Path, tmp_path: Path) -> None:
    found = stats.read(K400, k400, (VAL,))
    gone, label = found.rows["video_id"][0], found.rows["label"][0]
    journal.append(
        tmp_path, journal.Record(f"kinetics/videos/{gone}", Stage.VIDEO, gone, K400.name, "unavailable", "private")
    )
    tables = {t.name: t.rows for t in stats.gather(found, K400.layout(tmp_path), journal.read(tmp_path))}
    assert tables["coverage"]["unavailable"].tolist() == [1, 1]
    worst = records(tables["coverage_classes"])[0]
    assert (worst["class"], worst["unavailable"]) == (label, 1)


def test_nothing_tried_is_no_loss(head: stats.Annotations, tmp_path: Path) -> None:
    names = [table.name for table in stats.gather(head, V10.layout(tmp_path), journal.read(tmp_path))]
    assert names == ["splits", "nominal", "groups", "classes", "labels_per_person", "boxes", "pairs"]


def test_overlap_of_splits_and_of_datasets(tmp_path: Path, v22: Path, k400: Path) -> None:
    film = "0f39OWEqJ24"  # the film of v2.1's sample
    rows: list[Row] = [(film, second, "0.1", "0.1", "0.2", "0.2", 1) for second in (904, 907)]
    own = stats.read(V10, write_v10(tmp_path, {TRAIN: rows, TEST: rows[:1]}), (TRAIN, TEST))
    (v22 / "ava_val_v2.2.csv").write_text(f"{film},0907,0.1,0.1,0.2,0.2,1,0\n{film},0908,0.1,0.1,0.2,0.2,1,0\n")
    others = [stats.read(V22, v22, (VAL,)), stats.read(K400, k400, (VAL,))]
    found = {
        (r["split"], r["other_dataset"], r["other_split"], r["what"]): (r["count"], r["other_count"], r["shared"])
        for r in records(overlap.between(own, others))
    }
    assert found["train", "ava-v1.0", "test", "videos"] == (1, 1, 1)
    assert found["train", "ava-v1.0", "test", "key_frames"] == (2, 1, 1)
    assert found["train", "ava-v2.2", "val", "key_frames"] == (2, 2, 1)
    assert found["test", "ava-v2.2", "val", "key_frames"] == (1, 2, 0)
    assert found["train", "kinetics-400", "val", "videos"] == (1, 30, 0)
    assert ("train", "kinetics-400", "val", "clips") not in found
