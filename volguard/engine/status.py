"""The state as one frame for a screen: figures only, each None where it is not known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from volguard.engine.held_risk import flat_cost_of, held_risk
from volguard.engine.state import Desk, EngineSettings, State, Step
from volguard.measure.book_risk import BookRisk
from volguard.measure.chain_vix import month_volatility
from volguard.measure.exposure import Exposure, exposure_of
from volguard.measure.margin import Margin
from volguard.measure.market_view import MarketView, reference_level
from volguard.measure.quality import flag_counts
from volguard.measure.stress import StressResult
from volguard.measure.touch import closing_price
from volguard.model.book import ZERO, Position, Trade, positions_of, realised_pnl_inr
from volguard.model.decision import Decision, FigureValue
from volguard.model.event import Alert, DecisionMade, ProposalMade
from volguard.model.status import LimitBar, PositionLine, StatusView
from volguard.model.units import money_text
from volguard.nse.rules import Rules
from volguard.risk.breaker import Circuit
from volguard.risk.buckets import bucket_capital_inr, capital_used_inr, open_risk_inr


def status_of(
    state: State,
    step: Step,
    *,
    settings: EngineSettings,
    rules: Rules,
    recent: tuple[str, ...],
    alerts: tuple[str, ...],
    progress: float | None,
) -> StatusView | None:
    """One frame; None before the session has started. `recent`, `alerts`: lines so far, newest first."""
    desk, view = state.desk, state.market
    if desk is None:
        return None
    level, level_origin = reference_level(view) if view is not None else (None, "not available")
    vix, vix_origin = None, "not available"
    risk: BookRisk | None = None
    if view is not None:
        vix, vix_origin = month_volatility(view, desk.source.capabilities, rules.contracts)
        positions = desk.book.positions
        risk = held_risk(view, positions, desk, state.outlook, settings=settings, rules=rules)
    return StatusView(
        ts=desk.now,
        session_id=desk.session_id,
        phase=desk.phase,
        effective_phase=desk.effective_phase,
        trading_state=desk.trading_state,
        safety_level=desk.safety_level,
        source=f"{desk.source.kind} {desk.source.label}",
        underlying=desk.source.underlying,
        reference_level=level,
        reference_origin=level_origin,
        vix=vix,
        vix_origin=vix_origin,
        data_quality=desk.quality,
        quote_flags=flag_counts(view) if view is not None else {},
        snapshots=desk.snapshots,
        decisions=desk.decisions,
        regime=state.outlook.regime.regime.value,
        pnl_net_inr=money_text(desk.pnl_net_inr) if desk.pnl_net_inr is not None else None,
        charges_inr=money_text(sum((t.charges_inr for t in desk.book.trades), ZERO)),
        positions=_positions(desk, view, rules),
        greeks=_greeks(risk.exposure if risk is not None else None),
        limits=_limits(desk, risk, settings),
        guards=_guards(desk, risk, view, settings, rules),
        buckets=_buckets(desk, settings),
        open_orders=_open_orders(desk),
        proposals=tuple(pending.card for pending in desk.pending),
        last_decisions=recent,
        new_decisions=tuple(decision_line(d) for d in decisions_in(step)),
        alerts=alerts,
        progress=progress,
    )


def decisions_in(step: Step) -> tuple[Decision, ...]:
    """Decisions that a step made."""
    return tuple(record.decision for record in step.records if isinstance(record, DecisionMade))


def alerts_in(step: Step) -> tuple[Alert, ...]:
    """Alerts that a step raised."""
    return tuple(effect for effect in step.effects if isinstance(effect, Alert))


def proposed_in(step: Step) -> tuple[str, ...]:
    """Names of the proposals that a step put before the operator."""
    return tuple(record.card.proposal_id for record in step.records if isinstance(record, ProposalMade))


def decision_line(decision: Decision) -> str:
    """One decision on one line: time, action, bucket, reason, figures."""
    where = f" {decision.bucket.value}" if decision.bucket is not None else ""
    trade = f" {decision.trade_id}" if decision.trade_id else ""
    return f"{decision.ts:%H:%M:%S} {decision.action.value}{where}{trade} {decision.reason}: {decision.text}"


def _positions(desk: Desk, view: MarketView | None, rules: Rules) -> tuple[PositionLine, ...]:
    lines: list[PositionLine] = []
    for trade in desk.book.live_trades:
        for position in positions_of(trade.fills):
            lines.append(_position(trade, position, desk, view, rules))
    return tuple(lines)


def _position(
    trade: Trade, position: Position, desk: Desk, view: MarketView | None, rules: Rules
) -> PositionLine:
    fills = [fill for fill in trade.fills if fill.contract == position.contract]
    cash = sum((fill.cash_inr for fill in fills), ZERO)
    cost = realised_pnl_inr(fills) - cash  # value of what is held, at its average price
    tick = rules.contracts.tick(position.contract.underlying, desk.trading_date)
    mark = closing_price(view, position.contract, position.quantity, tick) if view is not None else None
    pnl = cash + position.quantity * mark if mark is not None else None
    greeks = _greeks(exposure_of(view, [position]) if view is not None else None)
    return PositionLine(
        trade_id=trade.trade_id,
        symbol=position.contract.symbol,
        quantity=position.quantity,
        entry_price=money_text(cost / position.quantity),
        mark_price=money_text(mark) if mark is not None else None,
        pnl_inr=money_text(pnl) if pnl is not None else None,
        delta=greeks["delta"],
        vega_per_pt=greeks["vega_per_pt"],
        theta_per_day=greeks["theta_per_day"],
    )


def _greeks(exposure: Exposure | None) -> Mapping[str, float | None]:
    names = ("delta", "gamma", "vega_per_pt", "theta_per_day")
    return {name: getattr(exposure, name) if exposure is not None else None for name in names}


def _limits(desk: Desk, risk: BookRisk | None, settings: EngineSettings) -> tuple[LimitBar, ...]:
    limits, account = settings.limits.caps_in(desk.phase), float(desk.account_inr)
    seen = risk.exposure if risk is not None else None
    stress = risk.stress if risk is not None and isinstance(risk.stress, StressResult) else None
    margin = risk.margin if risk is not None and isinstance(risk.margin, Margin) else None
    loss = max(-float(desk.pnl_net_inr), 0.0) if desk.pnl_net_inr is not None else None
    open_risk = float(open_risk_inr(desk.book.live_trades))

    def bar(name: str, value: float | None, share: float) -> LimitBar:
        return LimitBar(name=name, value=value, limit=share * account, unit="INR")

    return (
        bar("open risk", open_risk, limits.open_risk_share_max),
        bar("day's loss, soft stop", loss, limits.soft_stop_share),
        bar("day's loss, hard stop", loss, limits.hard_stop_share),
        bar("stress, worst cell", stress.stressed_loss_inr if stress else None, limits.stress_loss_share_max),
        bar("stress, near cells", stress.near_loss_inr if stress else None, limits.near_stress_share_max),
        bar("margin", margin.total_inr if margin else None, limits.margin_used_share_max),
        bar("delta of 1 %", abs(seen.delta_pnl_1pct_inr) if seen else None, limits.delta_1pct_share_max),
        bar("gamma of 1 %", abs(seen.gamma_pnl_1pct_inr) if seen else None, limits.gamma_1pct_share_max),
        bar("vega a point", abs(seen.vega_per_pt) if seen else None, limits.vega_per_pt_share_max),
    )


def _guards(
    desk: Desk, risk: BookRisk | None, view: MarketView | None, settings: EngineSettings, rules: Rules
) -> tuple[str, ...]:
    # What a person asks first when it hurts: how to be flat, the worst on the table, what is switched off.
    lines = [desk.vix_spike.text]
    for name, breaker in (("orders", desk.order_breaker), ("feed", desk.feed_breaker)):
        if breaker.circuit is not Circuit.CLOSED:
            lines.append(f"breaker of {name} {breaker.circuit.value}: {breaker.reason}")
    positions = desk.book.positions
    if view is None or risk is None or not positions:
        return tuple(lines)
    flat = flat_cost_of(view, positions, desk, settings=settings, rules=rules)
    if isinstance(risk.stress, StressResult):
        worst = risk.stress.worst.text if risk.stress.worst is not None else "none"
    else:
        worst = f"not available, {risk.stress.text}"
    return (flat.text, f"worst cell {worst}", *lines)


def _buckets(desk: Desk, settings: EngineSettings) -> tuple[Mapping[str, FigureValue], ...]:
    rows: list[Mapping[str, FigureValue]] = []
    for bucket, limits in settings.bucket_limits.items():
        mine = tuple(trade for trade in desk.book.live_trades if trade.bucket is bucket)
        rows.append(
            {
                "name": bucket.value,
                "capital_inr": money_text(bucket_capital_inr(desk.account_inr, limits)),
                "used_inr": money_text(capital_used_inr(mine)),
                "open_trades": len(mine),
                "last_entry": _clock(desk.last_entry_at.get(bucket)),
            }
        )
    return tuple(rows)


def _open_orders(desk: Desk) -> tuple[str, ...]:
    return tuple(
        f"{o.request.side.value} {o.open_quantity} {o.request.contract.symbol} at {o.limit_price} "
        f"{o.state.value}"
        for o in desk.book.live_orders
    )


def _clock(at: datetime | None) -> str | None:
    return f"{at:%H:%M:%S}" if at is not None else None
