"""Shorts without their longs: measured in seconds and stressed loss, limited, and never left to chance."""

from __future__ import annotations

from dataclasses import replace

from volguard.engine.state import Desk, NakedWatch, Turn
from volguard.engine.supervisor import emergency
from volguard.execution.basket import uncovered_units
from volguard.measure.stress import StressResult, portfolio_stress
from volguard.model.book import Position, positions_of
from volguard.model.event import NakedExposure

LOOKS_MIN = 2  # where snapshots are rare nothing can be done sooner than at the next one


def watch_naked(turn: Turn) -> None:
    """Count how long shorts have stood without their longs; past the budget it is an emergency."""
    before, units = turn.desk.naked, uncovered_units(turn.desk.book.positions)
    if before is not None:
        before = _counted(before, turn)
    if not units:
        if before is not None:
            turn.records.append(_record(before, turn))
            turn.desk = replace(turn.desk, naked=None)
        return
    now = _watch(turn, before, units)
    turn.desk = replace(turn.desk, naked=now)
    stood_s, budget_s = (turn.now - now.since).total_seconds(), naked_budget_s(turn)
    if stood_s > budget_s:
        text = f"{units} units short without their longs for {stood_s:.1f} s, budget {budget_s:.1f}"
        emergency(turn, "naked_short", f"{text} ({', '.join(now.trades)})")


def watch_flatten(turn: Turn) -> None:
    """A flatten that closes nothing for too long is an emergency: the operator is paged until it is over.

    Shorts alone make one: a long that nobody bids for can lose no more, and waits for a bid.
    """
    desk, moved_at = turn.desk, turn.desk.flatten_moved_at
    if not desk.flatten_reason or moved_at is None or desk.emergency:
        return
    if all(position.quantity > 0 for position in desk.book.positions):
        return
    limit_s = max(turn.settings.execution.basket_timeout_s, LOOKS_MIN * turn.cadence_s)
    if (turn.now - moved_at).total_seconds() > limit_s:
        held = ", ".join(f"{p.quantity:+d} {p.contract.symbol}" for p in desk.book.positions)
        emergency(turn, "flatten_stalled", f"nothing was closed for {limit_s:.0f} s, still held {held}")


def naked_budget_s(turn: Turn) -> float:
    """Seconds that a short may stand without its long."""
    return max(turn.settings.execution.partial_fill_timeout_s, LOOKS_MIN * turn.cadence_s)


def _counted(watch: NakedWatch, turn: Turn) -> NakedWatch:
    seconds = (turn.now - watch.seen_at).total_seconds()
    known = watch.loss_inr is not None and watch.loss_inr_s is not None
    total = (watch.loss_inr_s or 0.0) + seconds * (watch.loss_inr or 0.0) if known else None
    return replace(watch, seen_at=turn.now, loss_inr_s=total)


def _watch(turn: Turn, before: NakedWatch | None, units: int) -> NakedWatch:
    trades = _uncovered_trades(turn.desk)
    if before is not None and before.units == units and before.loss_inr is not None:
        return replace(before, trades=tuple(sorted({*before.trades, *trades})))
    loss_inr = _stressed_loss_inr(turn)
    if before is None:
        return NakedWatch(
            since=turn.now,
            seen_at=turn.now,
            units=units,
            units_max=units,
            loss_inr=loss_inr,
            loss_inr_s=0.0,
            trades=trades,
        )
    return replace(
        before,
        units=units,
        units_max=max(units, before.units_max),
        loss_inr=loss_inr,
        trades=tuple(sorted({*before.trades, *trades})),
    )


def _record(watch: NakedWatch, turn: Turn) -> NakedExposure:
    return NakedExposure(
        since=watch.since,
        until=turn.now,
        units_max=watch.units_max,
        loss_inr_s=watch.loss_inr_s,
        trades=watch.trades,
    )


def _uncovered_trades(desk: Desk) -> tuple[str, ...]:
    return tuple(t.trade_id for t in desk.book.trades if uncovered_units(positions_of(t.fills)))


# What the book of the uncovered kinds may lose as it stands: the shorts with what longs they have.
def _stressed_loss_inr(turn: Turn) -> float | None:
    if turn.market is None:
        return None
    naked = _uncovered_kinds(turn.desk.book.positions)
    result = portfolio_stress(turn.market, naked, turn.settings.stress, turn.settings.quality)
    return result.stressed_loss_inr if isinstance(result, StressResult) else None


def _uncovered_kinds(positions: tuple[Position, ...]) -> tuple[Position, ...]:
    def kind(position: Position) -> tuple[object, ...]:
        contract = position.contract
        return contract.underlying, contract.expiry, contract.option_type

    net: dict[tuple[object, ...], int] = {}
    for position in positions:
        net[kind(position)] = net.get(kind(position), 0) + position.quantity
    return tuple(position for position in positions if net[kind(position)] < 0)
