"""The day as one JSON document, schema `volguard.day/1`: the contract with scripts that read a session.

Money is text with two decimals, times ISO 8601 with offset, what cannot be told null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from statistics import median
from typing import Any, Final

from volguard.execution.quality import SentOrder
from volguard.model.book import ZERO, Bucket, Fill
from volguard.model.instrument import OptionContract
from volguard.model.order import Order
from volguard.model.units import money_text
from volguard.report.day import DayReport, Hole, OpenPosition
from volguard.report.quality_json import execution, outcome_of
from volguard.report.refused_json import refused_section
from volguard.report.signals import signals_section
from volguard.report.trade_result import LegResult, TradeResult

SCHEMA: Final = "volguard.day/1"


def document(report: DayReport) -> dict[str, Any]:
    """The report as plain values, ready for `json.dumps`; only numbers that are finite."""
    session, inputs = report.inputs.session, report.inputs
    sent = {order.request.tag: order for order in inputs.sent}
    return {
        "schema": SCHEMA,
        "session_id": session.session_id,
        "phase": str(session.phase),
        "source": {
            "kind": session.source.kind,
            "label": session.source.label,
            "underlying": session.source.underlying,
            "digest": session.source.digest,
        },
        "trading_date": session.trading_date.isoformat(),
        "snapshots": len(inputs.seen),
        "decisions": len(inputs.decisions),
        "decisions_hash": inputs.decisions_hash,
        "refusals": dict(report.refusals),
        "refusals_by_rule": dict(report.refusals_by_rule),
        "refused": refused_section(inputs.refused),
        "signals": signals_section(inputs.signals),
        "orders": [_order(order, sent.get(order.request.tag)) for order in inputs.book.orders],
        "fills": [_fill(trade_id, fill) for trade_id, fill in report.fills],
        "execution": execution(inputs.sent),
        "trades": [_trade(result) for result in report.trades],
        "buckets": _buckets(report.trades),
        "open_positions": [_position(position) for position in report.positions],
        "missing_marks": [contract.symbol for contract in report.missing_marks],
        **_money(report),
        "data_quality": {"mean": _number(report.quality_mean), "min": _number(report.quality_min)},
        "gaps": [_hole(hole) for hole in report.holes],
        "step_ms": _step_ms(report),
        "decision_to_screen_ms": _screen_ms(inputs.screen_ms),
        "journal": {
            "path": inputs.journal.path,
            "rows": inputs.journal.rows,
            "head_hash": inputs.journal.head_hash,
        },
        "halted_reason": inputs.halted_reason,
        "ended": inputs.end_reason,
    }


def _money(report: DayReport) -> Mapping[str, str | None]:
    money = report.money
    return {
        "realised_pnl_inr": _text(money.realised),
        "unrealised_pnl_inr": _text(money.unrealised),
        "gross_pnl_inr": _text(money.gross),
        "charges_inr": _text(money.charges),
        "carried_pnl_inr": _text(money.carried),
        "net_pnl_inr": _text(money.net),
    }


def _contract(contract: OptionContract) -> dict[str, Any]:
    return {
        "expiry": contract.expiry.isoformat(),
        "strike": contract.strike,
        "option_type": str(contract.option_type),
    }


def _order(order: Order, sent: SentOrder | None) -> dict[str, Any]:
    request = order.request
    return {
        "tag": request.tag,
        "trade_id": request.trade_id,
        **_contract(request.contract),
        "side": str(request.side),
        "quantity": request.quantity,
        "filled_quantity": order.filled_quantity,
        "limit_price": _text(order.limit_price),
        "purpose": str(request.purpose),
        "urgency": str(request.urgency),
        "state": str(order.state),
        "sent_at": order.sent_at.isoformat(),
        "reason": order.reason,
        **outcome_of(sent),
    }


def _fill(trade_id: str, fill: Fill) -> dict[str, Any]:
    return {
        "ts": fill.ts.isoformat(),
        **_contract(fill.contract),
        "side": str(fill.side),
        "quantity": fill.quantity,
        "price": _text(fill.price),
        "charges_inr": _text(fill.charges_inr),
        "tag": fill.tag,
        "trade_id": trade_id,
    }


def _trade(result: TradeResult) -> dict[str, Any]:
    trade = result.trade
    return {
        "trade_id": trade.trade_id,
        "bucket": str(trade.bucket),
        "structure": str(trade.structure),
        "state": str(trade.state),
        "reason": trade.exit_reason,
        "lots": trade.lots,
        "lot_size": trade.lot_size,
        "legs": [_leg(leg) for leg in result.legs],
        "entry": _entry(result),
        "exit": _exit(result),
        "max_loss_inr": _text(trade.max_loss_inr),
        "gross_pnl_inr": _text(result.gross_inr),
        "charges_inr": _text(result.charges_inr),
        "net_pnl_inr": _text(result.net_inr),
    }


def _buckets(trades: Sequence[TradeResult]) -> list[dict[str, Any]]:
    """What each bucket that traded made, and the capital that its live trades bind."""
    rows = []
    for bucket in Bucket:
        mine = [result for result in trades if result.trade.bucket is bucket]
        if not mine:
            continue
        live = [result.trade for result in mine if result.trade.state.is_live]
        gross = [result.gross_inr for result in mine]
        known = None if None in gross else sum((each for each in gross if each is not None), ZERO)
        charges = sum((result.charges_inr for result in mine), ZERO)
        rows.append(
            {
                "bucket": bucket.value,
                "trades": len(mine),
                "open_trades": len(live),
                "capital_used_inr": _text(sum((trade.capital_used_inr for trade in live), ZERO)),
                "gross_pnl_inr": _text(known),
                "charges_inr": _text(charges),
                "net_pnl_inr": _text(None if known is None else known - charges),
            }
        )
    return rows


def _leg(result: LegResult) -> dict[str, Any]:
    return {
        **_contract(result.leg.contract),
        "side": str(result.leg.side),
        "quantity": result.entry_quantity,
        "entry_price": _text(result.entry_price),
        "exit_quantity": result.exit_quantity,
        "exit_price": _text(result.exit_price),
    }


def _entry(result: TradeResult) -> dict[str, Any] | None:
    if result.entry_ts is None:
        return None
    return {"ts": result.entry_ts.isoformat(), "cash_inr": _text(result.entry_cash_inr)}


def _exit(result: TradeResult) -> dict[str, Any] | None:
    if result.exit_ts is None:
        return None
    return {"ts": result.exit_ts.isoformat(), "cash_inr": _text(result.exit_cash_inr)}


def _position(position: OpenPosition) -> dict[str, Any]:
    return {
        **_contract(position.contract),
        "quantity": position.quantity,
        "entry_price": _text(position.entry_price),
        "mark": _text(position.mark),
        "unrealised_pnl_inr": _text(position.unrealised_inr),
    }


def _hole(hole: Hole) -> dict[str, Any]:
    return {"from": hole.start.isoformat(), "to": hole.end.isoformat(), "seconds": hole.seconds}


def _step_ms(report: DayReport) -> dict[str, float | None]:
    times = report.step_ms
    if times is None:
        return {"median": None, "p99": None, "max": None}
    return {"median": round(times.median, 3), "p99": round(times.p99, 3), "max": round(times.max, 3)}


def _screen_ms(delays: Sequence[float] | None) -> dict[str, float | int | None]:
    # From the look that a proposal was made on to the frame that showed it.
    n = None if delays is None else len(delays)
    if not delays:
        return {"n": n, "median": None, "worst": None}
    return {"n": n, "median": round(median(delays), 3), "worst": round(max(delays), 3)}


def _text(amount: Decimal | None) -> str | None:
    if amount is None:
        return None
    text = money_text(amount)
    return "0.00" if text == "-0.00" else text


def _number(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
