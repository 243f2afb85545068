"""Rich tables of margins, from the documents of `volguard margin`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from volguard.adapters.figure_text import amount_text, number_text, percent_text
from volguard.report.smile_tables import cell, plain_table
from volguard.report.stress_tables import head_lines, reason_lines

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

NAMES: Final = {
    "scan_risk_inr": "scan risk, worst of 16",
    "calendar_spread_inr": "+ calendar spread charge",
    "short_option_minimum_inr": "at least the short option minimum",
    "net_option_value_inr": "- net option value",
    "span_inr": "SPAN",
    "exposure_inr": "+ exposure",
    "deep_otm_inr": "+ deep out of the money",
    "expiry_day_inr": "+ expiry day",
    "total_inr": "total",
    "upfront_premium_inr": "beside it: premium of longs, upfront",
}


def margin_table(document: Mapping[str, Any]) -> RenderableType:
    """Components, inputs with their origins, the rules in force, and the margin after moves."""
    from rich.console import Group

    return Group(
        *head_lines(document),
        "",
        _components(document),
        *scenario_lines(document["margin"]),
        "",
        moves_table(document["moves"]),
        "",
        *_input_lines(document),
        "",
        _rules(document["inputs"]["rules"]),
        *reason_lines(document),
    )


def moves_table(moves: Sequence[Mapping[str, Any]]) -> Table:
    """Margin after the index moved, volatilities kept."""
    table = plain_table(
        ("after a move of the index", "SPAN", "total", "worst scenario"),
        title="volatilities kept",
    )
    for row in moves:
        table.add_row(
            f"{100.0 * row['move_share']:+.0f} %",
            *(cell(amount_text(row[name])) for name in ("span_inr", "total_inr")),
            row["worst_scenario"] or "-",
        )
    return table


def scenario_lines(margin: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Which scenario each group of the scan loses most in."""
    if margin is None:
        return ()
    scan = margin["scan"]
    if not scan:
        return (f"worst scenario: {margin['worst_scenario']}",)
    return tuple(
        f"worst scenario: {one['scenario']}, loss {amount_text(one['loss_inr'])} rupees" for one in scan
    )


def published_table(document: Mapping[str, Any]) -> RenderableType:
    """Published margins beside ours; those that ours must come near to are marked."""
    from rich.console import Group

    table = plain_table(
        ("position", "day", "figure", "published", "ours", "difference", "held to"),
        title="margins that were published, and ours, in rupees",
    )
    for row in document["rows"]:
        table.add_row(
            row["name"],
            row["day"],
            NAMES[row["component"]].strip("+- "),
            amount_text(row["published_inr"]),
            cell(amount_text(row["ours_inr"])),
            cell(percent_text(row["difference"])),
            percent_text(document["tolerance"], 0) if row["is_held"] else "printed only",
        )
    said = (f"{day}: {text}" for day, text in document["assumed"].items())
    refused = (f"{row['name']}: not available: {row['reason']}" for row in document["rows"] if row["reason"])
    return Group(table, "", "assumed:", *said, *refused)


def price_scan_table(document: Mapping[str, Any]) -> RenderableType:
    """The error of our price scan, |ours / published - 1|, by year."""
    from rich.console import Group

    drawn: list[RenderableType] = []
    for symbol, rows in document["symbols"].items():
        table = plain_table(
            ("year", "days", "median", "99th percentile", "worst", "on"),
            title=f"{symbol}: |our price scan / published - 1|",
        )
        for row in rows:
            table.add_row(
                str(row["year"]),
                str(row["days"]),
                *(percent_text(row[name], 3) for name in ("median", "percentile_99", "worst")),
                row["worst_day"],
            )
        drawn += [table, ""]
    return Group(*drawn, f"from {document['file']} and {document['volatility_file']}")


def _components(document: Mapping[str, Any]) -> Table:
    ours, file = document["margin"], document["span_file"]
    columns = ("margin, rupees", "ours", *(() if file is None else ("SPAN file", "difference")))
    table = plain_table(columns, title="")
    for name, label in NAMES.items():
        cells = [_component(ours, name)]
        if file is not None:
            cells += [_component(file["margin"], name), _component(file["difference"], name, is_signed=True)]
        table.add_row(label, *cells)
    return table


def _component(margin: Mapping[str, Any] | None, name: str, *, is_signed: bool = False) -> str:
    return "-" if margin is None else amount_text(margin[name], is_signed=is_signed)


def _input_lines(document: Mapping[str, Any]) -> tuple[str, ...]:
    inputs, file = document["inputs"], document["span_file"]
    lines = [
        f"trade date {inputs['trade_date']}; index {number_text(document['level'])} "
        f"({document['level_origin']}); previous close {number_text(inputs['previous_close'])} of "
        f"{inputs['previous_close_day'] or 'no day'}",
        f"NSE's EWMA {percent_text(inputs['sigma_daily'], 4)} a day ({inputs['sigma_origin']})",
        f"price scan {percent_text(inputs['price_scan_share'], 2)} = "
        f"{number_text(inputs['price_scan_points'], 1)} points, volatility scan "
        f"{percent_text(inputs['vol_scan'], 2)}",
    ]
    if file is not None:
        kind = "settlement" if file["is_settlement"] else "intraday"
        lines.append(
            f"SPAN file of {file['day']} ({kind}), index {number_text(file['level'])}: {file['path']}"
        )
    return tuple(lines)


def _rules(rules: Sequence[Mapping[str, Any]]) -> Table:
    from rich.table import Table

    table = Table(title="rules in force", title_justify="left", box=None, pad_edge=False, header_style="dim")
    for name in ("rule", "figures", "from", "source"):
        table.add_column(name, overflow="fold")
    for row in rules:
        figures = ", ".join(f"{key} {value}" for key, value in row["figures"].items() if value is not None)
        table.add_row(row["rule"], figures, row["valid_from"], f"{row['source']} [{row['confidence']}]")
    return table
