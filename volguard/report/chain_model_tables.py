"""Tables of how near modelled option prices come to real ones, from a `volguard.chain_model/1` document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

SAMPLES = {"in": "fitted on them", "out": "fitted on all other years"}


def chain_model_table(document: Mapping[str, Any]) -> RenderableType:
    """Credits by year and by days to expiry, each leg, and the recorded day's quotes."""
    from rich.console import Group
    from rich.text import Text

    span = f"{document['condors']} condors, {document['first']} to {document['last']}"
    lines = [
        f"modelled prices against real trades: {span}",
        f"India VIX as known: {document['vix_known']}",
        f"a modelled credit may be doubted by {document['handicap_share']:.1%} of itself",
        *(f"left out: {text}" for text in document["left_out"]),
    ]
    credits = document["credits"]
    return Group(
        *(Text(line) for line in lines),
        Text(""),
        _credits("year", [row for row in credits if row["days_to_expiry"] is None], "year"),
        Text(""),
        _credits(
            "days to expiry", [row for row in credits if row["days_to_expiry"] is not None], "days_to_expiry"
        ),
        Text(""),
        _legs(document["legs"]),
        Text(""),
        Text(f"quotes of {document['recorded_day']}: {document['recorded_sample']}"),
        _recorded(document["recorded"]),
    )


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number == 0 else "right", no_wrap=True)
    return table


def _credits(name: str, rows: Iterable[Mapping[str, Any]], key: str) -> Table:
    table = _table(
        f"credit by {name}", "at", "sample", "count", "median size of error", "bias", "within 10 %"
    )
    for row in rows:
        told = "all" if row[key] is None else str(row[key])
        table.add_row(told, row["moment"], SAMPLES[row["sample"]], *_errors(row))
    return table


def _legs(rows: Iterable[Mapping[str, Any]]) -> Table:
    table = _table(
        "leg", "at", "sample", "count", "median size of error", "bias", "within 10 %", "bias of volatility"
    )
    for row in rows:
        table.add_row(
            row["leg"], row["moment"], SAMPLES[row["sample"]], *_errors(row), f"{row['volatility_bias']:+.1%}"
        )
    return table


def _recorded(rows: Iterable[Mapping[str, Any]]) -> Table:
    table = _table(
        *("expiry", "deviations out", "count", "median size of error", "bias", "within 10 %"),
        *("bias of volatility", "points", "half spread"),
    )
    for row in rows:
        table.add_row(
            row["expiry"],
            f"{row['depth']:+d}",
            *_errors(row),
            f"{row['volatility_bias']:+.1%}",
            f"{row['points']:.2f}",
            f"{row['half_spread_points']:.2f}",
        )
    return table


def _errors(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        str(row["count"]),
        f"{row['median_absolute']:.1%}",
        f"{row['bias']:+.1%}",
        f"{row['within_tenth']:.0%}",
    )
