"""The day as one page: no network, light and dark, readable on a phone, the same figures as the document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from volguard import __version__
from volguard.adapters.figure_text import ABSENT, number_text
from volguard.model.decision import Phase
from volguard.report.charts import level_chart, payoff_chart, pnl_chart, quality_chart, volatility_chart
from volguard.report.day import DayReport
from volguard.report.elements import Html, card, inr, legend, panel, text
from volguard.report.refused_tables import RULE, reasons_table, refused_line, structures_table, waits_table
from volguard.report.sections import (
    assumptions,
    buckets_table,
    decisions_bars,
    decisions_table,
    events_table,
    execution_tables,
    fills_table,
    gaps_table,
    limits_table,
    positions_table,
    settings_tables,
    trades_table,
)
from volguard.report.settings_used import setting_named
from volguard.report.signals import signals_table
from volguard.report.theme import style_sheet
from volguard.report.trade_result import Payoff, TradeResult, payoff_of

PAYOFFS_SHOWN: Final = 12
HOLE: Final = ("no data", "hole", "box")


def page(report: DayReport, doc: Mapping[str, Any]) -> str:
    """The whole page; `doc` is the report's own document."""
    session = report.inputs.session
    title = f"{session.source.underlying} {session.trading_date:%d %b %Y}"
    body = (
        f"<header><h1>{text(title)}</h1><p>volguard day report \u00b7 {text(session.session_id)}</p></header>"
        + _banners(report)
        + _cards(report, doc)
        + _section("Through the day", f'<div class="panels">{_day_charts(report)}</div>')
        + _section("Trades", _panel_of(trades_table(doc)) + _payoffs(report))
        + _section("Buckets", _panel_of(buckets_table(doc)))
        + _section("Open positions", _panel_of(positions_table(doc)))
        + _section("Decisions", _panel_of(decisions_bars(report)) + _panel_of(decisions_table(report)))
        + _section("Signals, as noted last", _panel_of(signals_table(report.inputs.signals)))
        + _section("Refused, on paper", _refused(doc["refused"]))
        + _section("Limits hit", _panel_of(limits_table(report)))
        + _section("Fills", _panel_of(fills_table(doc)))
        + _section("Execution quality", _panel_of(execution_tables(doc)))
        + _section("Holes in the data", _panel_of(gaps_table(doc)))
        + _section("States and alerts", _panel_of(events_table(report)))
        + _section("Settings changed for this session", _panel_of(settings_tables(report)))
        + _section("What the figures rest on", _panel_of(assumptions(report)))
        + _footer(report)
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>volguard {text(title)}</title><style>{style_sheet()}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def _section(title: str, body: str) -> str:
    return f"<h2>{text(title)}</h2>{body}"


def _panel_of(body: str) -> str:
    return f'<div class="panel wide stack">{body}</div>'


def _refused(section: Mapping[str, Any]) -> str:
    count = len(section["structures"])
    folded = f"<summary>{count} structures, each as it would have gone</summary>{structures_table(section)}"
    each = f"<details>{folded}</details>" if count else ""
    said = f"<p>{text(refused_line(section))}</p>" + reasons_table(section) + each
    return _panel_of(f'{said}<p class="none">{text(RULE)}</p>') + _panel_of(waits_table(section))


def _banners(report: DayReport) -> str:
    session, inputs = report.inputs.session, report.inputs
    is_market = session.source.kind not in ("replay", "simulator")
    is_paper = session.phase is Phase.SHADOW or not is_market
    orders = "paper fills, no order reached an exchange" if is_paper else "orders went to the broker"
    market = f"{session.source.kind} market, {session.source.label}"
    lines = [("banner", str(session.phase), f"{orders}; {market}")]
    if inputs.halted_reason is not None:
        lines.append(("banner alarm", "HALTED", inputs.halted_reason))
    if report.missing_marks:
        named = ", ".join(contract.symbol for contract in report.missing_marks)
        lines.append(
            ("banner alarm", "NO MARK", f"nobody quotes {named}: unrealised and net P&L are not known")
        )
    if inputs.end_reason is None:
        lines.append(("banner alarm", "NOT ENDED", "the session was still open when this page was written"))
    return "".join(f'<div class="{kind}"><b>{text(word)}</b>{text(said)}</div>' for kind, word, said in lines)


def _cards(report: DayReport, doc: Mapping[str, Any]) -> str:
    live = sum(trade["exit"] is None and trade["entry"] is not None for trade in doc["trades"])
    refused = sum(one.action == "REFUSED" for one in report.inputs.decisions)
    quality = doc["data_quality"]
    missed = sum(hole.seconds for hole in report.holes) / 60
    cards = (
        card("Net P&L, INR", inr(doc["net_pnl_inr"], is_signed=True), "after charges", is_lead=True),
        card("Gross P&L", inr(doc["gross_pnl_inr"], is_signed=True), Html(_parts(doc))),
        card("Charges", inr(doc["charges_inr"]), f"{len(doc['fills'])} fills, {len(doc['orders'])} orders"),
        card("Trades", len(doc["trades"]), f"{live} still open"),
        card("Decisions", doc["decisions"], f"{refused} refused by risk"),
        card("Data quality", number_text(quality["mean"]), f"lowest {number_text(quality['min'])}"),
        card(
            "Snapshots",
            doc["snapshots"],
            f"{len(report.holes)} hole(s), {missed:.0f} min" if report.holes else "no hole",
        ),
        card("Step, ms", number_text(doc["step_ms"]["median"]), f"p99 {number_text(doc['step_ms']['p99'])}"),
        _screen_card(doc["decision_to_screen_ms"]),
    )
    return f'<div class="cards">{"".join(cards)}</div>'


def _screen_card(delays: Mapping[str, Any]) -> str:
    if not delays["n"]:
        return card("Look to card, ms", "not available", "no proposal was shown on a screen")
    note = f"worst {number_text(delays['worst'])}, {delays['n']} proposals"
    return card("Look to card, ms", number_text(delays["median"]), note)


def _parts(doc: Mapping[str, Any]) -> str:
    realised, unrealised = inr(doc["realised_pnl_inr"]), inr(doc["unrealised_pnl_inr"])
    carried = doc["carried_pnl_inr"]
    earlier = f"<br>of earlier days {inr(carried, is_signed=True)}" if float(carried) else ""
    return f"realised {realised}<br>unrealised {unrealised}{earlier}"


def _day_charts(report: DayReport) -> str:
    hole = (HOLE,) if report.holes else ()
    floor = _quality_floor(report)
    below = () if floor is None else ((f"no new trades below {floor:.2f}", "loss", "dash"),)
    charts = (
        (
            "Net P&L, INR",
            pnl_chart(report),
            (("after charges, at closing prices", "ink", "line"), *_trade_marks(report)),
        ),
        ("Reference level", level_chart(report), (("index level", "ink", "line"),)),
        (
            "Volatility a year",
            volatility_chart(report),
            (
                ("weekly ATM", "blue", "line"),
                ("monthly ATM", "violet", "line"),
                ("forecast", "orange", "dash"),
            ),
        ),
        (
            "Data quality, 0 to 1",
            quality_chart(report, floor),
            (("quality", "blue", "line"), *below),
        ),
    )
    return "".join(
        panel(title, legend(*keys, *hole) + chart if chart else '<p class="none">Not known at any time.</p>')
        for title, chart, keys in charts
    )


def _quality_floor(report: DayReport) -> float | None:
    floor = setting_named(report.inputs.session, "quality_new_trades_min")
    return float(floor) if isinstance(floor, int | float) else None


def _trade_marks(report: DayReport) -> tuple[tuple[str, str, str], ...]:
    entered = any(result.entry_ts is not None for result in report.trades)
    left = any(result.exit_ts is not None for result in report.trades)
    return ((("entry", "ink", "dot"),) if entered else ()) + ((("exit", "ink", "ring"),) if left else ())


def _payoffs(report: DayReport) -> str:
    entered = [result for result in report.trades if result.entry_ts is not None]
    level = _last_level(report)
    panels = "".join(_payoff_panel(result, level) for result in entered[:PAYOFFS_SHOWN])
    if len(entered) > PAYOFFS_SHOWN:
        panels += f'<p class="none">The first {PAYOFFS_SHOWN} of {len(entered)} payoffs are drawn.</p>'
    return f'<div class="panels stack">{panels}</div>' if panels else ""


def _payoff_panel(result: TradeResult, level: float | None) -> str:
    trade = result.trade
    title = f"{trade.trade_id}: {trade.structure.replace('_', ' ').lower()}, payoff at expiry, INR"
    payoff = payoff_of(result, level)
    if payoff is None:
        return panel(title, '<p class="none">Not drawn: the entry is not filled completely.</p>')
    keys = [("at expiry, after entry charges", "ink", "line"), ("breakeven", "ink", "ring")]
    if level is not None:
        keys.append(("last level", "orange", "dash"))
    chart = payoff_chart(payoff, level=level, name=f"payoff {trade.trade_id}")
    return panel(title, legend(*keys) + chart, note=_payoff_note(payoff, level))


def _payoff_note(payoff: Payoff, level: float | None) -> str:
    points = " and ".join(number_text(point, 1) for point in payoff.breakevens) or "none"
    best, worst = float(payoff.pnl_inr.max()), float(payoff.pnl_inr.min())
    return (
        f"Breakevens {points}; last level {number_text(level, 1) if level is not None else ABSENT}; "
        f"best {number_text(best, 0, is_signed=True)}, worst {number_text(worst, 0, is_signed=True)} INR"
    )


def _last_level(report: DayReport) -> float | None:
    for seen in reversed(report.inputs.seen):
        level = seen.figures.get("reference_level")
        if isinstance(level, int | float):
            return float(level)
    return None


def _footer(report: DayReport) -> str:
    session, journal = report.inputs.session, report.inputs.journal
    seed = f" \u00b7 seed {session.seed}" if session.seed is not None else ""
    return (
        f"<footer>Journal <code>{text(journal.path)}</code>, {journal.rows} rows, last hash "
        f"<code>{text(journal.head_hash)}</code><br>Decisions hash <code>{text(report.inputs.decisions_hash)}"
        f"</code><br>Settings hash <code>{text(session.settings_hash)}</code><br>volguard "
        f"{text(session.code_version)} on {text(session.platform)}{seed} \u00b7 page by {__version__}"
        f" \u00b7 ended: {text(report.inputs.end_reason)}</footer>"
    )
