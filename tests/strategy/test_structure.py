"""Every structure has its longs beyond its shorts, lowest strike first."""

from __future__ import annotations

import pytest

from tests.chains import NIFTY, WEEKLY, bought, call, condor, put, sold
from volguard.measure.payoff import max_loss_points
from volguard.model.book import Leg, StructureKind
from volguard.strategy.structure import ShortStrikes, structure_legs

BOTH = ShortStrikes(put=24_400, call=25_200)


def legs_of(kind: StructureKind, shorts: ShortStrikes = BOTH, width: int = 200) -> tuple[Leg, ...] | None:
    return structure_legs(kind, NIFTY, WEEKLY, shorts, width)


def test_each_structure_has_its_legs() -> None:
    assert legs_of(StructureKind.IRON_CONDOR) == condor(24_200, 24_400, 25_200, 25_400)
    assert legs_of(StructureKind.BULL_PUT_SPREAD) == (bought(put(24_200)), sold(put(24_400)))
    assert legs_of(StructureKind.BEAR_CALL_SPREAD) == (sold(call(25_200)), bought(call(25_400)))


@pytest.mark.parametrize(
    ("kind", "shorts"),
    [
        (StructureKind.IRON_CONDOR, ShortStrikes(put=None, call=25_200)),
        (StructureKind.IRON_CONDOR, ShortStrikes(put=24_400, call=None)),
        (StructureKind.BULL_PUT_SPREAD, ShortStrikes(put=None, call=25_200)),
        (StructureKind.BEAR_CALL_SPREAD, ShortStrikes(put=24_400, call=None)),
    ],
)
def test_without_a_short_strike_there_is_no_structure(kind: StructureKind, shorts: ShortStrikes) -> None:
    assert legs_of(kind, shorts) is None


def test_a_spread_does_not_ask_for_the_strike_of_the_other_side() -> None:
    assert legs_of(StructureKind.BULL_PUT_SPREAD, ShortStrikes(put=24_400, call=None)) is not None
    assert legs_of(StructureKind.BEAR_CALL_SPREAD, ShortStrikes(put=None, call=25_200)) is not None


@pytest.mark.parametrize("kind", [kind for kind in StructureKind if kind is not StructureKind.ADOPTED])
@pytest.mark.parametrize("width", [50, 100, 300])
def test_every_structure_has_a_defined_risk_of_its_width(kind: StructureKind, width: int) -> None:
    legs = legs_of(kind, width=width)
    assert legs is not None
    assert max_loss_points(legs, 0.0) == width
    strikes = [leg.contract.strike for leg in legs]
    assert strikes == sorted(strikes)
    assert sum(leg.side.sign for leg in legs) == 0
