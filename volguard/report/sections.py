"""The tables and lists of the day's page, from the same document that scripts read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from volguard.adapters.figure_text import amount_text, number_text
from volguard.model.decision import Action
from volguard.report.day import DayReport
from volguard.report.elements import Column, Html, bars, inr, table, text
from volguard.report.quality_tables import (
    NONE_LEFT,
    price_text,
    signed_percent,
    summary_cells,
    units_text,
    urgency_words,
)
from volguard.report.settings_used import SettingUsed, setting_named, settings_used

STRETCHES_SHOWN: Final = 60
COLOUR_OF_ACTION: Final = {
    Action.WAIT: "muted",
    Action.REFUSED: "loss",
    Action.PROPOSE: "violet",
    Action.ENTER: "gain",
    Action.EXIT: "blue",
    Action.FLATTEN: "orange",
}


def trades_table(doc: Mapping[str, Any]) -> str:
    """Each trade with its legs, average prices in and out, and its result."""
    columns = (
        Column(name="Trade"), Column(name="Structure"), Column(name="Lots", is_figure=True),
        Column(name="Legs"), Column(name="Entry"), Column(name="Exit"),
        Column(name="Max loss", is_figure=True), Column(name="Gross", is_figure=True),
        Column(name="Charges", is_figure=True), Column(name="Net INR", is_figure=True),
    )  # fmt: skip
    rows = [
        (
            trade["trade_id"],
            Html(f"{text(_words(trade['structure']))}<br><small>{text(trade['bucket'].lower())}</small>"),
            trade["lots"],
            Html("<br>".join(_leg(leg) for leg in trade["legs"])),
            _entry(trade),
            _exit(trade),
            inr(trade["max_loss_inr"]),
            inr(trade["gross_pnl_inr"], is_signed=True),
            inr(trade["charges_inr"]),
            inr(trade["net_pnl_inr"], is_signed=True),
        )
        for trade in doc["trades"]
    ]
    return table(columns, rows, none="No trade was opened.")


def buckets_table(doc: Mapping[str, Any]) -> str:
    """What each bucket made, and the capital that it binds."""
    columns = (
        Column(name="Bucket"), Column(name="Trades", is_figure=True), Column(name="Open", is_figure=True),
        Column(name="Capital used", is_figure=True), Column(name="Gross", is_figure=True),
        Column(name="Charges", is_figure=True), Column(name="Net INR", is_figure=True),
    )  # fmt: skip
    rows = [
        (
            text(row["bucket"].lower()),
            row["trades"],
            row["open_trades"],
            inr(row["capital_used_inr"]),
            inr(row["gross_pnl_inr"], is_signed=True),
            inr(row["charges_inr"]),
            inr(row["net_pnl_inr"], is_signed=True),
        )
        for row in doc["buckets"]
    ]
    return table(columns, rows, none="No bucket traded.")


def positions_table(doc: Mapping[str, Any]) -> str:
    """What is still held, at the price at which it could be closed."""
    columns = (
        Column(name="Contract"), Column(name="Units", is_figure=True), Column(name="Entry", is_figure=True),
        Column(name="Mark", is_figure=True), Column(name="Unrealised INR", is_figure=True),
    )  # fmt: skip
    rows = [
        (
            _contract(held),
            amount_text(str(held["quantity"]), is_signed=True),
            amount_text(held["entry_price"]),
            "nobody quotes it" if held["mark"] is None else amount_text(held["mark"]),
            inr(held["unrealised_pnl_inr"], is_signed=True),
        )
        for held in doc["open_positions"]
    ]
    return table(columns, rows, none="Flat: nothing is held.")


def fills_table(doc: Mapping[str, Any]) -> str:
    """Each execution with its charges."""
    columns = (
        Column(name="Time"), Column(name="Side"), Column(name="Units", is_figure=True),
        Column(name="Contract"), Column(name="Price", is_figure=True),
        Column(name="Charges INR", is_figure=True), Column(name="Order"),
    )  # fmt: skip
    rows = [
        (
            _clock(fill["ts"]), fill["side"], amount_text(str(fill["quantity"])), _contract(fill),
            amount_text(fill["price"]), inr(fill["charges_inr"]), fill["tag"],
        )
        for fill in doc["fills"]
    ]  # fmt: skip
    return table(columns, rows, none="No order was filled.")


def execution_tables(doc: Mapping[str, Any]) -> str:
    """What orders cost against the mid when they were decided: per urgency, each of them folded away."""
    columns = (
        Column(name="Urgency"), Column(name="Orders", is_figure=True), Column(name="Filled", is_figure=True),
        Column(name="Slippage a unit, median", is_figure=True), Column(name="Worst", is_figure=True),
        Column(name="Of mid, median", is_figure=True), Column(name="Worst", is_figure=True),
        Column(name="Slippage INR", is_figure=True), Column(name="Seconds, median", is_figure=True),
        Column(name="Worst", is_figure=True), Column(name="No mid", is_figure=True),
    )  # fmt: skip
    execution = doc["execution"]
    rows = (*execution["by_urgency"], {"urgency": "all", **execution["all"]}) if doc["orders"] else ()
    summaries = table(columns, [summary_cells(row) for row in rows], none=f"{NONE_LEFT.capitalize()}.")
    if not doc["orders"]:
        return summaries
    note = (
        "Slippage is measured from the mid when the order was decided, before charges; + was paid against us."
    )
    folded = f"<summary>{len(doc['orders'])} orders, each with its mid</summary>{_executed(doc)}"
    return f'{summaries}<p class="none">{note}</p><details>{folded}</details>'


def _executed(doc: Mapping[str, Any]) -> str:
    columns = (
        Column(name="Sent"), Column(name="Side"), Column(name="Units", is_figure=True),
        Column(name="Contract"), Column(name="Urgency"), Column(name="Outcome"),
        Column(name="Mid", is_figure=True), Column(name="Filled at", is_figure=True),
        Column(name="Slippage INR", is_figure=True), Column(name="Of mid", is_figure=True),
        Column(name="Seconds", is_figure=True), Column(name="Price steps", is_figure=True),
        Column(name="Order"),
    )  # fmt: skip
    rows = [
        (
            _clock(order["sent_at"]), order["side"], units_text(order), _contract(order),
            urgency_words(order), order["outcome"], price_text(order["arrival_mid"]),
            price_text(order["average_price"]), amount_text(order["slippage_inr"], is_signed=True),
            signed_percent(order["slippage_share"]), number_text(order["fill_s"], 1),
            order["price_steps"], order["tag"],
        )
        for order in doc["orders"]
    ]  # fmt: skip
    return table(columns, rows, none="")


def limits_table(report: DayReport) -> str:
    """Risk rules that refused an order, with their latest figure."""
    columns = (
        Column(name="Rule"), Column(name="Times", is_figure=True), Column(name="First"), Column(name="Last"),
        Column(name="Seen", is_figure=True), Column(name="Limit", is_figure=True),
        Column(name="In words", is_long=True),
    )  # fmt: skip
    rows = [
        (
            hit.rule, hit.count, f"{hit.first_ts:%H:%M:%S}", f"{hit.last_ts:%H:%M:%S}",
            _figure(hit.latest.value), _figure(hit.latest.limit), hit.latest.text,
        )
        for hit in report.rule_hits
    ]  # fmt: skip
    return table(columns, rows, none="No limit was hit.")


def decisions_bars(report: DayReport) -> str:
    """How often each action was decided for each reason, most frequent first."""
    counts: dict[tuple[Action, str], int] = {}
    for decision in report.inputs.decisions:
        key = (decision.action, decision.reason)
        counts[key] = counts.get(key, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rows = [
        (reason, action.value.lower(), count, COLOUR_OF_ACTION[action]) for (action, reason), count in ordered
    ]
    return bars(rows) or '<p class="none">No decision was made.</p>'


def decisions_table(report: DayReport) -> str:
    """Stretches of the same decision, each with the figures of its last one."""
    columns = (
        Column(name="From"), Column(name="To"), Column(name="Times", is_figure=True), Column(name="Bucket"),
        Column(name="Decision"), Column(name="Reason"), Column(name="Last figures", is_long=True),
    )  # fmt: skip
    rows = [
        (
            f"{one.first_ts:%H:%M:%S}", f"{one.last.ts:%H:%M:%S}", one.count, one.last.bucket,
            one.last.action, one.last.reason, one.last.text,
        )
        for one in report.stretches[-STRETCHES_SHOWN:]
    ]  # fmt: skip
    left_out = len(report.stretches) - len(rows)
    note = f'<p class="none">{left_out} earlier stretches are in the journal.</p>' if left_out else ""
    return table(columns, rows, none="No decision was made.") + note


def gaps_table(doc: Mapping[str, Any]) -> str:
    """Stretches without market data."""
    columns = (Column(name="From"), Column(name="To"), Column(name="Minutes", is_figure=True))
    rows = [
        (_clock(gap["from"]), _clock(gap["to"]), number_text(gap["seconds"] / 60, 1)) for gap in doc["gaps"]
    ]
    return table(columns, rows, none="No hole in the data.")


def events_table(report: DayReport) -> str:
    """Changes of state and alerts, in time order."""
    changes = [
        (one.ts, "state", f"{one.trading_state}, safety {one.safety_level}: {one.reason}")
        for one in report.inputs.state_changes
    ]
    alerts = [(one.ts, str(one.severity), f"{one.code}: {one.text}") for one in report.inputs.alerts]
    rows = [
        (f"{ts:%H:%M:%S}", kind, said) for ts, kind, said in sorted(changes + alerts, key=lambda row: row[0])
    ]
    columns = (Column(name="Time"), Column(name="Kind"), Column(name="What", is_long=True))
    return table(columns, rows, none="Nothing happened besides decisions.")


def settings_tables(report: DayReport) -> str:
    """Settings changed for this session, and folded away all the others with their origins."""
    used = settings_used(report.inputs.session)
    changed = [one for one in used if one.is_changed]
    rest = [one for one in used if not one.is_changed]
    first = _settings(changed, none="None: the session ran on its configuration files as they are.")
    if not rest:
        return first
    return (
        f"{first}<details><summary>{len(rest)} settings as written in the files</summary>"
        f"{_settings(rest, none='')}</details>"
    )


def assumptions(report: DayReport) -> str:
    """What the figures rest on, in sentences."""
    delay = setting_named(report.inputs.session, "paper_delay_ms")
    after = f"{delay} ms after the order" if delay is not None else "after the configured delay"
    source = report.inputs.session.source
    absent = [
        name
        for name, given in (
            ("index level", source.capabilities.spot), ("India VIX", source.capabilities.vix),
            ("time of each quote", source.capabilities.quote_time), ("depth", source.capabilities.depth),
        )
        if not given
    ]  # fmt: skip
    said = [
        f"Paper fills happen at the touch, on the first snapshot at least {after}, for no more than the "
        "shown size; never at mid, never without a quote, never across a hole in the data.",
        "Charges follow the schedule of each fill's date; totals are rounded half-even to the paisa.",
        "Open positions are valued at what closing them would fetch: longs at the bid, shorts at the ask.",
        "A payoff at expiry includes the charges of entry, not those of an exit.",
        f"Market data: {source.kind}, {source.label}"
        + (f"; it cannot give {', '.join(absent)}." if absent else "."),
    ]
    return f'<ul class="plain">{"".join(f"<li>{text(sentence)}</li>" for sentence in said)}</ul>'


def _settings(rows: list[SettingUsed], *, none: str) -> str:
    columns = (Column(name="Setting"), Column(name="Value", is_long=True), Column(name="Origin"))
    return table(columns, [(one.key, _value(one.value), one.origin) for one in rows], none=none)


def _value(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _entry(trade: Mapping[str, Any]) -> object:
    if trade["entry"] is None:
        return "not filled"
    cash = inr(trade["entry"]["cash_inr"], is_signed=True)
    return Html(f"{_clock(trade['entry']['ts'])}<br>{cash}")


def _exit(trade: Mapping[str, Any]) -> object:
    if trade["exit"] is None:
        return _words(trade["state"])
    cash = inr(trade["exit"]["cash_inr"], is_signed=True)
    return Html(f"{_clock(trade['exit']['ts'])}<br>{cash}<br><small>{text(trade['reason'])}</small>")


def _leg(leg: Mapping[str, Any]) -> str:
    went_out = f" \u2192 {amount_text(leg['exit_price'])}" if leg["exit_price"] is not None else ""
    price = amount_text(leg["entry_price"])
    return text(f"{leg['side'].lower()} {leg['quantity']} {_contract(leg)} at {price}{went_out}")


def _contract(leg: Mapping[str, Any]) -> str:
    expiry = datetime.fromisoformat(leg["expiry"])
    return f"{expiry:%d %b} {leg['strike']} {leg['option_type']}"


def _clock(ts: str) -> str:
    return f"{datetime.fromisoformat(ts):%H:%M:%S}"


def _figure(value: float | str | None) -> str | None:
    if isinstance(value, str) or value is None:
        return value
    decimals = 0 if abs(value) >= 1000 else 2 if abs(value) >= 1 else 4
    return number_text(value, decimals)


def _words(code: str) -> str:
    return code.replace("_", " ").capitalize()
