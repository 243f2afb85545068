"""Rich tables of a structure's value, from a `volguard.payoff/1` document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from volguard.adapters.figure_text import MINUS, amount_text, number_text, percent_text
from volguard.report.smile_tables import cell, fitted_text, plain_table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


def payoff_table(document: Mapping[str, Any]) -> RenderableType:
    """The structure on one screen: legs, extremes at touch and mid, Greeks and costs, worth under Q and P."""
    from rich.console import Group

    return Group(
        *head_lines(document),
        "",
        _legs(document["legs"]),
        "",
        _extremes(document),
        "",
        _greeks(document["greeks"]),
        "",
        _costs(document["costs"]),
        _margin_line(document["margin"]),
        "",
        _measures(document["measures"]),
        *_origins(document["measures"]),
        "",
        _in_the_money(document["measures"]),
        "",
        *reason_lines(document),
        *document["notes"],
    )


def head_lines(document: Mapping[str, Any]) -> tuple[str, ...]:
    """What was valued, when and how much of it."""
    return (
        f"{document['underlying']} {document['structure'] or 'structure'} at {document['ts']}",
        f"expiry {document['expiry']}, {number_text(document['days'], 2)} days, forward "
        f"{number_text(document['forward'])}; {document['lots']} x {document['lot_size']} = "
        f"{document['units']} units; smile {fitted_text(document)}",
    )


def figure_lines(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The main figures in words, one line each for the credit and for each measure."""
    touch = document["touch"]
    best, worst = (_bound(document, "touch", touch, name) for name in ("max_profit_inr", "max_loss_inr"))
    credit = amount_text(touch["credit_inr"], is_signed=True)
    lines = [
        f"credit at the touch {credit} rupees; max profit {best}, max loss {worst}; "
        f"breakevens {_breakevens(touch['breakevens'])}"
    ]
    lines += [
        f"{row['name']}: probability of profit {percent_text(row['touch']['probability_of_profit'])}, "
        f"expected value {amount_text(row['touch']['ev_inr'], is_signed=True)} rupees, "
        f"{amount_text(row['ev_net_inr'], is_signed=True)} after charges"
        for row in document["measures"]
    ]
    return tuple(lines)


def reason_lines(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Why figures are missing or without a bound, one line each reason."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in document["missing"].items():
        by_reason.setdefault(reason, []).append(name)
    return tuple(f"{', '.join(names)}: {reason}" for reason, names in by_reason.items())


def _legs(legs: Sequence[Mapping[str, Any]]) -> Table:
    table = plain_table(
        ("leg", "expiry", "bid", "ask", "mid", "IV", "delta", "bid size", "ask size", "flags"),
        title="legs (delta of one option, - sold, + bought)",
    )
    for leg in legs:
        sign = "+" if leg["side"] == "BUY" else MINUS
        ratio = f"{leg['count']}x" if leg["count"] > 1 else ""
        table.add_row(
            f"{sign}{ratio}{leg['strike']} {leg['option_type']}",
            leg["expiry"],
            *(cell(number_text(leg[name])) for name in ("bid", "ask", "mid")),
            cell(percent_text(leg["iv"], 2)),
            cell(number_text(leg["delta"], 3, is_signed=True)),
            *(number_text(leg[name], 0) for name in ("bid_qty", "ask_qty")),
            " ".join(leg["flags"]),
        )
    return table


def _extremes(document: Mapping[str, Any]) -> Table:
    table = plain_table(
        ("credit", "points", "rupees", "max profit", "max loss", "breakevens"),
        title="at expiry; touch is what can be had now",
    )
    for basis in ("touch", "mid"):
        row = document[basis]
        table.add_row(
            basis,
            cell(number_text(row["credit_points"], is_signed=True)),
            cell(amount_text(row["credit_inr"], is_signed=True)),
            *(_bound(document, basis, row, name) for name in ("max_profit_inr", "max_loss_inr")),
            _breakevens(row["breakevens"]),
        )
    return table


def _bound(document: Mapping[str, Any], basis: str, row: Mapping[str, Any], name: str) -> str:
    if row[name] is None and document["missing"].get(f"{basis}.{name}") == "unbounded":
        return "unbounded"
    return cell(amount_text(row[name]))


def _breakevens(levels: Sequence[float] | None) -> str:
    if levels is None:
        return "-"
    return "  ".join(number_text(level, 1) for level in levels) or "none"


def _greeks(greeks: Mapping[str, Mapping[str, float | None]]) -> Table:
    table = plain_table(
        ("Greeks", "delta", "gamma", "vega/pt", "theta/day", "delta 1 %", "gamma 1 %"),
        title="unit: points; all lots: delta, gamma in units, rest in rupees",
    )
    for name, label, decimals in (("unit", "one unit", 4), ("position", "all lots", 2)):
        row = greeks[name]
        table.add_row(
            label,
            cell(number_text(row["delta"], decimals, is_signed=True)),
            cell(number_text(row["gamma"], 6 if name == "unit" else 4, is_signed=True)),
            *(
                cell(number_text(row[key], 2, is_signed=True))
                for key in ("vega_per_pt", "theta_per_day", "delta_pnl_1pct_inr", "gamma_pnl_1pct_inr")
            ),
        )
    return table


def _costs(costs: Mapping[str, Any]) -> Table:
    names = ("brokerage", "stt", "exchange", "ipft", "sebi", "stamp", "gst")
    table = plain_table(
        ("costs, rupees", "total", *names),
        title=f"half the spread once: {amount_text(costs['half_spread_inr'])}",
    )
    for name in ("entry", "exit"):
        lines = costs[f"{name}_lines"] or dict.fromkeys(names)
        table.add_row(
            f"charges of {name}",
            cell(amount_text(costs[f"{name}_inr"])),
            *(cell(amount_text(lines[key])) for key in names),
        )
    return table


def _margin_line(margin: Mapping[str, Any]) -> str:
    total = margin["total_inr"]
    if total is None:
        return "margin: not available"
    span = amount_text(margin["span_inr"])
    return (
        f"margin: {amount_text(total)} rupees, SPAN {span} of it; worst scenario {margin['worst_scenario']}"
    )


def _measures(measures: Sequence[Mapping[str, Any]]) -> Table:
    table = plain_table(
        ("measure", "sd pts", "P(profit)", "at mid", "EV touch", "EV mid", "STT exercise", "EV net"),
        title="EV in rupees; net: touch, less entry charges and STT on exercise",
    )
    for row in measures:
        table.add_row(
            row["name"],
            cell(number_text(row["deviation_points"], 1)),
            *(cell(percent_text(row[basis]["probability_of_profit"])) for basis in ("touch", "mid")),
            *(cell(amount_text(row[basis]["ev_inr"], is_signed=True)) for basis in ("touch", "mid")),
            cell(amount_text(row["exercise_stt_inr"])),
            cell(amount_text(row["ev_net_inr"], is_signed=True)),
        )
    return table


def _in_the_money(measures: Sequence[Mapping[str, Any]]) -> Table:
    names = [row["name"] for row in measures]
    table = plain_table(("sold", "expiry", *names), title="probability of ending in the money")
    for legs in zip(*(row["short_itm"] for row in measures), strict=True):
        table.add_row(
            f"{legs[0]['strike']} {legs[0]['option_type']}",
            legs[0]["expiry"],
            *(cell(percent_text(leg["probability"])) for leg in legs),
        )
    return table


def _origins(measures: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    lines = []
    for row in measures:
        origin = row["origin"]
        if "smile" in origin:
            atm = percent_text(origin["atm_iv"], 2)
            error = number_text(origin["near_rms_pt"], 3)
            lines.append(
                f"{row['name']}: smile by {origin['smile']}, ATM IV {atm} per 365 days, "
                f"fit error {error} vol points near the money"
            )
        elif origin:
            lines.append(
                f"{row['name']}: volatility {percent_text(origin['volatility'], 2)} per 252 sessions over "
                f"{number_text(origin['sessions'])} sessions, median of {origin['models']} models, "
                f"Student-t of {origin['student_t_dof']:g}, history until {origin['history_until']}"
            )
    return tuple(lines)
