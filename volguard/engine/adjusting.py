"""Rolling a tested side: decided where its exit is, split off, and proposed anew once that side is out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from volguard.engine.book_after import committed
from volguard.engine.entries import busy_with, inputs_of, put_forward, wait
from volguard.engine.held_risk import flat_cost_of, margin_inputs
from volguard.engine.observe import Scene
from volguard.engine.orders import put_trade
from volguard.engine.state import Roll, Turn
from volguard.engine.supervisor import decide
from volguard.measure.book_risk import book_margin
from volguard.measure.margin import Margin
from volguard.measure.market_view import MarketView
from volguard.measure.payoff import short_legs
from volguard.measure.touch import closing_mark
from volguard.model.book import Trade, TradeState, positions_of
from volguard.model.decision import Action, Decision, FigureValue, TradingState
from volguard.model.event import TradeChanged, TradeSplit
from volguard.model.instrument import OptionType
from volguard.model.proposal import Budget, Proposal
from volguard.model.units import rupees
from volguard.risk.buckets import budget_of
from volguard.strategy.adjust import (
    VERTICALS,
    Parts,
    RollInputs,
    at_most,
    judge_roll,
    parts_of,
    proposal_positions,
    side_tested,
    stands_further_out,
    stressed_loss_inr,
)
from volguard.strategy.manage import ExitSignal
from volguard.strategy.proposal_inputs import Wait
from volguard.strategy.propose import propose
from volguard.strategy.select import STRUCTURE_OF_REGIME

ROLLED_BY: Final = "short_delta"
LOOKS_MIN: Final = 4  # shorts out, hedges out, and one to spare, where looks are rare
TAKEN_AS_PROFIT: Final = "profit"  # how what is left may leave without ending the roll


@dataclass(frozen=True, slots=True, kw_only=True)
class RollPlan:
    """What the exit of a tested side decides: `roll` and `parts` where it is rolled, else why not."""

    text: str
    figures: Mapping[str, FigureValue]
    parts: Parts | None = None
    roll: Roll | None = None


def plan_roll(turn: Turn, scene: Scene, trade: Trade, signals: Sequence[ExitSignal]) -> RollPlan | None:
    """Whether the tested side of a condor is rolled where all of it would leave; None: it is no such case."""
    policy, view = turn.settings.policy, turn.market
    if not policy.adjust_tested_side or view is None or signals[0].rule != ROLLED_BY:
        return None
    side = side_tested(view, trade, policy.exit_short_delta)
    if side is None or trade.state is not TradeState.OPEN:
        return None
    against = _against(turn, trade, side, signals)
    if against:
        return _not_rolled(against)
    parts = _parts(turn, view, trade, side)
    if isinstance(parts, str):
        return _not_rolled(parts)
    opening = _opening(turn, view, scene, trade, side, parts)
    if isinstance(opening, Wait):
        told: dict[str, FigureValue] = {"roll_candidates": opening.text}
        return _not_rolled(f"nothing takes its place ({opening.reason})", told)
    closing = flat_cost_of(
        view, positions_of(parts.tested.fills), turn.desk, settings=turn.settings, rules=turn.rules
    )
    verdict = judge_roll(
        RollInputs(
            view=view,
            trade=trade,
            parts=parts,
            opening=opening,
            others=committed(turn, but=trade.trade_id),
            close_cost_inr=closing.cost_inr,
            stress=turn.settings.stress,
            quality=turn.settings.quality,
        )
    )
    if verdict.refusal or verdict.stressed_inr is None:
        return _not_rolled(verdict.refusal, verdict.figures)
    text = f"the {side.value} side is rolled to {verdict.figures['roll_strikes']} if that is approved"
    roll = _roll(turn, trade, parts, side, verdict.stressed_inr)
    return RollPlan(text=text, figures={"roll": text, **verdict.figures}, parts=parts, roll=roll)


def split(turn: Turn, plan: RollPlan) -> Trade | None:
    """Make two trades of one and note what is to be proposed; gives the tested one, None: no roll."""
    parts, roll = plan.parts, plan.roll
    if parts is None or roll is None:
        return None
    tested, rest = parts.tested, parts.rest
    put_trade(turn, tested)
    book, gross = turn.desk.book, dict(turn.desk.last_gross_inr)
    if gross.pop(tested.trade_id, None) is not None:
        gross |= {part.trade_id: _gross_inr(turn, part) for part in (tested, rest)}
    turn.desk = replace(
        turn.desk,
        book=replace(book, trades=(*book.trades, rest)),
        last_gross_inr=gross,
        rolls=(*turn.desk.rolls, roll),
    )
    turn.records += [
        TradeSplit(ts=turn.now, trade_id=tested.trade_id, structure=tested.structure, rest=rest),
        TradeChanged(
            ts=turn.now,
            trade_id=rest.trade_id,
            state=rest.state.value,
            reason=f"split from {tested.trade_id}",
        ),
    ]
    return tested


def seek_rolls(turn: Turn, scene: Scene) -> None:
    """Propose what takes a rolled side's place once that is out; what cannot be in time is left out."""
    for roll in turn.desk.rolls:
        gone = _gone(turn, roll)
        if gone:
            _drop(turn, roll)
            decide(
                turn,
                Decision(
                    ts=turn.now,
                    action=Action.WAIT,
                    reason="roll_ended",
                    text=f"nothing takes the place of {roll.trade_id}: {gone}",
                    bucket=roll.bucket,
                    trade_id=roll.trade_id,
                    structure=roll.kind,
                ),
            )
        elif turn.desk.trading_state is TradingState.ACTIVE and busy_with(turn, roll.bucket) is None:
            _seek(turn, scene, roll)


def _seek(turn: Turn, scene: Scene, roll: Roll) -> None:
    answer = _in_its_place(turn, scene, roll)
    if isinstance(answer, Wait):
        wait(turn, roll.bucket, answer)
    elif put_forward(turn, answer):
        _drop(turn, roll)


def _in_its_place(turn: Turn, scene: Scene, roll: Roll) -> Proposal | Wait:
    view = turn.market
    if view is None or turn.desk.book.trade(roll.trade_id).state.is_live:
        return Wait(reason="roll_closing", text=f"{roll.trade_id} is not out yet", figures={})
    inputs = inputs_of(turn, view, scene, roll.bucket, roll.expiry)
    found = propose(replace(inputs, kind=roll.kind))
    if isinstance(found, Wait):
        return found
    found = at_most(found, roll.lots_max)
    if not stands_further_out(found.legs, roll.side, roll.short_strike):
        text = f"no short further out than {roll.short_strike}"
        return Wait(reason="roll_not_further", text=text, figures=found.figures)
    rest = positions_of(turn.desk.book.trade(roll.rest_id).fills)
    settings = turn.settings
    loss = stressed_loss_inr(view, (*rest, *proposal_positions(found)), settings.stress, settings.quality)
    if isinstance(loss, str) or not loss < roll.stressed_inr:
        seen = loss if isinstance(loss, str) else f"{loss:.2f}, not below {roll.stressed_inr:.2f}"
        text = f"stressed loss after the roll is {seen}"
        return Wait(reason="roll_stress", text=text, figures=found.figures)
    rolled: dict[str, FigureValue] = {
        "rolls": roll.trade_id,
        "stressed_before_inr": roll.stressed_inr,
        "stressed_rolled_inr": loss,
    }
    return replace(found, figures={**found.figures, **rolled})


def _gone(turn: Turn, roll: Roll) -> str:
    if turn.now >= roll.until:
        return f"not in {_within_s(turn):.0f} s"
    rest = turn.desk.book.trade(roll.rest_id)
    if rest.state is not TradeState.OPEN and rest.exit_reason != TAKEN_AS_PROFIT:
        return f"{rest.trade_id} leaves too"
    return "trading is halted" if turn.desk.trading_state is TradingState.HALTED else ""


def _drop(turn: Turn, roll: Roll) -> None:
    rolls = tuple(one for one in turn.desk.rolls if one.trade_id != roll.trade_id)
    turn.desk = replace(turn.desk, rolls=rolls)


def _against(turn: Turn, trade: Trade, side: OptionType, signals: Sequence[ExitSignal]) -> str:
    others = [signal.rule for signal in signals if signal.rule != ROLLED_BY]
    if others:
        return f"it leaves by another rule as well ({', '.join(others)})"
    state, regime = turn.desk.trading_state, turn.outlook.regime.regime
    if state is not TradingState.ACTIVE:
        return f"trading state is {state.value}"
    favoured = STRUCTURE_OF_REGIME.get(regime)
    if favoured is not None and favoured is not VERTICALS[side]:
        return f"the regime is {regime.value}"
    if any(order.request.trade_id == trade.trade_id for order in turn.desk.book.live_orders):
        return "an order of it may still fill"
    busy = busy_with(turn, trade.bucket)
    if busy is None and any(roll.bucket is trade.bucket for roll in turn.desk.rolls):
        return "the bucket rolls another trade"
    return "" if busy is None else busy.text


def _parts(turn: Turn, view: MarketView, trade: Trade, side: OptionType) -> Parts | str:
    rest_id = f"T{len(turn.desk.book.trades) + 1:03d}"
    parts = parts_of(trade, side, rest_id=rest_id)
    if parts is None:
        return "it does not hold every leg whole"
    if any(not _is_marked(turn, view, part) for part in (parts.tested, parts.rest)):
        return "a side has no confirmed mark"
    return Parts(tested=_with_margin(turn, view, parts.tested), rest=_with_margin(turn, view, parts.rest))


def _with_margin(turn: Turn, view: MarketView, part: Trade) -> Trade:
    # Where it cannot be told the margin of the whole stands: too much rather than too little.
    inputs = margin_inputs(turn.desk, turn.outlook, turn.rules)
    found = book_margin(view, positions_of(part.fills), inputs)
    return replace(part, margin_inr=rupees(found.total_inr)) if isinstance(found, Margin) else part


def _is_marked(turn: Turn, view: MarketView, part: Trade) -> bool:
    tick = turn.rules.contracts.tick(view.listing.underlying, turn.desk.trading_date)
    mark = closing_mark(view, positions_of(part.fills), tick)
    return mark is not None and mark.is_confirmed_price


def _gross_inr(turn: Turn, part: Trade) -> Decimal:
    # A plan is made on a confirmed mark of each part, and carried out in the same step.
    if turn.market is None:
        return part.cash_inr
    tick = turn.rules.contracts.tick(turn.market.listing.underlying, turn.desk.trading_date)
    mark = closing_mark(turn.market, positions_of(part.fills), tick)
    return part.cash_inr if mark is None else part.cash_inr + mark.value_inr


def _opening(
    turn: Turn, view: MarketView, scene: Scene, trade: Trade, side: OptionType, parts: Parts
) -> Proposal | Wait:
    # As the book will stand when the tested side is out.
    expiry = trade.legs[0].contract.expiry
    inputs = inputs_of(turn, view, scene, trade.bucket, expiry)
    found = propose(replace(inputs, kind=VERTICALS[side], budget=_budget(turn, trade, parts.rest)))
    return found if isinstance(found, Wait) else at_most(found, trade.lots)


def _budget(turn: Turn, trade: Trade, rest: Trade) -> Budget:
    book = turn.desk.book
    trades = tuple(rest if one.trade_id == trade.trade_id else one for one in book.trades)
    return budget_of(
        replace(book, trades=trades),
        trade.bucket,
        account_inr=turn.desk.account_inr,
        bucket_limits=turn.settings.bucket_limits[trade.bucket],
        limits=turn.settings.limits,
    )


def _roll(turn: Turn, trade: Trade, parts: Parts, side: OptionType, stressed_inr: float) -> Roll:
    (short,) = short_legs(parts.tested.legs)
    return Roll(
        trade_id=trade.trade_id,
        rest_id=parts.rest.trade_id,
        bucket=trade.bucket,
        kind=VERTICALS[side],
        side=side,
        expiry=trade.legs[0].contract.expiry,
        short_strike=short.contract.strike,
        lots_max=trade.lots,
        stressed_inr=stressed_inr,
        until=turn.now + timedelta(seconds=_within_s(turn)),
    )


def _within_s(turn: Turn) -> float:
    return max(turn.settings.policy.adjust_within_s, LOOKS_MIN * turn.cadence_s)


def _not_rolled(why: str, figures: Mapping[str, FigureValue] | None = None) -> RollPlan:
    text = f"not rolled: {why}"
    return RollPlan(text=text, figures={"roll": text, **(figures or {})})
