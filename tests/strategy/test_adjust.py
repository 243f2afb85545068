"""A tested side is rolled where every state that it can come to loses less under stress, and nowhere else."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.chains import (
    LOT,
    NOW,
    WEEKLY,
    bought,
    call,
    condor,
    flat_vol_snapshot,
    put,
    shipped_quality,
    shipped_stress,
    sold,
    view_of,
    with_cells,
)
from volguard.measure.market_view import MarketView
from volguard.measure.since_entry import entry_market
from volguard.measure.touch import leg_quotes
from volguard.model.book import Bucket, Fill, Leg, Position, StructureKind, Trade, TradeState, positions_of
from volguard.model.instrument import OptionType
from volguard.model.proposal import Proposal
from volguard.strategy.adjust import (
    Parts,
    RollInputs,
    RollVerdict,
    at_most,
    judge_roll,
    parts_of,
    proposal_positions,
    side_tested,
    stands_further_out,
    stressed_loss_inr,
)

EVEN = condor(24_100, 24_400, 25_000, 25_300)
UNEVEN = condor(24_100, 24_600, 25_200, 25_300)  # 500 points of puts against 100 of calls
PUT, CALL = OptionType.PUT, OptionType.CALL


def market(forward: float = 24_700.0) -> MarketView:
    return view_of(flat_vol_snapshot(forward=forward))


def trade_of(legs: tuple[Leg, ...] = UNEVEN, *, lots: int = 4, view: MarketView | None = None) -> Trade:
    """Filled whole at the touch of a market, with costs of 801 rupees reserved."""
    made = market() if view is None else view
    quotes = leg_quotes(made, legs)
    prices = [ask if leg.side.sign > 0 else bid for leg, bid, ask in zip(legs, *_sides(quotes), strict=True)]
    fills = tuple(
        Fill(
            fill_id=f"F{i}",
            tag=f"E{i}",
            ts=NOW,
            contract=leg.contract,
            side=leg.side,
            quantity=lots * LOT,
            price=Decimal(f"{price:.2f}"),
            charges_inr=Decimal("25.10"),
            touch_bid=None,
            touch_ask=None,
        )
        for i, (leg, price) in enumerate(zip(legs, prices, strict=True))
    )
    return Trade(
        trade_id="T001",
        bucket=Bucket.WEEKLY,
        structure=StructureKind.IRON_CONDOR,
        legs=legs,
        lots=lots,
        lot_size=LOT,
        state=TradeState.OPEN,
        proposed_at=NOW,
        credit_per_unit=40.0,
        max_loss_inr=Decimal("150000"),
        reserved_inr=Decimal("150801"),
        carried_pnl_inr=Decimal("-512.25"),
        fills=fills,
        opened_at=NOW,
        entry_market=entry_market(made, legs),
    )


def _sides(quotes: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return quotes.bids, quotes.asks


def split(trade: Trade | None = None, side: OptionType = PUT) -> Parts:
    parts = parts_of(trade_of() if trade is None else trade, side, rest_id="T007")
    assert parts is not None
    return parts


def opening(low: int = 23_850, short: int = 23_950, *, lots: int = 4, expiry: date = WEEKLY) -> Proposal:
    """A put spread at the touch of the market that has fallen."""
    legs = (bought(put(low, expiry)), sold(put(short, expiry)))
    return Proposal(
        ts=NOW,
        bucket=Bucket.WEEKLY,
        structure=StructureKind.BULL_PUT_SPREAD,
        expiry=expiry,
        legs=legs,
        lots=lots,
        lot_size=LOT,
        credit_per_unit=12.0,
        max_loss_inr=Decimal((short - low - 12) * lots * LOT),
        costs_inr=Decimal("300.00"),
        confidence=1.0,
        figures={},
        candidates=(),
    )


def judged(**changes: Any) -> RollVerdict:
    """A fall to the short puts of the uneven condor, its puts rolled to where 100 points are at stake."""
    trade = changes.pop("trade", trade_of())
    values: dict[str, Any] = {
        "view": market(24_480.0),
        "trade": trade,
        "parts": split(trade),
        "opening": opening(24_000, 24_100),
        "others": (),
        "close_cost_inr": Decimal("412.50"),
        "stress": shipped_stress(),
        "quality": shipped_quality(),
    }
    return judge_roll(RollInputs(**values | changes))


# --- which side ---------------------------------------------------------------------------------------


def test_the_side_whose_short_is_beyond_the_limit_is_tested() -> None:
    """One side alone, at the delta of the strikes beside it."""
    even = trade_of(EVEN)
    assert side_tested(market(24_450.0), even, 0.40) is PUT
    assert side_tested(market(24_950.0), even, 0.40) is CALL
    assert side_tested(market(24_700.0), even, 0.40) is None


def test_both_sides_at_once_are_no_side_to_roll() -> None:
    """An iron fly at its strike is tested on both."""
    fly = replace(
        trade_of(condor(24_500, 24_700, 24_700, 24_900)), structure=StructureKind.NEUTRAL_IRON_CONDOR
    )
    assert side_tested(market(), fly, 0.40) is None


@pytest.mark.parametrize("kind", [StructureKind.ADOPTED, StructureKind.BULL_PUT_SPREAD])
def test_only_a_condor_has_a_side_to_roll(kind: StructureKind) -> None:
    """What somebody else traded is not ours to shape, and a spread is one side: it leaves."""
    assert side_tested(market(24_450.0), replace(trade_of(EVEN), structure=kind), 0.40) is None


def test_a_delta_that_is_not_known_tests_no_side() -> None:
    """Without the delta of the other short nobody can say that one side alone is tested."""
    far = condor(24_100, 24_400, 25_000, 29_000)
    unlisted = replace(trade_of(EVEN), legs=(*far[:2], sold(call(29_000)), far[3]))
    assert side_tested(market(24_450.0), unlisted, 0.40) is None


# --- two trades of one ----------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [PUT, CALL])
def test_the_parts_add_up_to_the_trade(side: OptionType) -> None:
    """Fills, cash, charges, costs and what earlier days made: nothing is lost, nothing is there twice."""
    trade = trade_of()
    parts = split(trade, side)
    tested, rest = parts.tested, parts.rest
    assert sorted(f.fill_id for f in (*tested.fills, *rest.fills)) == [f.fill_id for f in trade.fills]
    for name in ("cash_inr", "charges_inr", "entry_credit_inr", "carried_pnl_inr"):
        assert getattr(tested, name) + getattr(rest, name) == getattr(trade, name)
    costs = [part.reserved_inr - part.max_loss_inr for part in (tested, rest)]
    assert sum(costs) == trade.reserved_inr - trade.max_loss_inr and abs(costs[0] - costs[1]) <= Decimal(
        "0.01"
    )
    assert (tested.trade_id, rest.trade_id) == ("T001", "T007")
    assert {leg.contract.option_type for leg in tested.legs} == {side}
    assert {leg.contract.option_type for leg in rest.legs} == {PUT, CALL} - {side}


def test_each_part_is_a_spread_that_may_lose_its_own_width_less_its_own_credit() -> None:
    """And prices what happened since its entry by the volatilities of its own legs."""
    trade = trade_of()
    parts = split(trade)
    assert parts.tested.structure is StructureKind.BULL_PUT_SPREAD
    assert parts.rest.structure is StructureKind.BEAR_CALL_SPREAD
    for part, width in ((parts.tested, 500), (parts.rest, 100)):
        assert part.max_loss_inr == width * part.units - part.entry_credit_inr
        assert part.part_of is StructureKind.IRON_CONDOR
        assert part.credit_per_unit == pytest.approx(float(part.entry_credit_inr) / part.units)
        assert part.state is TradeState.OPEN and part.lots == trade.lots
    assert trade.entry_market is not None
    assert parts.tested.entry_market == replace(trade.entry_market, sigmas=trade.entry_market.sigmas[:2])
    assert parts.rest.entry_market == replace(trade.entry_market, sigmas=trade.entry_market.sigmas[2:])


def test_what_is_not_held_whole_is_not_split() -> None:
    """A leg that is missing, or partly closed, leaves nothing that two spreads could be made of."""
    trade = trade_of()
    assert parts_of(replace(trade, fills=trade.fills[1:]), PUT, rest_id="T007") is None
    less = replace(trade.fills[0], quantity=LOT)
    assert parts_of(replace(trade, fills=(less, *trade.fills[1:])), PUT, rest_id="T007") is None


# --- what takes its place -------------------------------------------------------------------------------


def test_no_more_lots_than_the_trade_had() -> None:
    """Loss falls with the lots, costs stay reserved whole."""
    found = at_most(opening(lots=6), 4)
    assert found.lots == 4 and found.costs_inr == Decimal("300.00")
    assert found.max_loss_inr == 4 * LOT * Decimal(88)
    assert at_most(opening(lots=3), 4) == opening(lots=3)


def test_further_out_is_away_from_the_money() -> None:
    """Lower for puts, higher for calls; the same strike is no roll."""
    assert stands_further_out(opening().legs, PUT, 24_000)
    assert not stands_further_out(opening().legs, PUT, 23_950)
    calls = (sold(call(25_400)), bought(call(25_500)))
    assert stands_further_out(calls, CALL, 25_350) and not stands_further_out(calls, CALL, 25_400)
    assert not stands_further_out(calls, PUT, 30_000)


# --- whether ---------------------------------------------------------------------------------------------


def test_a_roll_that_lowers_stressed_loss_is_made_and_tells_its_cost() -> None:
    """500 points of puts against 100: what is left, what is opened and both together lose less."""
    verdict = judged()
    assert verdict.refusal == ""
    figures: dict[str, Any] = dict(verdict.figures)
    for name in ("rest", "opening", "rolled"):
        assert figures[f"stressed_{name}_inr"] < figures["stressed_before_inr"]
    assert figures["stressed_book_rolled_inr"] < figures["stressed_book_before_inr"]
    assert figures["stressed_book_closed_inr"] == 0.0
    assert verdict.stressed_inr == figures["stressed_before_inr"]
    assert figures["roll_cost_inr"] == pytest.approx(712.50)
    assert (figures["roll_strikes"], figures["roll_lots"]) == ("24000/24100", 4)


def test_the_figures_are_the_stress_of_those_positions() -> None:
    """Before: the whole trade. After: what is left and the new spread."""
    trade, view = trade_of(), market(24_480.0)
    verdict = judged()
    held = positions_of(trade.fills)
    rest = positions_of(split(trade).rest.fills)
    rolled = (*rest, *proposal_positions(opening(24_000, 24_100)))
    for name, positions in (("before", held), ("rest", rest), ("rolled", rolled)):
        loss = stressed_loss_inr(view, positions, shipped_stress(), shipped_quality())
        assert verdict.figures[f"stressed_{name}_inr"] == loss


def test_a_condor_of_equal_wings_is_not_rolled() -> None:
    """Its worst is a width less its value on either side; without the puts the calls alone lose more."""
    trade = trade_of(EVEN)
    verdict = judged(trade=trade, view=market(24_450.0), opening=opening(24_050, 24_350))
    figures: dict[str, Any] = dict(verdict.figures)
    assert "of what is left" in verdict.refusal and "not below" in verdict.refusal
    assert figures["stressed_rest_inr"] > figures["stressed_before_inr"]


def test_a_book_that_would_lose_more_is_not_rolled_into() -> None:
    """Long puts beside it pay for the fall: the trade alone gains by a roll, the book does not."""
    trade = trade_of()
    beside = [replace(p, quantity=-p.quantity) for p in positions_of(split(trade).tested.fills)]
    verdict = judged(others=tuple(beside))
    figures: dict[str, Any] = dict(verdict.figures)
    assert figures["stressed_rolled_inr"] < figures["stressed_before_inr"]
    assert figures["stressed_book_rolled_inr"] >= figures["stressed_book_before_inr"]
    assert "of the book after the roll" in verdict.refusal


@pytest.mark.parametrize("name", ["rest", "opening", "rolled", "book_rolled"])
def test_every_state_that_a_roll_can_come_to_must_lose_less(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left alone, what is opened alone, both, and the book with both: one that does not is enough."""
    trade, beside = trade_of(), (Position(contract=call(25_500), quantity=LOT),)
    rest, new = positions_of(split(trade).rest.fills), proposal_positions(opening(24_000, 24_100))
    states = {"rest": rest, "opening": new, "rolled": (*rest, *new), "book_rolled": (*beside, *rest, *new)}

    def stressed(_view: Any, positions: Any, *_: Any) -> float:
        before = positions_of(trade.fills)
        return 200.0 if tuple(positions) in (states[name], before, (*beside, *before)) else 100.0

    monkeypatch.setattr("volguard.strategy.adjust.stressed_loss_inr", stressed)
    refusal = judged(trade=trade, others=beside).refusal
    assert refusal.endswith("is 200.00, not below 200.00")
    monkeypatch.setattr(
        "volguard.strategy.adjust.stressed_loss_inr",
        lambda _view, positions, *_: 200.0 if trade.fills[1].contract in _names(positions) else 100.0,
    )
    assert judged(trade=trade, others=beside).refusal == ""


def _names(positions: Any) -> set[Any]:
    return {position.contract for position in positions}


def test_a_short_as_near_as_the_old_one_is_no_roll() -> None:
    verdict = judged(opening=opening(24_500, 24_600))
    assert verdict.refusal == "no short further out than 24600"


def test_without_the_cost_of_closing_nothing_is_rolled() -> None:
    """The rest of the figures stand."""
    verdict = judged(close_cost_inr=None)
    assert "costs is not available" in verdict.refusal
    assert verdict.figures["roll_cost_inr"] is None and verdict.figures["stressed_rolled_inr"] is not None


def test_without_a_stress_nothing_is_rolled() -> None:
    """A leg of the opening that nobody quotes has no volatility, and nobody knows what it would lose."""
    gone = with_cells(
        flat_vol_snapshot(forward=24_480.0), put(24_000), bid=math.nan, ask=math.nan, vendor_iv=math.nan
    )
    far = replace(opening(), legs=(bought(put(20_000)), sold(put(24_100))))
    verdict = judged(view=view_of(gone), opening=far)
    assert verdict.refusal.startswith("stressed loss is not available")
    assert verdict.figures["stressed_rolled_inr"] is None
