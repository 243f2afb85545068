"""Modelled chains list what the rules list, price it by the model, and quote it on the tick."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from tests.backtest.modelled import chains, clock, shipped_tables, state_of
from tests.chains import DAY, MONTHLY, NOW, WEEKLY, shipped_rules
from volguard.backtest.chain_model import MarketState, smiles
from volguard.backtest.modelled_chain import BLOCK
from volguard.model.errors import DataError, DateNotCovered
from volguard.model.market import COLUMNS, ChainSnapshot
from volguard.model.units import IST
from volguard.pricing.black76 import price
from volguard.pricing.forward import imply_forwards

LEVEL = 24_813.7


def now() -> MarketState:
    """The index at LEVEL, where it stood when VIX was known."""
    return state_of(LEVEL, vix=0.12)


def one() -> ChainSnapshot:
    return chains().snapshots([NOW], now(), [chains().listing(DAY, LEVEL)])[0]


def test_the_two_nearest_expiries_with_81_strikes_around_the_money() -> None:
    """Sorted by expiry, strike, call before put; steps and expiries by the dated rules."""
    listing = chains().listing(DAY, LEVEL)
    assert listing.expiries == (WEEKLY, date(2025, 9, 16))
    assert len(listing) == 2 * 81 * 2
    strikes = listing.strike[listing.rows_of(WEEKLY)][::2]
    assert strikes.tolist() == [22_800.0 + 50.0 * i for i in range(81)]
    assert listing.is_call.tolist() == [True, False] * 162
    assert len(listing.pairs[0]) == 162


@pytest.mark.parametrize(
    ("day", "level", "expiries", "lot"),
    [
        (date(2019, 6, 3), 12_000.0, (date(2019, 6, 6), date(2019, 6, 13)), 75),
        (date(2021, 11, 1), 17_900.0, (date(2021, 11, 3), date(2021, 11, 11)), 50),
        (date(2024, 6, 3), 23_000.0, (date(2024, 6, 6), date(2024, 6, 13)), 25),
        (date(2025, 9, 3), 24_800.0, (date(2025, 9, 9), date(2025, 9, 16)), 75),
    ],
)
def test_expiries_and_lots_follow_the_date(
    day: date, level: float, expiries: tuple[date, ...], lot: int
) -> None:
    """Thursdays until August 2025, Tuesdays since, rolled back before holidays; sizes in lots of the day."""
    listing = chains().listing(day, level)
    assert listing.expiries == expiries
    ts = datetime.combine(day, NOW.timetz())
    shot = chains().snapshots([ts], state_of(level), [listing])[0]
    assert np.all(shot.ask_qty % lot == 0)
    assert np.all(shot.ask_qty >= lot)


def test_more_expiries_reach_the_monthly_and_no_further_than_the_model() -> None:
    """Weekly and monthly ones alone: there are seven, quarters are not modelled."""
    assert MONTHLY in chains(expiries=4).listing(DAY, LEVEL).expiries
    assert len(chains(expiries=7).listing(DAY, LEVEL).expiries) == 7
    with pytest.raises(DateNotCovered, match="8 expiries of NIFTY"):
        chains(expiries=8).listing(DAY, LEVEL)


def test_outside_the_rules_it_refuses() -> None:
    """A date before the tables is an error, not the first row of them."""
    with pytest.raises(DateNotCovered):
        chains().listing(date(2018, 12, 31), 10_800.0)


def test_every_touch_is_on_the_tick_and_none_is_crossed() -> None:
    """Exact decimal prices; a bid below a tick is absent and shows no size."""
    ts = datetime(2025, 9, 9, 14, 0, tzinfo=IST)  # on expiry day the far strikes are worth nothing
    shot = chains().snapshots([ts], now(), [chains().listing(ts.date(), LEVEL)])[0]
    assert all(Decimal(repr(value)) % Decimal("0.05") == 0 for value in shot.ask.tolist())
    has_bid = np.isfinite(shot.bid)
    assert 0 < np.count_nonzero(~has_bid) < len(shot.bid) / 2
    assert all(Decimal(repr(value)) % Decimal("0.05") == 0 for value in shot.bid[has_bid].tolist())
    assert np.all(shot.ask[has_bid] - shot.bid[has_bid] >= 0.05 - 1e-9)
    assert np.all(shot.bid[has_bid] >= 0.05)
    assert np.all((shot.bid_qty > 0) == has_bid)


def test_what_the_model_does_not_know_is_not_made_up() -> None:
    """No volume, no open interest, no last trade, no vendor's volatility; quotes are of the moment."""
    shot = one()
    assert not shot.volume.any()
    assert not shot.oi.any()
    assert np.isnan(shot.ltp).all()
    assert np.isnan(shot.vendor_iv).all()
    assert shot.quote_age_s is not None
    assert not shot.quote_age_s.any()
    assert (shot.underlying_ltp, shot.vix, shot.ts) == (LEVEL, 0.12, NOW)


def test_prices_are_black_76_at_the_models_volatility() -> None:
    """Calls and puts priced one by one equal the chain, whose in-the-money side comes from parity."""
    made, listing = chains(), chains().listing(DAY, LEVEL)
    values = made.values([NOW], now(), [listing])
    left = clock().left(NOW, listing.expiries)
    found = smiles(shipped_tables().smile, now(), left)
    carry = shipped_tables().carry_timeline.at(DAY).per_year
    mid = values.mid.reshape(-1)
    for row in range(0, len(listing), 7):
        at = int(listing.expiry_index[row])
        years = left.years[at]
        forward, strike = LEVEL * np.exp(carry * years), listing.strike[row]
        sigma = np.sqrt(
            replace(found, theta=found.theta[at]).total_variance(np.log(strike / forward)) / years
        )
        alone = price(forward, strike, years, sigma, listing.is_call[row], np.exp(-carry * years))
        assert mid[row] == pytest.approx(float(alone), abs=1e-8)


def test_mids_hold_parity_and_quotes_give_the_forward_back() -> None:
    """C - P = D (F - K) at every strike; the forward implied by the touch is the carried index."""
    shot, listing = one(), chains().listing(DAY, LEVEL)
    values = chains().values([NOW], now(), [listing])
    carry, years = 0.066, clock().left(NOW, listing.expiries).years
    forward, discount = LEVEL * np.exp(carry * years), np.exp(-carry * years)
    strike = listing.strike.reshape(2, 81, 2)[..., 0]
    gap = values.mid[0, ..., 0] - values.mid[0, ..., 1]
    assert gap == pytest.approx(discount[:, None] * (forward[:, None] - strike), abs=1e-9)
    implied = imply_forwards(listing, shot.bid, shot.ask, years)
    assert implied.forward == pytest.approx(forward, rel=1e-4)


def test_the_same_question_has_the_same_answer() -> None:
    """Bit for bit, whether made alone, twice, or among many in blocks."""
    times = [NOW + timedelta(seconds=i) for i in range(BLOCK + 3)]
    levels = np.linspace(24_700.0, 24_900.0, len(times))
    state = replace(state_of(vix=0.12, count=len(times)), level=levels)
    listing = chains().listing(DAY, LEVEL)
    many = chains().snapshots(times, state, [listing] * len(times))
    assert [shot.ts for shot in many] == times
    for at in (0, BLOCK - 1, BLOCK, BLOCK + 2):
        alone = chains().snapshots([times[at]], state.take(np.array([at])), [listing])[0]
        for name in COLUMNS:
            assert np.array_equal(getattr(many[at], name), getattr(alone, name), equal_nan=True), name


def test_days_of_different_rules_can_be_made_at_once() -> None:
    """Each day has its own strikes, lots and carry."""
    days, levels = (date(2021, 6, 7), date(2024, 6, 3)), (15_700.0, 23_300.0)
    times = [datetime.combine(day, NOW.timetz()) for day in days]
    state = replace(state_of(count=2), level=np.array(levels), vix_level=np.array(levels))
    listings = [chains().listing(day, level) for day, level in zip(days, levels, strict=True)]
    both = chains().snapshots(times, state, listings)
    for i, shot in enumerate(both):
        alone = chains().snapshots([times[i]], state.take(np.array([i])), [listings[i]])[0]
        assert np.array_equal(shot.ask, alone.ask)
        assert np.array_equal(shot.ask_qty, alone.ask_qty)
    assert [int(np.gcd.reduce(shot.ask_qty)) for shot in both] == [75, 25]


def test_no_moment_makes_no_chain() -> None:
    """An empty day is empty."""
    assert chains().snapshots([], state_of(count=0), []) == []


@pytest.mark.parametrize("name", ["level", "vix", "vix_level", "range_volatility"])
@pytest.mark.parametrize("bad", [float("nan"), 0.0, -1.0])
def test_a_missing_input_is_refused(name: str, bad: float) -> None:
    """Whatever the model needs and does not have stops the day, with its name and the moment."""
    state = replace(now(), **{name: np.array([bad])})
    with pytest.raises(DataError, match=f"{name} was .* at 2025-09-03 11:00:00"):
        chains().snapshots([NOW], state, [chains().listing(DAY, LEVEL)])


def test_a_closed_expiry_is_refused() -> None:
    """After 15:30 of the expiry day its contracts have no price."""
    listing = chains().listing(WEEKLY, LEVEL)
    late = datetime(2025, 9, 9, 15, 31, tzinfo=IST)
    with pytest.raises(DataError, match="expiry 2025-09-09 had closed before 2025-09-09 15:31"):
        chains().snapshots([late], now(), [listing])
    assert chains().snapshots([late - timedelta(minutes=1)], now(), [listing])


def test_shapes_and_counts_are_checked() -> None:
    """As many states as moments, an odd number of strikes, and none below zero."""
    with pytest.raises(ValueError, match=r"level had the shape \(2,\), must be \(1,\)"):
        chains().snapshots([NOW], state_of(count=2), [chains().listing(DAY, LEVEL)])
    with pytest.raises(ValueError, match="strikes was 80"):
        chains(strikes=80)
    with pytest.raises(DataError, match="reach below 0"):
        chains(strikes=801).listing(DAY, 15_000.0)


def test_the_tables_cover_the_days_of_the_rules() -> None:
    """Every session of a year makes a chain whose quotes are priced."""
    calendar = shipped_rules().calendar
    days = calendar.trading_days(date(2023, 1, 1), date(2023, 12, 31))
    times = [clock().close(day) for day in days]
    made = chains()
    shots = made.snapshots(times, state_of(count=len(days)), [made.listing(day, 18_000.0) for day in days])
    assert len(shots) == len(days) > 240
    assert all(np.isfinite(shot.ask).all() for shot in shots)
