"""Sweeps and walk-forwards for the terminal, from their documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from volguard.adapters.figure_text import amount_text
from volguard.report.backtest_tables import known_text, price_lines

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


def sweep_summary(document: Mapping[str, Any]) -> RenderableType:
    """A row a setting, the best marked, and what luck alone would show."""
    from rich.console import Group
    from rich.text import Text

    rows = document["variants"]
    keys = [axis["key"] for axis in document["axes"]]
    table = _table(*keys, *_COLUMNS)
    for place, row in enumerate(rows):
        mark = " *" if place == document["best"] else ""
        settings = [row["settings"][key] for key in keys]
        table.add_row(*settings[:-1], settings[-1] + mark, *_cells(row))
    first, last = rows[0]["first_day"], rows[0]["last_day"]
    return Group(
        Text(f"{document['underlying']} {first} to {last}, {len(rows)} settings"),
        *(Text(line) for line in price_lines(document)),
        Text(""),
        table,
        Text(""),
        *(Text(line) for line in _luck(document)),
        *_faults(rows),
    )


def walk_summary(document: Mapping[str, Any]) -> RenderableType:
    """Each window with what was chosen and what it then made, and the paid stretches as one record."""
    from rich.console import Group
    from rich.text import Text

    table = _table("paid on", "chosen", "Sharpe before", *_COLUMNS)
    for window in document["windows"]:
        chosen = ", ".join(f"{key}={value}" for key, value in window["settings"].items())
        before = known_text(window["trained"]["sharpe"], lambda x: f"{x:.2f}")
        table.add_row(" to ".join(window["test"]), chosen, before, *_cells(window["paid"]))
    paid = document["paid"]
    said = (
        f"all paid stretches, {paid['sessions']} sessions: {amount_text(paid['value_inr'])} at the end, "
        f"{known_text(paid['cagr'], lambda x: f'{x:.2%}')} a year, Sharpe "
        f"{known_text(paid['sharpe'], lambda x: f'{x:.2f}')}, deepest drawdown "
        f"{known_text(paid['max_drawdown'], lambda x: f'{x:.2%}')}"
    )
    head = (
        f"{document['underlying']}, chosen on {document['train_sessions']} sessions, paid on the next "
        f"{document['test_sessions']}, {len(document['windows'])} windows"
    )
    return Group(
        Text(head),
        *(Text(line) for line in price_lines(document)),
        Text(""),
        table,
        Text(""),
        Text(said),
        *_faults([window["paid"] for window in document["windows"]]),
    )


_COLUMNS = ("at the end", "at worse prices", "a year", "Sharpe", "drawdown", "trades", "won")


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        amount_text(row["value_inr"]),
        amount_text(row["doubted_value_inr"]),
        known_text(row["cagr"], lambda x: f"{x:.2%}"),
        known_text(row["sharpe"], lambda x: f"{x:.2f}"),
        known_text(row["max_drawdown"], lambda x: f"{x:.2%}"),
        str(row["trades"]),
        known_text(row["win_rate"], lambda x: f"{x:.0%}"),
    )


def _luck(document: Mapping[str, Any]) -> list[str]:
    judged = document["deflated_sharpe"]
    if judged is None:
        return ["no setting has a Sharpe ratio: there is no best"]
    share = known_text(judged["deflated"], lambda x: f"{x:.0%}")
    return [
        f"* the highest Sharpe ratio of {judged['trials']} settings. That it is above what the best of so "
        f"many without an edge would show has the probability {share} (deflated Sharpe ratio)",
        *(f"{name}: {reason}" for name, reason in judged["missing"].items()),
    ]


def _faults(rows: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    from rich.text import Text

    failed, left_out = sum(row["failed_steps"] for row in rows), max(row["left_out"] for row in rows)
    said = [f"{failed} steps FAILED in all"] if failed else []
    said += [f"{left_out} days were left out: a single backtest names them"] if left_out else []
    return [Text(line) for line in said]


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number == 0 else "right")
    return table
