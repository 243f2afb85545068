"""Rich tables of a book's risk, from a `volguard.risk/1` document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from volguard.adapters.figure_text import amount_text, number_text, percent_text
from volguard.report.margin_tables import moves_table, scenario_lines
from volguard.report.smile_tables import cell, plain_table
from volguard.report.stress_tables import head_lines, outcome_table, reason_lines, worst_lines

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

BAR_WIDTH: Final = 20
GREEKS: Final = (
    ("delta", 2),
    ("gamma", 4),
    ("vega_per_pt", 0),
    ("theta_per_day", 0),
    ("delta_pnl_1pct_inr", 0),
    ("gamma_pnl_1pct_inr", 0),
)
NO_SHARE: Final = "not available"


def risk_table(document: Mapping[str, Any]) -> RenderableType:
    """The book on two screens: exposure, limits as bars, stress, margin, capital, guards, cost to be flat."""
    from rich.console import Group

    return Group(
        *session_lines(document),
        *head_lines(document)[1:],
        "",
        _exposure(document["exposure"]),
        "",
        _limits(document["limits"]),
        "",
        *worst_lines({**document["stress"], "legs": ()}),
        outcome_table(document["stress"]["worst_cells"], title="five worst cells"),
        outcome_table(document["stress"]["scenarios"], title="scenarios"),
        outcome_table(document["stress"]["near"], title="near cells"),
        "",
        margin_line(document["margin"]),
        *scenario_lines(document["margin"]),
        moves_table(document["moves"]),
        "",
        _buckets(document["buckets"]),
        "",
        _concentration(document["concentration"]),
        "",
        *guard_lines(document["guards"]),
        *flat_lines(document["flat_now"]),
        *reason_lines(document),
    )


def session_lines(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Which session, how far it was read, how it stood."""
    ended = f", ended: {document['ended']}" if document["ended"] else ""
    causes = f" ({', '.join(document['degraded_by'])})" if document["degraded_by"] else ""
    state = f"{document['trading_state']}/{document['safety_level']}{causes}"
    return (
        f"{document['underlying']} {document['name']} as of {document['as_of']}, "
        f"row {document['row']}{ended}",
        f"{document['effective_phase']}, {state}; account "
        f"{amount_text(document['account_inr'])}, day's P&L "
        f"{amount_text(document['pnl_net_inr'], is_signed=True)}; {document['open_trades']} open trades",
    )


def margin_line(margin: Mapping[str, Any] | None) -> str:
    """The margin with its parts in one line."""
    if margin is None:
        return "margin: not available"
    parts = (
        f"SPAN {amount_text(margin['span_inr'])}",
        f"exposure {amount_text(margin['exposure_inr'])}",
        f"deep out of the money {amount_text(margin['deep_otm_inr'])}",
        f"expiry day {amount_text(margin['expiry_day_inr'])}",
    )
    premium = amount_text(margin["upfront_premium_inr"])
    return f"margin {amount_text(margin['total_inr'])} = {' + '.join(parts)}; beside it premium {premium}"


def limit_bar(share_used: float | None) -> str:
    """A share of a limit as a bar; full is at or beyond the limit."""
    if share_used is None:
        return ""
    filled = min(round(share_used * BAR_WIDTH), BAR_WIDTH)
    return "#" * filled + "." * (BAR_WIDTH - filled)


def guard_lines(guards: Mapping[str, Any]) -> tuple[str, ...]:
    """VIX spike, breakers, stops and kill switch in words."""
    stops = "  ".join(
        f"{name.replace('_', ' ')} {'HIT' if guards[name] else 'not hit'}"
        for name in ("soft_stop", "hard_stop")
    )
    breakers = "  ".join(
        f"{name.replace('_', ' ')} {_breaker_text(guards[name])}"
        for name in ("order_breaker", "feed_breaker")
    )
    kill = "PRESENT" if guards["kill_switch"] else "absent"
    flatten = f"; flattening: {guards['flatten_reason']}" if guards["flatten_reason"] else ""
    return (f"{guards['vix_spike']['text']}; {breakers}", f"{stops}; kill switch {kill}{flatten}")


def flat_lines(flat: Mapping[str, Any]) -> tuple[str, ...]:
    """What being flat now costs, and by when no short is left."""
    if not flat["legs"]:
        return (f"{flat['text']}; nothing is held",)
    shorts, seconds = amount_text(flat["shorts_cost_inr"]), number_text(flat["shorts_seconds"], 1)
    return (flat["text"], f"without a short after {seconds} s, at {shorts} rupees")


def _exposure(exposure: Mapping[str, Any]) -> Table:
    table = plain_table(
        ("exposure", "delta", "gamma", "vega/pt", "theta/day", "delta 1 %", "gamma 1 %"),
        title="delta and gamma in units of the index, the rest in rupees",
    )
    for row in exposure["by_trade"]:
        lots = f"{row['lots']} lot{'' if row['lots'] == 1 else 's'}"
        name = f"{row['trade_id']} {row['bucket']} {row['structure']} {lots}"
        table.add_row(name, *_greeks(row["greeks"]))
    for row in exposure["by_bucket"]:
        table.add_row(row["bucket"], *_greeks(row["greeks"]))
    for row in exposure["by_expiry"]:
        table.add_row(row["expiry"], *_greeks(row["greeks"]))
    table.add_row("portfolio", *_greeks(exposure["portfolio"]))
    return table


def _greeks(greeks: Mapping[str, float] | None) -> list[str]:
    if greeks is None:
        return ["-"] * len(GREEKS)
    return [number_text(greeks[name], decimals, is_signed=True) for name, decimals in GREEKS]


def _limits(limits: Sequence[Mapping[str, Any]]) -> Table:
    table = plain_table(("limit", "value", "limit", "used", "bar"), title="limits; ! breached")
    for row in limits:
        decimals = {"INR": 0, "count": 0}.get(row["unit"], 3)
        least = "at least " if row["is_floor"] else ""
        used = NO_SHARE if row["value"] is None else cell(percent_text(row["share_used"]))
        table.add_row(
            row["name"] + (" !" if row["is_breached"] else ""),
            cell(number_text(row["value"], decimals)),
            least + number_text(row["limit"], decimals),
            used,
            limit_bar(row["share_used"]),
        )
    return table


def _buckets(buckets: Sequence[Mapping[str, Any]]) -> Table:
    table = plain_table(
        ("bucket", "capital", "used", "share", "open risk", "margin now", "trades"),
        title="capital used: of each trade the larger of margin and loss, as approved",
    )
    for row in buckets:
        margin = row["margin_now"]
        table.add_row(
            row["bucket"],
            *(cell(amount_text(row[name])) for name in ("capital_inr", "capital_used_inr")),
            cell(percent_text(row["share_used"])),
            amount_text(row["open_risk_inr"]),
            "-" if margin is None else amount_text(margin["total_inr"]),
            " ".join(row["trades"]) or "none",
        )
    return table


def _concentration(groups: Sequence[Mapping[str, Any]]) -> RenderableType:
    if not groups:
        return "concentration: nothing is held"
    table = plain_table(("concentration", "open risk", "trades"), title="trades hurt by one move")
    for row in groups:
        side = f"{row['underlying']} {row['expiry']} {row['side']}"
        table.add_row(side, amount_text(row["open_risk_inr"]), " ".join(row["trades"]))
    return table


def _breaker_text(breaker: Mapping[str, Any]) -> str:
    reason = f" ({breaker['reason']})" if breaker["reason"] else ""
    return f"{breaker['circuit']}{reason}"
