"""Greeks by trade, bucket, expiry and portfolio are the sum of their legs, before and after a trade."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest

from tests.chains import (
    LOT,
    MONTHLY,
    NOW,
    WEEKLY,
    call,
    condor,
    flat_vol_snapshot,
    put,
    view_of,
    with_cells,
)
from tests.model.books import make_fill, make_trade
from volguard.measure.exposure import FLAT, Exposure, exposure_of
from volguard.measure.exposure_groups import (
    Holding,
    exposure_change,
    exposure_groups,
    holding_of,
    net_positions,
    proposed_holding,
    whole_holding,
)
from volguard.model.book import Bucket, Position, StructureKind, Trade
from volguard.model.instrument import OptionContract, Side
from volguard.model.proposal import Proposal

EXACT = flat_vol_snapshot(tick=None)
VIEW = view_of(EXACT)
MONTHLY_LEGS = condor(23_700, 24_000, 25_600, 25_900, MONTHLY)


def holds(trade_id: str, bucket: Bucket, *lots: tuple[OptionContract, int]) -> Holding:
    positions = tuple(Position(contract=contract, quantity=LOT * count) for contract, count in lots)
    return Holding(trade_id=trade_id, bucket=bucket, positions=positions)


SPREAD = holds("T1", Bucket.WEEKLY, (put(24_100), 1), (put(24_400), -1))
OTHER = holds("T2", Bucket.WEEKLY, (call(25_200), -1), (call(25_500), 1))
FAR = holds("T3", Bucket.MONTHLY, (put(24_000, MONTHLY), -2), (put(23_700, MONTHLY), 2))
BOTH = holds("T4", Bucket.INTRADAY, (call(25_200), -1), (call(25_200, MONTHLY), 1))
ALL = (SPREAD, FAR, OTHER, BOTH)


def proposal(lots: int = 2) -> Proposal:
    return Proposal(
        ts=NOW,
        bucket=Bucket.MONTHLY,
        structure=StructureKind.IRON_CONDOR,
        expiry=MONTHLY,
        legs=MONTHLY_LEGS,
        lots=lots,
        lot_size=LOT,
        credit_per_unit=40.0,
        max_loss_inr=make_trade().max_loss_inr,
        costs_inr=make_trade().reserved_inr,
        confidence=1.0,
        figures={},
        candidates=(),
    )


def total(*parts: Exposure | None) -> dict[str, float]:
    known = [part for part in parts if part is not None]
    assert len(known) == len(parts)
    return {field.name: math.fsum(getattr(part, field.name) for part in known) for field in fields(Exposure)}


def values_of(exposure: Exposure | None) -> dict[str, float]:
    return total(exposure)


# --- groups ------------------------------------------------------------------------------------------


def test_each_group_has_the_greeks_of_its_own_legs() -> None:
    groups = exposure_groups(VIEW, ALL)
    assert list(groups.by_trade) == ["T1", "T3", "T2", "T4"]
    assert list(groups.by_bucket) == [Bucket.WEEKLY, Bucket.MONTHLY, Bucket.INTRADAY]
    assert list(groups.by_expiry) == [WEEKLY, MONTHLY]
    assert groups.by_trade["T1"] == exposure_of(VIEW, SPREAD.positions)
    assert groups.by_bucket[Bucket.WEEKLY] == exposure_of(
        VIEW, net_positions((*SPREAD.positions, *OTHER.positions))
    )
    assert groups.by_expiry[MONTHLY] == exposure_of(VIEW, net_positions((*FAR.positions, BOTH.positions[1])))
    assert groups.missing == ()


@pytest.mark.parametrize("axis", ["by_trade", "by_bucket", "by_expiry"])
def test_the_groups_of_each_axis_add_up_to_the_portfolio(axis: str) -> None:
    groups = exposure_groups(VIEW, ALL)
    portfolio = values_of(groups.portfolio)
    assert total(*getattr(groups, axis).values()) == pytest.approx(portfolio, rel=1e-6, abs=1e-6)
    assert portfolio["vega_per_pt"] < 0.0 < portfolio["theta_per_day"]


def test_rupees_are_units_times_the_level_moved_by_one_percent() -> None:
    far = values_of(exposure_groups(VIEW, ALL).by_trade["T3"])
    move = 0.01 * float(VIEW.forwards.forward[1])
    assert far["delta_pnl_1pct_inr"] == pytest.approx(far["delta"] * move, rel=1e-7)
    assert far["gamma_pnl_1pct_inr"] == pytest.approx(0.5 * far["gamma"] * move**2, rel=1e-7)


def test_a_book_without_positions_is_flat_and_has_no_groups() -> None:
    for holdings in ((), (holds("T1", Bucket.WEEKLY),)):
        groups = exposure_groups(VIEW, holdings)
        assert groups.portfolio == FLAT
        assert (groups.by_trade, groups.by_bucket, groups.by_expiry, groups.missing) == ({}, {}, {}, ())


def test_a_leg_without_greeks_leaves_its_own_groups_without_a_figure_and_is_named() -> None:
    blank = with_cells(EXACT, put(24_400), bid=math.nan)
    groups = exposure_groups(view_of(with_cells(blank, call(24_400), ask=math.nan)), ALL)
    assert groups.missing == ("NIFTY 2025-09-09 24400 PE",)
    assert groups.portfolio is None
    assert groups.by_trade["T1"] is None and groups.by_trade["T2"] is not None
    assert groups.by_bucket[Bucket.WEEKLY] is None and groups.by_bucket[Bucket.MONTHLY] is not None
    assert groups.by_expiry[WEEKLY] is None and groups.by_expiry[MONTHLY] is not None


# --- holdings ----------------------------------------------------------------------------------------


def trade_with_fills() -> Trade:
    fills = (
        make_fill(Side.BUY, 2 * LOT, "12.00", contract=put(24_100), number=1),
        make_fill(Side.SELL, 2 * LOT, "30.00", contract=put(24_400), number=2),
        make_fill(Side.SELL, LOT, "11.00", contract=put(24_100), number=3),
    )
    return make_trade(*fills, lots=2)


def test_a_trade_holds_what_its_fills_left_and_wholly_filled_what_its_legs_say() -> None:
    trade = trade_with_fills()
    now, whole = holding_of(trade), whole_holding(trade)
    assert now == Holding(
        trade_id="T1",
        bucket=Bucket.WEEKLY,
        positions=(
            Position(contract=put(24_100), quantity=LOT),
            Position(contract=put(24_400), quantity=-2 * LOT),
        ),
    )
    assert {position.contract: position.quantity for position in whole.positions} == {
        leg.contract: leg.side.sign * 2 * LOT for leg in trade.legs
    }


def test_a_proposal_would_hold_its_legs_in_all_lots() -> None:
    found = proposed_holding(proposal(lots=2), "proposed")
    assert (found.trade_id, found.bucket) == ("proposed", Bucket.MONTHLY)
    assert {position.contract: position.quantity for position in found.positions} == {
        leg.contract: leg.side.sign * 2 * LOT for leg in MONTHLY_LEGS
    }


def test_positions_net_by_contract() -> None:
    doubled = (*SPREAD.positions, *SPREAD.positions[:1])
    assert net_positions(doubled) == (
        Position(contract=put(24_100), quantity=2 * LOT),
        Position(contract=put(24_400), quantity=-LOT),
    )
    opposite = Position(contract=put(24_100), quantity=-LOT)
    assert net_positions((*SPREAD.positions, opposite)) == SPREAD.positions[1:]


# --- before and after --------------------------------------------------------------------------------


def test_a_proposed_trade_adds_its_greeks_and_leaves_the_others() -> None:
    new = proposed_holding(proposal(), "proposed")
    change = exposure_change(VIEW, (SPREAD, FAR), new)
    assert change.before == exposure_groups(VIEW, (SPREAD, FAR))
    assert list(change.after.by_trade) == ["T1", "T3", "proposed"]
    assert change.after.by_trade["T1"] == change.before.by_trade["T1"]
    added = exposure_of(VIEW, new.positions)
    assert values_of(change.after.portfolio) == pytest.approx(
        total(change.before.portfolio, added), rel=1e-6, abs=1e-6
    )
    assert change.after.by_bucket[Bucket.WEEKLY] == change.before.by_bucket[Bucket.WEEKLY]
    assert values_of(change.after.by_bucket[Bucket.MONTHLY]) == pytest.approx(
        total(change.before.by_bucket[Bucket.MONTHLY], added), rel=1e-6, abs=1e-6
    )


def test_a_trade_still_filling_is_replaced_by_what_it_will_be() -> None:
    trade = trade_with_fills()
    change = exposure_change(VIEW, (holding_of(trade), FAR), whole_holding(trade))
    assert change.before.by_trade["T1"] == exposure_of(VIEW, holding_of(trade).positions)
    assert change.after.by_trade["T1"] == exposure_of(VIEW, whole_holding(trade).positions)
    assert change.after.by_trade["T3"] == change.before.by_trade["T3"]
