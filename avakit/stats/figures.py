"""Figures for papers, drawn from the counted tables. The only module that knows matplotlib (extra `plots`)."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avakit.errors import ToolMissing
from avakit.stats import cooccurrence, counts, coverage
from avakit.stats.annotations import Annotations
from avakit.stats.report import Table
from avakit.tools import files

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours: told apart by the colour-blind, and in print.
_GROUPS = {"pose": "#0072B2", "object": "#D55E00", "person interaction": "#009E73"}
_SPLITS = {"train": "#0072B2", "val": "#D55E00", "test": "#009E73"}
# What is lost stands first, so that all losses are measured from the same line.
_FATES = {"unavailable": "#B2182B", "failed": "#F4A582", "short": "#A9D3B6", "there": "#4C9F70", "todo": "#DDDDDD"}
_PLAIN = "#555555"
_NEVER = "#EDEDED"
#: More names than these can't be read along one axis.
_NAMED_CLASSES = 100
_COVERED_CLASSES = 80
_DPI = 200
_STYLE: Any = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.hashsalt": "avakit",  # equal counts give equal files
}


def require() -> None:
    """Raise `ToolMissing` where matplotlib is not installed, before anything is counted."""
    if find_spec("matplotlib") is None:
        raise ToolMissing("matplotlib", "--plots needs it; pip install 'avakit[plots]'")


def draw(folder: Path, annotations: Annotations, tables: Sequence[Table]) -> list[Path]:
    """Draw all figures, each as PNG and SVG.

    Parameters
    ----------
    folder
        Where they go, as `long_tail.png`, `cooccurrence.svg` and so on.
    annotations, tables
        What was counted, and the counts.

    Returns
    -------
    list of pathlib.Path
        What was written.
    """
    import matplotlib as mpl

    rows = {table.name: table.rows for table in tables}
    written = []
    with mpl.rc_context(_STYLE):
        for name, figure in _figures(annotations, rows):
            for suffix, undated in (("png", "Software"), ("svg", "Date")):
                memory = io.BytesIO()
                figure.savefig(memory, format=suffix, dpi=_DPI, bbox_inches="tight", metadata={undated: None})
                path = folder / f"{name}.{suffix}"
                files.write_atomically(path, memory.getvalue())
                written.append(path)
    return written


def _figures(annotations: Annotations, rows: "dict[str, pd.DataFrame]") -> "Iterator[tuple[str, Figure]]":
    makers: dict[str, tuple[str, Callable[[Annotations, pd.DataFrame], Figure]]] = {
        "long_tail": ("classes", _long_tail),
        "cooccurrence": ("pairs", _cooccurrence),
        "labels_per_person": ("labels_per_person", _labels_per_person),
        "box_sizes": ("boxes", _box_sizes),
        "durations": ("durations", _durations),
        "coverage": ("coverage_classes", _coverage),
    }
    for name, (table, make) in makers.items():
        if table in rows:
            yield name, make(annotations, rows[table])


def _canvas(width: float, height: float) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _heading(annotations: Annotations, fact: str) -> str:
    splits = ", ".join(str(split) for split in annotations.labelled)
    return f"{annotations.dataset.title} ({splits}): {fact}"


def _count(number: float) -> str:
    return f"{number:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _long_tail(annotations: Annotations, classes: "pd.DataFrame") -> "Figure":
    """Draw labels per class, the most frequent first, on a log axis, in the colours of their groups."""
    sizes = classes.groupby(["class", "group"], sort=False)["labels"].sum().reset_index()
    sizes = sizes.sort_values("labels", ascending=False, kind="stable").reset_index(drop=True)
    is_named = len(sizes) <= _NAMED_CLASSES
    figure, axes = _canvas(10.5 if is_named else 7.0, 4.6 if is_named else 3.2)
    colours = [_GROUPS.get(group, _PLAIN) for group in sizes["group"]]
    axes.set_yscale("log")
    if is_named:
        axes.bar(range(len(sizes)), sizes["labels"], color=colours)
        axes.set_ylim(bottom=0.7)
        axes.set_xlim(-0.8, len(sizes) - 0.2)
    else:
        axes.scatter(range(1, len(sizes) + 1), sizes["labels"], s=3, color=colours)
        axes.set_xlim(0, len(sizes) + 1)
        axes.set_ylim(_decades(sizes["labels"]))
    axes.yaxis.grid(visible=True)
    axes.set_ylabel("labels")
    if is_named:
        axes.set_xticks(range(len(sizes)), list(sizes["class"]), rotation=90, fontsize=6.5)
        axes.tick_params(axis="x", length=0)
        _colour(axes.get_xticklabels(), [c if n else "#AAAAAA" for c, n in zip(colours, sizes["labels"], strict=True)])
    else:
        axes.set_xlabel(f"rank of the class, from “{sizes['class'].iloc[0]}” to “{sizes['class'].iloc[-1]}”")
    occurring = int((sizes["labels"] > 0).sum())
    fact = f"{_count(sizes['labels'].sum())} labels, {occurring} of {len(sizes)} classes occur"
    axes.set_title(_heading(annotations, fact))
    _legend(axes, {name: colour for name, colour in _GROUPS.items() if name in set(sizes["group"])})
    return figure


def _decades(sizes: "pd.Series[int]") -> tuple[float, float]:
    """Return the limits of a log axis in whole powers of ten: less would make a cliff of a pebble."""
    positive = [int(size) for size in sizes if size > 0]
    return 10.0 ** (len(str(min(positive))) - 1), 10.0 ** len(str(max(positive)))


def _cooccurrence(annotations: Annotations, pairs: "pd.DataFrame") -> "Figure":
    """Draw the NPMI of all pairs of actions, by group and frequency; pairs that never meet are grey."""
    import numpy as np
    from matplotlib import colormaps

    del pairs
    matrix, persons = cooccurrence.matrix(annotations)
    values = cooccurrence.npmi(matrix, persons)
    single = np.diag(matrix)
    known = list(_GROUPS)
    rank = {
        group: known.index(group) if group in known else len(known) for group in {a.group for a in annotations.actions}
    }
    order = [place for place in range(len(single)) if single[place]]
    order.sort(key=lambda place: (rank[annotations.actions[place].group], -single[place]))
    actions = [annotations.actions[place] for place in order]
    shown = np.where(matrix > 0, values, np.nan)[np.ix_(order, order)]
    np.fill_diagonal(shown, np.nan)
    side = max(4.5, 2.2 + 0.105 * len(actions))
    figure, axes = _canvas(side + 0.9, side)
    image = axes.imshow(shown, cmap=colormaps["RdBu_r"].with_extremes(bad=_NEVER), vmin=-1, vmax=1)
    places = range(len(actions))
    colours = [_GROUPS.get(action.group, _PLAIN) for action in actions]
    axes.set_xticks(places, [action.name for action in actions], rotation=90, fontsize=5.5)
    axes.set_yticks(places, [action.name for action in actions], fontsize=5.5)
    axes.tick_params(length=0)
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        _colour(labels, colours)
    for place in places:
        if place and actions[place].group != actions[place - 1].group:
            axes.axhline(place - 0.5, color="black", linewidth=0.6)
            axes.axvline(place - 0.5, color="black", linewidth=0.6)
    bar = figure.colorbar(image, ax=axes, shrink=0.5, aspect=30, pad=0.01)
    bar.set_label("NPMI of two actions on one person (grey: never together)")
    bar.outline.set_visible(False)
    axes.set_title(_heading(annotations, f"{_count(persons)} persons"))
    axes.spines[:].set_visible(False)
    return figure


def _labels_per_person(annotations: Annotations, table: "pd.DataFrame") -> "Figure":
    """Draw how many persons have 1, 2, … labels."""
    figure, axes = _canvas(4.2, 2.8)
    splits = list(dict.fromkeys(table["split"]))
    width = 0.8 / len(splits)
    for number, split in enumerate(splits):
        rows = table[table["split"] == split]
        places = rows["labels"] + (number - (len(splits) - 1) / 2) * width
        axes.bar(places, 100 * rows["share"], width=width, color=_SPLITS[split], label=split)
    axes.set_xticks(range(1, int(table["labels"].max()) + 1))
    axes.yaxis.grid(visible=True)
    axes.set(xlabel="different labels on one person", ylabel="persons (%)")
    axes.set_title(_heading(annotations, f"{_count(table['persons'].sum())} persons"))
    if len(splits) > 1:
        axes.legend()
    return figure


def _box_sizes(annotations: Annotations, table: "pd.DataFrame") -> "Figure":
    """Draw how the sizes of boxes are distributed."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 2.6), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    for split in annotations.labelled:
        sizes = counts.box_sizes(annotations.rows[annotations.rows["split"] == split])
        weights = np.full(len(sizes), 100 / len(sizes))
        for axes, measure in zip(panels, sizes.columns, strict=True):
            style = {"histtype": "step", "linewidth": 1.3, "color": _SPLITS[str(split)]}
            axes.hist(sizes[measure], bins=40, range=(0, 1), weights=weights, label=str(split), **style)
            axes.set(xlabel=f"{measure} of the box / of the picture", xlim=(0, 1))
            axes.yaxis.grid(visible=True)
    panels[0].set_ylabel(f"{annotations.sample_name} (%)")
    total = table.loc[table["measure"] == "area", annotations.sample_name].sum()
    panels[0].set_title(_heading(annotations, f"{_count(total)} boxes"))
    if len(annotations.labelled) > 1:
        panels[-1].legend(loc="upper left")
    return figure


def _durations(annotations: Annotations, table: "pd.DataFrame") -> "Figure":
    """Draw the lengths of clips or segments on a log axis, a bar for each second (one of a tenth can't be seen)."""
    figure, axes = _canvas(4.2, 2.8)
    what = annotations.sample_name
    splits = list(dict.fromkeys(table["split"]))
    is_whole = bool((table["seconds"] % 1 == 0).all())
    table = table.assign(seconds=(table["seconds"] + 0.5) // 1)
    table = table.groupby(["split", "seconds"], sort=False)[what].sum().reset_index()
    for number, split in enumerate(splits):
        rows = table[table["split"] == split]
        width = 0.8 / len(splits)
        places = rows["seconds"] + (number - (len(splits) - 1) / 2) * width
        axes.bar(places, rows[what], width=width, color=_SPLITS[split], label=split)
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.7)
    axes.yaxis.grid(visible=True)
    low, high = table["seconds"].min(), table["seconds"].max()
    label = "length (s)" if is_whole else "length, to the nearest second (s)"
    axes.set(xlabel=label, ylabel=what, xlim=(min(low, high - 4) - 1, high + 1))
    axes.set_title(f"{annotations.dataset.title} ({', '.join(splits)}): {_count(table[what].sum())} {what}")
    if len(splits) > 1:
        figure.legend(loc="outside right upper")
    return figure


def _coverage(annotations: Annotations, table: "pd.DataFrame") -> "Figure":
    """Draw what became of each class's labels, the classes with the greatest loss on top."""
    found = table.groupby(["class", "group"], sort=False)[["total", *coverage.FATES]].sum().reset_index()
    found["lost"] = (found["unavailable"] + found["failed"]) / found["total"]
    found = found.sort_values(["lost", "total"], ascending=False, kind="stable")
    shown = found.head(_COVERED_CLASSES)
    figure, axes = _canvas(7.0, 1.2 + 0.125 * len(shown))
    left = shown["total"] * 0.0
    for fate, colour in _FATES.items():
        if not found[fate].sum():
            continue
        share = 100 * shown[fate] / shown["total"]
        axes.barh(range(len(shown)), share, left=left, height=0.8, color=colour, label=fate)
        left = left + share
    axes.set_yticks(range(len(shown)), list(shown["class"]), fontsize=6)
    _colour(axes.get_yticklabels(), [_GROUPS.get(group, "black") for group in shown["group"]])
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, 100), ylim=(len(shown) - 0.4, -0.6), xlabel="labels of the class (%)")
    lost = (found["unavailable"] + found["failed"]).sum() / found["total"].sum()
    fact = f"{100 * lost:.1f} % of all labels lost"
    fact += f"; the {len(shown)} classes that lost most" if len(found) > len(shown) else ""
    figure.suptitle(_heading(annotations, fact), fontsize=9, x=0.01, ha="left")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=len(_FATES))
    return figure


def _colour(labels: Iterable[Any], colours: Iterable[str]) -> None:
    for label, colour in zip(labels, colours, strict=True):
        label.set_color(colour)


def _legend(axes: "Axes", colours: dict[str, str]) -> None:
    from matplotlib.patches import Patch

    if colours:
        axes.legend(handles=[Patch(color=colour, label=name) for name, colour in colours.items()], loc="upper right")
