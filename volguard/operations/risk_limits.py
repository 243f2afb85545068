"""Every limit beside what a book makes of it: value, limit, share used, or why the value is not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from volguard.engine.state import Desk
from volguard.measure.exposure import Exposure
from volguard.measure.margin import Margin, NoMargin
from volguard.model.book import ZERO, Bucket, Trade
from volguard.model.decision import Phase
from volguard.model.units import figure
from volguard.operations.margin_view import margin_at
from volguard.operations.portfolio import Portfolio
from volguard.risk.buckets import bucket_capital_inr, capital_used_inr, open_risk_inr
from volguard.risk.concentration import concentration_groups
from volguard.risk.limits import Limits


def limit_rows(
    portfolio: Portfolio,
    desk: Desk,
    exposure: Exposure | None,
    stressed: Mapping[str, Any],
    missing: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Every limit of the account and of each bucket with what the book makes of it now.

    `stressed`: the figures of the stress; `missing`: why the exposure or the stress is not there.
    `share_used` is value / limit, for a least value (`is_floor`) limit / value; None where the value is not
    available, `reason` saying why.
    """
    limits = portfolio.settings.limits.caps_in(desk.phase)
    return [
        *_greek_limits(limits, desk, exposure, missing),
        *_stress_limits(limits, desk, stressed, missing),
        *_margin_limits(portfolio, limits, desk),
        *_account_limits(limits, desk),
        *_bucket_limits(portfolio, desk),
    ]


def _greek_limits(
    limits: Limits, desk: Desk, exposure: Exposure | None, missing: Mapping[str, str]
) -> list[dict[str, Any]]:
    account, reason = float(desk.account_inr), missing.get("exposure", "")
    shares = {
        "delta, P&L of 1 %": limits.delta_1pct_share_max,
        "gamma, P&L of 1 %": limits.gamma_1pct_share_max,
        "vega, a point": limits.vega_per_pt_share_max,
        "theta paid, a day": limits.theta_per_day_share_max,
    }
    seen: Sequence[float | None] = (None,) * len(shares)
    if exposure is not None:
        seen = (
            abs(exposure.delta_pnl_1pct_inr),
            abs(exposure.gamma_pnl_1pct_inr),
            abs(exposure.vega_per_pt),
            max(-exposure.theta_per_day, 0.0),
        )
    return [
        _row(name, value, share * account, reason=reason)
        for (name, share), value in zip(shares.items(), seen, strict=True)
    ]


def _stress_limits(
    limits: Limits, desk: Desk, stressed: Mapping[str, Any], missing: Mapping[str, str]
) -> list[dict[str, Any]]:
    account, reason = float(desk.account_inr), missing.get("stress", "")
    seen = (
        ("stress, worst cell", stressed["stressed_loss_inr"], limits.stress_loss_share_max),
        ("stress, near cells", stressed["near_loss_inr"], limits.near_stress_share_max),
    )
    return [
        _row(name, None if value is None else float(value), share * account, reason=reason)
        for name, value, share in seen
    ]


def _margin_limits(portfolio: Portfolio, limits: Limits, desk: Desk) -> list[dict[str, Any]]:
    account, near = float(desk.account_inr), portfolio.settings.stress.near_spot_move_share
    both = [margin_at(portfolio, move) for move in (-near, near)]
    return [
        _margin_row("margin", [margin_at(portfolio, 0.0)], limits.margin_used_share_max * account),
        _margin_row(f"margin after {100.0 * near:g} %", both, limits.stressed_margin_share_max * account),
    ]


def _margin_row(name: str, margins: list[Margin | NoMargin], limit: float) -> dict[str, Any]:
    # The larger of them; one that is not known leaves the whole unknown.
    for margin in margins:
        if isinstance(margin, NoMargin):
            return _row(name, None, limit, reason=margin.reason)
    known = [margin.total_inr for margin in margins if isinstance(margin, Margin)]
    return _row(name, max(known), limit)


def _account_limits(limits: Limits, desk: Desk) -> list[dict[str, Any]]:
    account, live = float(desk.account_inr), desk.book.live_trades
    loss = None if desk.pnl_net_inr is None else max(-float(desk.pnl_net_inr), 0.0)
    largest = max((group.open_risk_inr for group in concentration_groups(live)), default=ZERO)
    unmarked = "a trade cannot be closed at quoted prices"
    quality_min = (
        limits.quality_full_auto_min if desk.phase is Phase.FULL_AUTO else limits.quality_new_trades_min
    )
    bound = account * (1.0 - limits.free_capital_share_min)
    return [
        _row("open risk", float(open_risk_inr(live)), limits.open_risk_share_max * account),
        _row("capital used", float(capital_used_inr(live)), bound),
        _row("concentration", float(largest), limits.concentration_share_max * account),
        _row("day's loss, soft stop", loss, limits.soft_stop_share * account, reason=unmarked),
        _row("day's loss, hard stop", loss, limits.hard_stop_share * account, reason=unmarked),
        _row("orders today", float(len(desk.book.orders)), float(limits.orders_per_day_max), unit="count"),
        _row(
            "data quality",
            desk.quality,
            quality_min,
            unit="share",
            is_floor=True,
            reason="no snapshot was judged yet",
        ),
    ]


def _bucket_limits(portfolio: Portfolio, desk: Desk) -> list[dict[str, Any]]:
    rows = []
    for name, limits in portfolio.settings.bucket_limits.items():
        bucket = Bucket(name.upper())
        mine = trades_of(desk, bucket)
        capital = float(bucket_capital_inr(desk.account_inr, limits))
        rows += [
            _row(f"{name}: capital used", float(capital_used_inr(mine)), capital),
            _row(f"{name}: open risk", float(open_risk_inr(mine)), limits.open_risk_share_max * capital),
            _row(f"{name}: open trades", float(len(mine)), float(limits.open_trades_max), unit="count"),
        ]
    return rows


def _row(
    name: str,
    value: float | None,
    limit: float,
    *,
    unit: str = "INR",
    is_floor: bool = False,
    reason: str = "",
) -> dict[str, Any]:
    used = None
    if value is not None:
        top, bottom = (limit, value) if is_floor else (value, limit)
        used = figure(top / bottom) if bottom > 0.0 else None
    return {
        "name": name,
        "value": None if value is None else figure(value),
        "limit": figure(limit),
        "unit": unit,
        "is_floor": is_floor,
        "share_used": used,
        "is_breached": None if value is None else (value < limit if is_floor else value > limit),
        "reason": reason if value is None else "",
    }


def trades_of(desk: Desk, bucket: Bucket) -> tuple[Trade, ...]:
    """The live trades of a bucket."""
    return tuple(trade for trade in desk.book.live_trades if trade.bucket is bucket)
