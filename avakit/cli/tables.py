"""Tables of counts on a terminal: what a person wants to see of them first."""

from typing import TYPE_CHECKING, Any

import click

from avakit.cli.display import print_table, readable_count

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from avakit.stats import Table

_TEXT = frozenset({
    "split", "what", "why", "group", "class", "class_a", "class_b", "measure", "other",
})  # fmt: skip
_LONG = frozenset({"why", "class", "class_a", "class_b"})
_SHARES = frozenset({"share", "lost_share", "other_share"})


def show(dataset: str, tables: "list[Table]", top: int) -> None:
    """Print all tables of a dataset, at most `top` rows of the long ones."""
    from rich.console import Console

    console = Console()
    click.echo(dataset)
    for table in tables:
        rows, note = _chosen(table, top)
        if rows.empty and not note:
            continue
        console.print(f"\n[bold]{table.title}[/bold]")
        if not rows.empty:
            _print(rows)
        if note:
            click.echo(note)
    if not any(table.name == "coverage" for table in tables):
        click.echo("\nNothing of it was tried to download yet, so nothing is known to be lost.")


def _chosen(table: "Table", top: int) -> "tuple[pd.DataFrame, str]":
    """Return the rows to show, and what to say of those that are not shown."""
    rows = table.rows
    views: dict[str, Callable[[], tuple[pd.DataFrame, str]]] = {
        "splits": lambda: (_turned(rows), ""),
        "nominal": lambda: _without(rows, rows["difference"] != 0, "figure", "agrees", "agree"),
        "groups": lambda: (_wide(rows, ["group"], "labels"), ""),
        "classes": lambda: _classes(rows, top),
        "labels_per_person": lambda: (_wide(rows, ["labels"], "persons").sort_values("labels"), ""),
        "boxes": lambda: (rows[["split", "measure", "mean", "p05", "p25", "median", "p75", "p95"]], ""),
        "pairs": lambda: _pairs(rows, top),
        "durations": lambda: _cut(_wide(rows, ["seconds"], rows.columns[2]).sort_values("seconds"), top, "lengths"),
        "coverage_classes": lambda: _cut(_lost(rows), top, "classes that lost labels"),
        "overlap": lambda: _without(_named(rows), rows["shared"] > 0, "pair", "shares nothing", "share nothing"),
    }
    return views[table.name]() if table.name in views else (rows, "")


def _without(
    rows: "pd.DataFrame", is_shown: "pd.Series[bool]", what: str, one: str, several: str
) -> "tuple[pd.DataFrame, str]":
    """Leave rows out, and say how many they are."""
    count = len(rows) - int(is_shown.sum())
    words = f"{what}s {several}" if count != 1 else f"{what} {one}"
    return rows[is_shown], f"{readable_count(count)} other {words}" if count else ""


def _turned(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Put the splits side by side, their facts below each other: fourteen columns fit no terminal."""
    facts = [name for name in rows.columns[1:] if rows[name].notna().any()]
    turned = {"what": [name.replace("_", " ") for name in facts]}
    return type(rows)(turned | {row["split"]: [_cell("", row[n]) for n in facts] for _, row in rows.iterrows()})


def _lost(rows: "pd.DataFrame") -> "pd.DataFrame":
    columns = ["split", "class", "total", "unavailable", "failed", "lost_share"]
    return rows.loc[rows["lost_share"] > 0, columns].rename(columns={"total": "labels"})


def _named(rows: "pd.DataFrame") -> "pd.DataFrame":
    other = rows["other_dataset"] + " " + rows["other_split"]
    return rows.assign(other=other)[["split", "other", "what", "shared", "share", "other_share"]]


def _cut(rows: "pd.DataFrame", top: int, what: str) -> "tuple[pd.DataFrame, str]":
    more = len(rows) - top
    return rows.head(top), f"and {readable_count(more)} more {what}: --top, --csv, --json" if more > 0 else ""


def _wide(rows: "pd.DataFrame", key: list[str], value: str) -> "pd.DataFrame":
    """Put the splits side by side, and their sum behind them."""
    order = list(dict.fromkeys(rows["split"]))
    wide = rows.pivot_table(index=key, columns="split", values=value, fill_value=0, aggfunc="sum", sort=False)
    wide = wide[order].astype("int64")
    if len(order) > 1:
        wide["all"] = wide.sum(axis=1)
    wide.columns.name = None
    return wide.reset_index()


def _classes(rows: "pd.DataFrame", top: int) -> "tuple[pd.DataFrame, str]":
    key = [name for name in ("class_id", "class", "group") if name in rows and (rows[name] != "").any()]
    wide = _wide(rows, key, "labels")
    wide = wide.sort_values(wide.columns[-1], ascending=False, kind="stable")
    occurring, never = wide[wide.iloc[:, -1] > 0], wide[wide.iloc[:, -1] == 0]
    found, note = _cut(occurring, top, "classes")
    said = f"{len(occurring)} of {len(wide)} classes occur"
    if 0 < len(never) <= top:
        said += "; never: " + "; ".join(str(name) for name in never["class"])
    return found, "\n".join(line for line in (note, said) if line)


def _pairs(rows: "pd.DataFrame", top: int) -> "tuple[pd.DataFrame, str]":
    from avakit.stats.cooccurrence import MIN_PERSONS

    ranked = rows[rows["is_ranked"]].drop(columns=["is_ranked", "id_a", "id_b", "persons_a", "persons_b"])
    found, note = _cut(ranked, top, "pairs")
    rare = len(rows) - len(ranked)
    said = f"{readable_count(rare)} pairs are on fewer than {MIN_PERSONS} persons and not ranked" if rare else ""
    return found, "\n".join(line for line in (note, said) if line)


def _print(rows: "pd.DataFrame") -> None:
    from rich.markup import escape
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows.columns:
        shown.add_column(
            name.replace("_", " "), justify="left" if name in _TEXT else "right", no_wrap=name not in _TEXT
        )
    for record in rows.itertuples(index=False, name=None):
        shown.add_row(*(escape(_cell(name, value)) for name, value in zip(rows.columns, record, strict=True)))
    print_table(shown)


def _cell(name: str, value: Any) -> str:
    import pandas as pd

    if pd.isna(value):
        return "-"
    if name in _SHARES:
        return f"{100 * value:.1f} %"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 and value % 1 else f"{value:,.1f}".removesuffix(".0")  # noqa: PLR2004
    return readable_count(value) if hasattr(value, "__index__") else str(value)
