"""Every structure has its longs beyond its shorts, lowest strike first."""

from __future__ import annotations

import pytest

from tests.chains import NIFTY, WEEKLY, bought, call, condor, put, sold
from volguard.measure.payoff import breakevens, max_loss_points, max_profit_points
from volguard.model.book import Leg, StructureKind
from volguard.strategy.structure import ShortStrikes, structure_legs

BOTH = ShortStrikes(put=24_400, call=25_200)
ONE = ShortStrikes(put=24_800, call=24_800)
NEVER_CHOSEN = (
    StructureKind.ADOPTED,
    StructureKind.SHORT_STRANGLE,
    StructureKind.CALENDAR_SPREAD,
    StructureKind.DIAGONAL_SPREAD,
)
TRADED = [kind for kind in StructureKind if kind not in NEVER_CHOSEN]


def legs_of(kind: StructureKind, shorts: ShortStrikes = BOTH, width: int = 200) -> tuple[Leg, ...] | None:
    return structure_legs(kind, NIFTY, WEEKLY, shorts, width)


def test_each_structure_has_its_legs() -> None:
    assert legs_of(StructureKind.IRON_CONDOR) == condor(24_200, 24_400, 25_200, 25_400)
    assert legs_of(StructureKind.DEFENSIVE_IRON_CONDOR) == condor(24_200, 24_400, 25_200, 25_400)
    assert legs_of(StructureKind.NEUTRAL_IRON_CONDOR, ONE) == condor(24_600, 24_800, 24_800, 25_000)
    assert legs_of(StructureKind.BULL_PUT_SPREAD) == (bought(put(24_200)), sold(put(24_400)))
    assert legs_of(StructureKind.BEAR_CALL_SPREAD) == (sold(call(25_200)), bought(call(25_400)))


@pytest.mark.parametrize(
    ("kind", "shorts"),
    [
        (StructureKind.IRON_CONDOR, ShortStrikes(put=None, call=25_200)),
        (StructureKind.IRON_CONDOR, ShortStrikes(put=24_400, call=None)),
        (StructureKind.DEFENSIVE_IRON_CONDOR, ShortStrikes(put=None, call=25_200)),
        (StructureKind.NEUTRAL_IRON_CONDOR, ShortStrikes(put=24_800, call=None)),
        (StructureKind.BULL_PUT_SPREAD, ShortStrikes(put=None, call=25_200)),
        (StructureKind.BEAR_CALL_SPREAD, ShortStrikes(put=24_400, call=None)),
    ],
)
def test_without_a_short_strike_there_is_no_structure(kind: StructureKind, shorts: ShortStrikes) -> None:
    assert legs_of(kind, shorts) is None


@pytest.mark.parametrize("kind", NEVER_CHOSEN)
def test_what_is_never_chosen_has_no_legs_here(kind: StructureKind) -> None:
    """It has a name and a value; no strike makes a proposal of it."""
    assert legs_of(kind) is None


def test_a_spread_does_not_ask_for_the_strike_of_the_other_side() -> None:
    assert legs_of(StructureKind.BULL_PUT_SPREAD, ShortStrikes(put=24_400, call=None)) is not None
    assert legs_of(StructureKind.BEAR_CALL_SPREAD, ShortStrikes(put=None, call=25_200)) is not None


@pytest.mark.parametrize(
    ("kind", "shorts"),
    [
        (StructureKind.NEUTRAL_IRON_CONDOR, BOTH),
        (StructureKind.IRON_CONDOR, ONE),
        (StructureKind.DEFENSIVE_IRON_CONDOR, ONE),
        (StructureKind.IRON_CONDOR, ShortStrikes(put=25_200, call=24_400)),
    ],
)
def test_an_iron_flys_shorts_stand_at_one_strike_and_a_condors_apart(
    kind: StructureKind, shorts: ShortStrikes
) -> None:
    assert legs_of(kind, shorts) is None


def test_what_an_iron_fly_makes_and_loses_is_known() -> None:
    legs = legs_of(StructureKind.NEUTRAL_IRON_CONDOR, ONE)
    assert legs is not None
    # 150 points of credit, wings of 200: at the shorts all of it, beyond the wings 50 less than nothing.
    assert max_profit_points(legs, 150.0) == 150.0
    assert max_loss_points(legs, 150.0) == 50.0
    assert breakevens(legs, 150.0) == (24_650.0, 24_950.0)


@pytest.mark.parametrize("kind", TRADED)
@pytest.mark.parametrize("width", [50, 100, 300])
def test_every_structure_has_a_defined_risk_of_its_width(kind: StructureKind, width: int) -> None:
    shorts = ONE if kind is StructureKind.NEUTRAL_IRON_CONDOR else BOTH
    legs = legs_of(kind, shorts, width)
    assert legs is not None
    assert max_loss_points(legs, 0.0) == width
    strikes = [leg.contract.strike for leg in legs]
    assert strikes == sorted(strikes)
    assert sum(leg.side.sign for leg in legs) == 0
