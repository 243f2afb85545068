"""The book of a journal as it stood: exposure, limits, stress, margin, capital, breakers, cost to be flat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any, Final

from volguard.engine.held_risk import flat_cost_of
from volguard.engine.state import Desk
from volguard.measure.exposure import Exposure
from volguard.measure.exposure_groups import ExposureGroups, exposure_groups, holding_of
from volguard.measure.flat_cost import FlatLeg
from volguard.model.book import Bucket, Position, positions_of
from volguard.model.units import figure, money_text
from volguard.operations.journal_state import JournalState
from volguard.operations.margin_view import components_of, margin_at, margin_figures
from volguard.operations.portfolio import Portfolio, head_document, portfolio_of_book
from volguard.operations.risk_limits import limit_rows, trades_of
from volguard.operations.stress_view import stress_figures
from volguard.risk.breaker import BreakerState
from volguard.risk.buckets import bucket_capital_inr, capital_used_inr, open_risk_inr
from volguard.risk.concentration import concentration_groups

SCHEMA: Final = "volguard.risk/1"
STRESS_SHOWN: Final = (
    "value_inr",
    "worst",
    "stressed_loss_inr",
    "near_loss_inr",
    "worst_cells",
    "near",
    "scenarios",
)


def risk_document(found: JournalState) -> dict[str, Any]:
    """Everything that is known of the book at that time; figures None, the reason under `missing` by name.

    An empty book has zeros. Raises UsageError where no snapshot was seen yet.
    """
    portfolio = portfolio_of_book(found)
    desk, view = found.desk, portfolio.view
    missing: dict[str, str] = {}
    groups = exposure_groups(view, [holding_of(trade) for trade in desk.book.live_trades])
    if groups.missing:
        missing["exposure"] = f"no volatility for {', '.join(groups.missing)}"
    stressed = stress_figures(portfolio, missing)
    margins = margin_figures(portfolio, missing)
    return {
        **head_document(SCHEMA, portfolio),
        **_session(found),
        "exposure": _exposure(groups, desk),
        "limits": limit_rows(portfolio, desk, groups.portfolio, stressed, missing),
        "stress": {name: stressed[name] for name in STRESS_SHOWN},
        "margin_inputs": _margin_inputs(portfolio),
        **margins,
        "buckets": [_bucket(portfolio, desk, bucket) for bucket in _buckets(portfolio, desk)],
        "concentration": _concentration(desk),
        "guards": _guards(desk, portfolio),
        "flat_now": _flat(portfolio, desk, missing),
        "missing": missing,
    }


def _session(found: JournalState) -> dict[str, Any]:
    desk = found.desk
    return {
        "journal": str(found.path),
        "session_id": desk.session_id,
        "row": found.seq,
        "as_of": desk.now.isoformat(),
        "ended": found.ended,
        "phase": desk.phase.value,
        "effective_phase": desk.effective_phase.value,
        "trading_state": desk.trading_state.value,
        "safety_level": desk.safety_level.value,
        "degraded_by": list(desk.degraded_by),
        "account_inr": money_text(desk.account_inr),
        "pnl_net_inr": None if desk.pnl_net_inr is None else money_text(desk.pnl_net_inr),
        "quality": desk.quality,
        "open_trades": len(desk.book.live_trades),
    }


def _exposure(groups: ExposureGroups, desk: Desk) -> dict[str, Any]:
    by_id = {trade.trade_id: trade for trade in desk.book.live_trades}
    return {
        "portfolio": _greeks(groups.portfolio),
        "by_trade": [
            {
                "trade_id": trade_id,
                "bucket": by_id[trade_id].bucket.value,
                "structure": by_id[trade_id].structure.value,
                "state": by_id[trade_id].state.value,
                "lots": by_id[trade_id].lots,
                "open_risk_inr": money_text(by_id[trade_id].reserved_inr),
                "greeks": _greeks(exposure),
            }
            for trade_id, exposure in groups.by_trade.items()
        ],
        "by_bucket": [
            {"bucket": bucket.value, "greeks": _greeks(exposure)}
            for bucket, exposure in groups.by_bucket.items()
        ],
        "by_expiry": [
            {"expiry": expiry.isoformat(), "greeks": _greeks(exposure)}
            for expiry, exposure in groups.by_expiry.items()
        ],
    }


def _greeks(exposure: Exposure | None) -> dict[str, float] | None:
    return None if exposure is None else asdict(exposure)


def _margin_inputs(portfolio: Portfolio) -> dict[str, Any]:
    source = portfolio.margin
    return {
        "previous_close": source.inputs.previous_close,
        "previous_close_day": None if source.close_day is None else source.close_day.isoformat(),
        "sigma_daily": source.inputs.sigma_daily,
        "sigma_origin": source.sigma_origin,
    }


def _buckets(portfolio: Portfolio, desk: Desk) -> list[Bucket]:
    known = {Bucket(name.upper()) for name in portfolio.settings.bucket_limits}
    known |= {trade.bucket for trade in desk.book.live_trades}
    return [bucket for bucket in Bucket if bucket in known]


def _bucket(portfolio: Portfolio, desk: Desk, bucket: Bucket) -> dict[str, Any]:
    # Capital is what the trades have bound since they were approved; the margin beside it is of now.
    limits = portfolio.settings.bucket_limits.get(bucket.value.lower())
    mine = trades_of(desk, bucket)
    used = capital_used_inr(mine)
    capital = None if limits is None else bucket_capital_inr(desk.account_inr, limits)
    held = positions_of(fill for trade in mine for fill in trade.fills)
    margin = margin_at(_only(portfolio, held), 0.0)
    return {
        "bucket": bucket.value,
        "capital_inr": None if capital is None else money_text(capital),
        "capital_used_inr": money_text(used),
        "share_used": figure(float(used / capital)) if capital else None,
        "open_risk_inr": money_text(open_risk_inr(mine)),
        "margin_now": components_of(margin),
        "trades": [trade.trade_id for trade in mine],
    }


def _only(portfolio: Portfolio, positions: Sequence[Position]) -> Portfolio:
    return replace(portfolio, positions=tuple(positions))


def _concentration(desk: Desk) -> list[dict[str, Any]]:
    return [
        {
            "underlying": group.key.underlying,
            "expiry": group.key.expiry.isoformat(),
            "side": group.key.option_type.value,
            "trades": list(group.trade_ids),
            "open_risk_inr": money_text(group.open_risk_inr),
        }
        for group in concentration_groups(desk.book.live_trades)
    ]


def _guards(desk: Desk, portfolio: Portfolio) -> dict[str, Any]:
    return {
        "vix_spike": {
            "is_spiking": desk.vix_spike.is_spiking,
            "rise_share": desk.vix_spike.rise_share,
            "text": desk.vix_spike.text,
        },
        "order_breaker": _breaker(desk.order_breaker),
        "feed_breaker": _breaker(desk.feed_breaker),
        "soft_stop": desk.stops.soft,
        "hard_stop": desk.stops.hard,
        "kill_switch": desk.kill_switch,
        "flatten_reason": desk.flatten_reason,
        "after_gap": portfolio.view.after_gap,
    }


def _breaker(state: BreakerState) -> dict[str, Any]:
    return {
        "circuit": state.circuit.value,
        "until": None if state.until is None else state.until.isoformat(),
        "reason": state.reason,
    }


def _flat(portfolio: Portfolio, desk: Desk, missing: dict[str, str]) -> dict[str, Any]:
    found = flat_cost_of(
        portfolio.view,
        portfolio.positions,
        desk,
        settings=portfolio.settings.engine,
        rules=portfolio.rules,
    )
    if found.reasons:
        missing["flat_now"] = "; ".join(found.reasons)
    return {
        "cost_inr": _money(found.cost_inr),
        "shorts_cost_inr": _money(found.shorts_cost_inr),
        "is_infinite": found.is_infinite,
        "orders": found.orders,
        "seconds": found.seconds,
        "shorts_seconds": found.shorts_seconds,
        "text": found.text,
        "legs": [_flat_leg(leg) for leg in found.legs],
    }


def _flat_leg(leg: FlatLeg) -> dict[str, Any]:
    return {
        "contract": leg.contract.symbol,
        "side": leg.side.value,
        "units": leg.units,
        "shown_units": leg.shown_units,
        "orders": leg.orders,
        "half_spread_inr": _money(leg.half_spread_inr),
        "walk_inr": _money(leg.walk_inr),
        "charges_inr": _money(leg.charges_inr),
        "cost_inr": _money(leg.cost_inr),
        "done_s": leg.done_s,
        "reason": leg.reason,
    }


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else money_text(amount)
