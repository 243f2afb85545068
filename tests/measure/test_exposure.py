"""Position Greeks are signed units times the Greeks of one unit; a leg without Greeks leaves no figure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tests.chains import (
    FORWARD,
    LOT,
    MONTHLY,
    RATE,
    SIGMA,
    WEEKLY,
    call,
    flat_vol_snapshot,
    put,
    view_of,
    with_cells,
    with_column,
    years_of,
)
from volguard.measure.exposure import FLAT, exposure_of
from volguard.model.book import Position
from volguard.model.instrument import OptionContract
from volguard.pricing.black76 import price

EXACT = flat_vol_snapshot(tick=None)
VIEW = view_of(EXACT)
CONDOR = (
    Position(contract=put(24_100), quantity=LOT),
    Position(contract=put(24_400), quantity=-LOT),
    Position(contract=call(25_200), quantity=-LOT),
    Position(contract=call(25_500), quantity=LOT),
)


def worth(positions: Sequence[Position], *, forward: float = FORWARD, sigma: float = SIGMA) -> float:
    """Rupees by Black-76 with everything else unchanged."""
    total = 0.0
    for position in positions:
        contract = position.contract
        t = float(years_of(EXACT.listing, EXACT.ts)[EXACT.listing.expiries.index(contract.expiry)])
        discount = math.exp(-RATE * t)
        is_call = contract.option_type == "CE"
        total += position.quantity * float(price(forward, contract.strike, t, sigma, is_call, discount))
    return total


def test_no_position_has_no_exposure() -> None:
    assert exposure_of(VIEW, ()) == FLAT
    assert exposure_of(VIEW, ()) is not None


def test_a_sold_condor_is_short_gamma_and_vega_and_earns_theta() -> None:
    exposure = exposure_of(VIEW, CONDOR)
    assert exposure is not None
    assert exposure.gamma < 0 and exposure.vega_per_pt < 0 and exposure.gamma_pnl_1pct_inr < 0
    assert exposure.theta_per_day > 0


def test_rupees_for_a_move_agree_with_repricing_the_position() -> None:
    exposure = exposure_of(VIEW, CONDOR)
    assert exposure is not None
    step = 1e-4
    up, down = (worth(CONDOR, forward=FORWARD * (1 + move)) for move in (step, -step))
    here = worth(CONDOR)
    slope = (up - down) / (2 * step) * 0.01
    bend = 0.5 * (up - 2 * here + down) / step**2 * 0.01**2
    # A percent of the forward is a percent of the index to within the discount.
    assert exposure.delta_pnl_1pct_inr == pytest.approx(slope, rel=5e-3)
    assert exposure.gamma_pnl_1pct_inr == pytest.approx(bend, rel=5e-3)
    vega = (worth(CONDOR, sigma=SIGMA + 1e-4) - worth(CONDOR, sigma=SIGMA - 1e-4)) / 2e-4 * 0.01
    assert exposure.vega_per_pt == pytest.approx(vega, rel=1e-4)


def test_a_long_and_a_short_of_the_same_contract_cancel() -> None:
    both = (*CONDOR, *(Position(contract=p.contract, quantity=-p.quantity) for p in CONDOR))
    exposure = exposure_of(VIEW, both)
    assert exposure is not None
    assert exposure.delta == pytest.approx(0.0, abs=1e-9)
    assert exposure.vega_per_pt == pytest.approx(0.0, abs=1e-9)


def test_twice_the_units_are_twice_the_exposure() -> None:
    one, two = (
        exposure_of(VIEW, [Position(contract=put(24_400), quantity=-units)]) for units in (LOT, 2 * LOT)
    )
    assert one is not None and two is not None
    assert two.delta == pytest.approx(2 * one.delta, rel=1e-8)
    assert two.gamma_pnl_1pct_inr == pytest.approx(2 * one.gamma_pnl_1pct_inr, rel=1e-8)


@pytest.mark.parametrize("contract", [call(30_000), call(25_200, MONTHLY.replace(month=10))])
def test_a_leg_that_is_not_listed_leaves_the_whole_book_without_a_figure(contract: OptionContract) -> None:
    assert exposure_of(VIEW, [*CONDOR, Position(contract=contract, quantity=-LOT)]) is None


def test_a_leg_without_a_volatility_leaves_the_whole_book_without_a_figure() -> None:
    blank = with_cells(EXACT, put(24_400), bid=math.nan)
    blank = with_cells(blank, call(24_400), ask=math.nan)
    assert exposure_of(view_of(blank), CONDOR) is None
    assert exposure_of(view_of(blank), CONDOR[2:]) is not None


def test_an_expiry_without_a_forward_has_no_exposure() -> None:
    ask = EXACT.ask.copy()
    ask[EXACT.listing.rows_of(WEEKLY)] = np.nan
    view = view_of(with_column(EXACT, ask=ask))
    assert exposure_of(view, CONDOR) is None
    assert exposure_of(view, [Position(contract=put(24_400, MONTHLY), quantity=-LOT)]) is not None
