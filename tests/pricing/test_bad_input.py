"""From quotes to a surface: bad rows abstain with their reason, step by step, and nothing raises for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from tests.fakes import shipped
from volguard.model.instrument import Underlying
from volguard.model.market import FloatArray, Listing
from volguard.model.units import IST
from volguard.pricing.black76 import Greeks, greeks, price
from volguard.pricing.fallback import build_surface, carry_surface
from volguard.pricing.forward import Forwards, ForwardStatus, imply_forwards
from volguard.pricing.implied_vol import ImpliedVol, IvStatus, implied_vol
from volguard.pricing.quote_flags import FlagArray, PricedRows, QuoteFlag, StrikeGrid, flag_quotes
from volguard.pricing.slices import SmileSource
from volguard.pricing.smile import FitStatus, quoted_smiles
from volguard.pricing.surface import Surface

NOW = datetime(2025, 8, 29, 10, 0, tzinfo=IST)
EXPIRIES = (date(2025, 9, 2), date(2025, 9, 9))
YEARS = np.array([4.0, 11.0]) / 365.0
LADDER = 25_000.0 + 50.0 * np.arange(-20, 21)
FORWARD, SIGMA, TICK = 25_000.0, 0.2, 0.05
ROW = 9  # the put of the fifth strike of the first expiry

Spoil = Callable[[FloatArray], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """What each step made of one chain of two expiries."""

    forwards: Forwards
    vols: ImpliedVol
    greeks: Greeks
    flags: FlagArray
    surface: Surface
    carried: Surface


def steps(
    *,
    ladder: FloatArray = LADDER,
    bid: Spoil | None = None,
    ask: Spoil | None = None,
    years: Spoil | None = None,
) -> Steps:
    listing = Listing(
        underlying=Underlying("NIFTY"),
        expiries=EXPIRIES,
        offsets=np.arange(3) * 2 * len(ladder),
        strike=np.tile(np.repeat(ladder, 2), 2),
        is_call=np.tile([True, False], 2 * len(ladder)),
    )
    at, t = listing.expiry_index, YEARS.copy()
    fair = price(FORWARD, listing.strike, t[at], SIGMA, listing.is_call, np.exp(-0.06 * t)[at])
    bids, asks = fair - TICK, fair + TICK
    for spoil, column in ((bid, bids), (ask, asks), (years, t)):
        if spoil is not None:
            spoil(column)
    with np.errstate(all="ignore"):
        mid = 0.5 * (bids + asks)
    of = imply_forwards(listing, bids, asks, t)
    forward, discount = of.forward[at], of.discount[at]
    vols = implied_vol(mid, forward, listing.strike, t[at], listing.is_call, discount)
    settings = shipped()
    flags = flag_quotes(
        StrikeGrid(listing=listing),
        PricedRows(bid=bids, ask=asks, mid=mid, forward=forward, discount=discount),
        previous_mid=fair,
        quote_age_s=np.zeros(len(listing)),
        cadence_s=60.0,
        tick=TICK,
        settings=settings.quotes,
    )
    smiles = quoted_smiles(
        listing,
        bid=bids,
        ask=asks,
        iv=vols.sigma,
        usable=(flags & np.uint16(QuoteFlag.NO_BID | QuoteFlag.NO_ASK | QuoteFlag.CROSSED)) == 0,
        forward=of.forward,
        discount=of.discount,
        years=t,
        tick=TICK,
    )
    surface = build_surface(EXPIRIES, smiles, ts=NOW, level=FORWARD, previous=None, limits=settings.smile)
    return Steps(
        forwards=of,
        vols=vols,
        greeks=greeks(forward, listing.strike, t[at], vols.sigma, listing.is_call, discount),
        flags=flags,
        surface=surface,
        carried=carry_surface(surface, smiles, ts=NOW + timedelta(minutes=1), limits=settings.smile),
    )


def put(at: int | slice, value: float) -> Spoil:
    def spoil(column: FloatArray) -> None:
        column[at] = value

    return spoil


def is_drawn(of: Steps) -> list[bool]:
    found = np.isfinite(of.surface.expiry_sigma(FORWARD, np.arange(2)))
    np.testing.assert_array_equal(np.isfinite(of.carried.expiry_sigma(FORWARD, np.arange(2))), found)
    return list(found.tolist())


def test_a_clean_chain_goes_through_every_step() -> None:
    of = steps()
    assert of.forwards.is_known.all() and is_drawn(of) == [True, True]
    assert not of.flags.any() and not of.vols.status.any()
    np.testing.assert_allclose(of.surface.expiry_sigma(FORWARD, np.arange(2)), SIGMA, atol=1e-4)


@pytest.mark.parametrize("ladder", [[], [25_000.0], [25_000.0, 25_050.0], [np.nan] * 3])
def test_a_chain_too_short_for_a_forward_has_no_surface_and_says_so(ladder: list[float]) -> None:
    of = steps(ladder=np.array(ladder))
    assert set(of.forwards.status.tolist()) == {ForwardStatus.TOO_FEW_PAIRS}
    assert set(of.vols.status.tolist()) <= {IvStatus.MISSING}
    assert of.surface.source.tolist() == [SmileSource.NONE] * 2
    assert of.surface.reason.tolist() == [FitStatus.NO_FORWARD] * 2
    assert is_drawn(of) == [False, False]


@pytest.mark.parametrize("value", [0.0, np.nan, -1.0])
def test_without_bids_no_step_invents_one(value: float) -> None:
    of = steps(bid=put(slice(None), value))
    assert set(of.forwards.status.tolist()) == {ForwardStatus.TOO_FEW_PAIRS}
    assert np.all(of.flags & QuoteFlag.NO_BID)
    assert set(of.vols.status.tolist()) == {IvStatus.MISSING}
    assert of.surface.reason.tolist() == [FitStatus.NO_FORWARD] * 2


def test_crossed_quotes_are_flagged_and_pin_nothing() -> None:
    def lift(column: FloatArray) -> None:
        column += 4.0 * TICK

    of = steps(bid=lift)
    assert np.all(of.flags & QuoteFlag.CROSSED)
    assert of.surface.reason.tolist() == [FitStatus.NO_FORWARD] * 2
    assert is_drawn(of) == [False, False]


@pytest.mark.parametrize("value", [-1.0, 0.0, np.nan])
def test_an_expiry_without_time_abstains_and_the_other_stands(value: float) -> None:
    of = steps(years=put(0, value))
    assert of.forwards.status.tolist() == [ForwardStatus.NO_TIME, ForwardStatus.OK]
    half = len(of.vols.status) // 2
    assert set(of.vols.status[:half].tolist()) == {IvStatus.MISSING} and not of.vols.status[half:].any()
    assert np.isnan(of.greeks.delta[:half]).all() and np.isfinite(of.greeks.delta[half:]).all()
    assert of.surface.reason[0] == FitStatus.NO_FORWARD
    assert is_drawn(of) == [False, True]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, -5.0])
@pytest.mark.parametrize("side", ["bid", "ask"])
def test_one_bad_side_is_absent_and_no_other_row_notices(side: str, value: float) -> None:
    of, clean = steps(**{side: put(ROW, value)}), steps()
    flag = QuoteFlag.NO_BID if side == "bid" else QuoteFlag.NO_ASK
    np.testing.assert_array_equal(np.flatnonzero(of.flags & flag), [ROW])
    np.testing.assert_allclose(of.forwards.forward, clean.forwards.forward, rtol=1e-7)
    others = np.arange(len(of.flags)) != ROW
    assert not of.vols.status[others].any()
    assert is_drawn(of) == [True, True]
    assert np.isnan(of.surface.smiles.sigma[0, ROW // 2])
    np.testing.assert_allclose(
        of.surface.expiry_sigma(LADDER, 0), clean.surface.expiry_sigma(LADDER, 0), atol=1e-3
    )


@pytest.mark.parametrize(
    ("at", "strike", "reason"),
    [
        (4, LADDER[3], FitStatus.DUPLICATE_STRIKES),
        (4, LADDER[2], FitStatus.OUT_OF_ORDER),
    ],
)
def test_rows_doubled_or_out_of_order_are_priced_but_not_fitted(
    at: int, strike: float, reason: FitStatus
) -> None:
    ladder = LADDER.copy()
    ladder[at] = strike
    of = steps(ladder=ladder)
    assert of.forwards.is_known.all() and not of.vols.status.any()
    assert of.surface.reason.tolist() == [reason] * 2
    assert of.surface.source.tolist() == [SmileSource.NONE] * 2
    # From the same strike and time comes the same volatility and delta.
    same = np.flatnonzero(np.repeat(ladder, 2) == strike)
    assert np.ptp(of.vols.sigma[same]) < 1e-9 and np.ptp(of.greeks.gamma[same]) < 1e-12


@pytest.mark.parametrize("value", [np.nan, 0.0, -100.0, np.inf])
def test_a_strike_that_is_no_strike_is_left_out(value: float) -> None:
    ladder = LADDER.copy()
    ladder[-1] = value
    of = steps(ladder=ladder)
    rows = np.flatnonzero(of.vols.status == IvStatus.MISSING)
    np.testing.assert_array_equal(rows, [80, 81, 162, 163])
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(of.greeks.price)), rows)
    assert of.forwards.is_known.all()


def test_every_strike_alike_is_no_chain() -> None:
    of = steps(ladder=np.full(41, FORWARD))
    assert not of.forwards.is_known.any()
    assert is_drawn(of) == [False, False]
