"""The made-up market: reproducible to the last byte, free of arbitrage, and with volatility worth selling."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volguard.model.instrument import ExpiryCycle, OptionContract, OptionType, Underlying
from volguard.model.market import ChainSnapshot, DailyBar, FloatArray
from volguard.model.units import IST
from volguard.simulator.history import SyntheticHistory
from volguard.simulator.index_path import Scenario, variance_clock
from volguard.simulator.market import SyntheticMarket
from volguard.simulator.session import SessionRules, listed_contracts
from volguard.simulator.valuation import DIVIDEND_YIELD, INTEREST_RATE, Valuation

DAY = date(2026, 9, 16)
WEEKLY, MONTHLY = date(2026, 9, 22), date(2026, 10, 27)
W, M, Q, H = ExpiryCycle.WEEKLY, ExpiryCycle.MONTHLY, ExpiryCycle.QUARTERLY, ExpiryCycle.HALF_YEARLY
EXPIRIES = (
    (WEEKLY, W),
    (date(2026, 9, 29), M),
    (date(2026, 10, 6), W),
    (date(2026, 10, 13), W),
    (date(2026, 10, 19), W),
    (MONTHLY, M),
    (date(2026, 11, 23), M),
    (date(2026, 12, 29), Q),
    (date(2027, 3, 30), Q),
    (date(2027, 6, 29), H),
    (date(2027, 12, 28), H),
    (date(2028, 6, 27), H),
    (date(2028, 12, 26), H),
    (date(2029, 6, 26), H),
    (date(2029, 12, 24), H),
    (date(2030, 6, 25), H),
    (date(2030, 12, 31), H),
    (date(2031, 6, 24), H),
)
WEEKDAYS = tuple(day for i in range(800, 0, -1) if (day := DAY - timedelta(days=i)).weekday() < 5)
RULES = SessionRules(
    underlying=Underlying("NIFTY"),
    trading_date=DAY,
    open_at=time(9, 15),
    close_at=time(15, 40),
    expiries=EXPIRIES,
    lot_size=65,
    tick=Decimal("0.05"),
    strike_step=50,
    trading_days=WEEKDAYS,
)
OPEN = datetime(2026, 9, 16, 9, 15, tzinfo=IST)
TICK = 0.05


def market(seed: int, scenario: Scenario = Scenario.CALM, cadence_s: float = 15.0) -> SyntheticMarket:
    return SyntheticMarket(seed=seed, rules=RULES, scenario=scenario, cadence_s=cadence_s)


@cache
def whole_day(seed: int, scenario: Scenario, cadence_s: float = 60.0) -> tuple[ChainSnapshot, ...]:
    """A whole session, made once for all tests that look at it."""
    return tuple(market(seed, scenario, cadence_s).snapshots())


def columns(snapshot: ChainSnapshot) -> dict[str, bytes]:
    """Every column of a snapshot as bytes."""
    names = ("bid", "bid_qty", "ask", "ask_qty", "ltp", "volume", "oi", "vendor_iv", "quote_age_s")
    return {name: getattr(snapshot, name).tobytes() for name in names}


def assert_same(a: ChainSnapshot, b: ChainSnapshot) -> None:
    assert (a.ts, a.underlying_ltp, a.vix) == (b.ts, b.underlying_ltp, b.vix)
    assert columns(a) == columns(b)
    np.testing.assert_array_equal(a.listing.strike, b.listing.strike)


def mids(snapshot: ChainSnapshot) -> FloatArray:
    return 0.5 * (snapshot.bid + snapshot.ask)


def atm_iv(snapshot: ChainSnapshot, expiry: date) -> float:
    """Vendor volatility of the call at the strike nearest to the forward."""
    rows = snapshot.listing.rows_of(expiry)
    strike = snapshot.listing.strike[rows]
    years = (datetime.combine(expiry, RULES.close_at, IST) - snapshot.ts).total_seconds() / (365 * 86_400)
    assert snapshot.underlying_ltp is not None
    forward = snapshot.underlying_ltp * np.exp((INTEREST_RATE - DIVIDEND_YIELD) * years)
    return float(snapshot.vendor_iv[rows][np.argmin(np.abs(strike - forward))])


def closes(bars: tuple[DailyBar, ...]) -> FloatArray:
    return np.array([bar.close for bar in bars])


def past_volatility(history: SyntheticHistory) -> tuple[FloatArray, FloatArray]:
    """EWMA 0.94 and 20-day realised volatility after each return, written out plainly."""
    returns = np.diff(np.log(closes(history.daily("NIFTY", DAY))))
    variance = float(np.mean(returns[:30] ** 2))
    ewma, realised = [], []
    for i, value in enumerate(returns):
        variance = 0.94 * variance + 0.06 * value**2
        ewma.append(np.sqrt(252 * variance))
        realised.append(returns[max(i - 19, 0) : i + 1].std(ddof=1) * np.sqrt(252) if i >= 19 else np.nan)
    return np.array(ewma), np.array(realised)


@pytest.mark.parametrize("scenario", list(Scenario))
def test_same_arguments_give_the_same_bytes(scenario: Scenario) -> None:
    for a, b in islice(
        zip(market(7, scenario).snapshots(), market(7, scenario).snapshots(), strict=True), 80
    ):
        assert_same(a, b)
    assert market(7, scenario).info == market(7, scenario).info


def test_another_seed_scenario_or_cadence_is_another_market() -> None:
    digests = {
        market(1).info.digest,
        market(2).info.digest,
        market(1, Scenario.CRASH).info.digest,
        market(1, cadence_s=30.0).info.digest,
        SyntheticMarket(seed=1, rules=replace(RULES, lot_size=75)).info.digest,
    }
    assert len(digests) == 5
    assert columns(next(market(1).snapshots())) != columns(next(market(2).snapshots()))


@settings(derandomize=True, max_examples=15, deadline=None)
@given(index=st.integers(min_value=0, max_value=384))
def test_starting_after_a_time_gives_the_very_same_later_snapshots(index: int) -> None:
    whole = whole_day(3, Scenario.SPIKE)
    later = list(islice(market(3, Scenario.SPIKE, 60.0).snapshots(after=whole[index].ts), 40))
    assert len(later) == min(len(whole) - index - 1, 40)
    for a, b in zip(later, whole[index + 1 :], strict=False):
        assert_same(a, b)


def test_a_time_between_snapshots_and_after_the_close_are_understood() -> None:
    source = market(3)
    assert next(source.snapshots(after=OPEN + timedelta(seconds=20))).ts == OPEN + timedelta(seconds=30)
    assert next(source.snapshots(after=OPEN - timedelta(hours=1))).ts == OPEN
    assert list(source.snapshots(after=OPEN + timedelta(hours=8))) == []


def test_the_session_runs_from_the_open_to_the_close_at_its_cadence() -> None:
    times = [snapshot.ts for snapshot in market(5).snapshots()]
    assert (len(times), times[0], times[-1]) == (
        1540,
        OPEN,
        OPEN + timedelta(hours=6, minutes=25, seconds=-15),
    )
    assert {b - a for a, b in pairwise(times)} == {timedelta(seconds=15)}


def test_the_source_gives_spot_vix_and_quote_ages_but_no_depth() -> None:
    source = market(5)
    can = source.info.capabilities
    assert (can.spot, can.vix, can.quote_time, can.depth, can.cadence_s) == (True, True, True, False, 15.0)
    assert (source.info.kind, source.info.label, source.info.trading_date) == (
        "simulator",
        "calm seed 5",
        DAY,
    )
    first = next(source.snapshots())
    assert first.underlying_ltp is not None and first.vix is not None and first.quote_age_s is not None


def test_listed_strikes_follow_the_step_and_thin_out_with_time() -> None:
    listing = whole_day(7, Scenario.CALM)[0].listing
    assert listing.expiries == tuple(expiry for expiry, _ in EXPIRIES)
    assert 1_400 <= len(listing) <= 1_700
    near, far = (np.unique(listing.strike[listing.rows_of(e)]) for e in (WEEKLY, date(2031, 6, 24)))
    assert set(np.diff(near)) == {50.0} and set(np.diff(far)) == {500.0}
    assert len(listing.pairs[0]) * 2 == len(listing)
    assert listing.row(
        OptionContract(underlying=RULES.underlying, expiry=WEEKLY, strike=24_500, option_type=OptionType.PUT)
    )


@pytest.mark.parametrize("scenario", list(Scenario))
def test_quotes_are_on_the_tick_uncrossed_and_in_whole_lots(scenario: Scenario) -> None:
    for snapshot in whole_day(2, scenario)[::20]:
        for price in (snapshot.bid, snapshot.ask, snapshot.ltp):
            ticks = price[np.isfinite(price)] / TICK
            np.testing.assert_allclose(ticks, np.round(ticks), atol=1e-6)
            assert (ticks > 0.5).all()
        both = np.isfinite(snapshot.bid) & np.isfinite(snapshot.ask)
        assert (snapshot.ask[both] > snapshot.bid[both]).all()
        for price, size in ((snapshot.bid, snapshot.bid_qty), (snapshot.ask, snapshot.ask_qty)):
            assert (size % 65 == 0).all()
            assert ((size > 0) == np.isfinite(price)).all()


def test_some_far_and_wing_quotes_are_missing_but_the_near_money_is_quoted() -> None:
    for snapshot in whole_day(2, Scenario.CALM)[::50]:
        assert 0.03 < np.isnan(snapshot.bid).mean() < 0.25
        assert 0.03 < np.isnan(snapshot.ask).mean() < 0.25
        for expiry in (WEEKLY, MONTHLY):
            rows = snapshot.listing.rows_of(expiry)
            assert snapshot.underlying_ltp is not None
            close = np.abs(snapshot.listing.strike[rows] - snapshot.underlying_ltp) < 700
            assert np.isfinite(mids(snapshot)[rows][close]).all()


def test_an_old_quote_is_the_quote_of_that_time() -> None:
    for earlier, later in pairwise(whole_day(2, Scenario.CALM)[64:96]):
        assert later.quote_age_s is not None
        kept = later.quote_age_s > 60.0
        assert kept.any()
        np.testing.assert_array_equal(later.bid[kept], earlier.bid[kept])
        assert (later.quote_age_s >= 0.0).all()
        rows = later.listing.rows_of(WEEKLY)
        assert np.median(later.quote_age_s[rows]) < 5.0


def test_volume_only_grows() -> None:
    for earlier, later in pairwise(whole_day(2, Scenario.CALM)[::25]):
        assert (later.volume >= earlier.volume).all()
        assert (np.isfinite(later.ltp) == (later.volume > 0)).all()


@pytest.mark.parametrize("level", [0.10, 0.15, 0.35])
def test_theory_is_free_of_arbitrage_in_strike_and_time(level: float) -> None:
    listing = listed_contracts(RULES, 24_500.0)
    valuation = Valuation(listing, RULES, open_level=0.15)
    theory = valuation.at(np.array([3_600.0]), spot=np.array([24_500.0]), level=np.array([level]))
    value = theory.value[0]
    for expiry in listing.expiries:
        rows = listing.rows_of(expiry)
        strike, call, put = listing.strike[rows][::2], value[rows][::2], value[rows][1::2]
        slope = np.diff(call) / np.diff(strike)
        assert (slope <= 0.0).all() and (slope >= -1.0).all()
        assert (np.diff(slope) >= -1e-9).all()  # convex
        parity = call - put
        np.testing.assert_allclose(np.diff(parity, 2), 0.0, atol=1e-6)  # linear in strike
        assert (put > 0.0).all()


def test_quoted_mids_keep_parity_within_their_spreads() -> None:
    snapshot = whole_day(4, Scenario.CALM)[100]
    rows = snapshot.listing.rows_of(WEEKLY)
    strike = snapshot.listing.strike[rows][::2]
    synthetic = (mids(snapshot)[rows][::2] - mids(snapshot)[rows][1::2]) + strike
    width = (snapshot.ask - snapshot.bid)[rows][::2] + (snapshot.ask - snapshot.bid)[rows][1::2]
    tight = width < 3.0
    assert tight.sum() > 20
    forward = np.median(synthetic[tight])
    assert (np.abs(synthetic - forward)[tight] < width[tight] + 0.5).all()


def test_variance_clock_runs_from_zero_to_one_and_is_quick_at_both_ends() -> None:
    share = variance_clock(np.linspace(0.0, 1.0, 101))
    assert share[0] == pytest.approx(0.0) and share[-1] == pytest.approx(1.0)
    pace = np.diff(share)
    assert (pace > 0.0).all()
    assert pace[0] > 1.5 * pace[50] and pace[-1] > 1.2 * pace[50]


@pytest.mark.parametrize("seed", range(6))
def test_each_scenario_is_the_day_it_says(seed: int) -> None:
    spots = {s: np.array([x.underlying_ltp for x in whole_day(seed, s)]) for s in Scenario}
    vixes = {s: np.array([x.vix for x in whole_day(seed, s)]) for s in Scenario}
    calm, trend, crash = (
        spots[s] / spots[s][0] - 1.0 for s in (Scenario.CALM, Scenario.TREND, Scenario.CRASH)
    )
    assert np.ptp(calm) < 0.012 and abs(calm[-1]) < 0.006
    assert 0.006 < trend[-1] < 0.02
    assert -0.08 < crash[-1] < -0.03
    assert abs(crash[len(crash) // 2]) < 0.012  # the morning is quiet
    assert vixes[Scenario.CRASH].max() > vixes[Scenario.CRASH][0] + 0.10
    fast = vixes[Scenario.SPIKE]
    assert (fast[3:] / fast[:-3]).max() > 1.08
    assert fast[-1] < fast[0] + 0.7 * (fast.max() - fast[0])
    quiet = vixes[Scenario.CALM]
    assert (quiet[3:] / quiet[:-3]).max() < 1.05


def test_stress_widens_spreads_and_shrinks_sizes() -> None:
    session = whole_day(1, Scenario.CRASH)
    before, during = session[60], session[-60]
    rows = before.listing.rows_of(WEEKLY)
    near = np.abs(before.listing.strike[rows] - 24_000) < 600
    width = [np.nanmedian((s.ask - s.bid)[rows][near] / mids(s)[rows][near]) for s in (before, during)]
    size = [np.median(s.bid_qty[rows][near]) for s in (before, during)]
    assert width[1] > 1.5 * width[0]
    assert size[1] < 0.6 * size[0]
    assert atm_iv(during, WEEKLY) > atm_iv(before, WEEKLY) + 0.08


@pytest.mark.parametrize("seed", range(21))
def test_implied_volatility_stands_above_what_the_index_delivered(seed: int) -> None:
    source = market(seed, cadence_s=60.0)
    ewma, realised = past_volatility(source.history)
    delivered = max(ewma[-1], realised[-1])
    for snapshot in islice(source.snapshots(), 0, 385, 128):
        for expiry in (WEEKLY, MONTHLY):
            assert atm_iv(snapshot, expiry) >= delivered + 0.025
    vix = closes(source.history.daily("INDIA_VIX", DAY)) / 100.0
    premium = (vix[1:] - 0.5 * (ewma + realised))[-252:]
    assert 0.025 < premium.mean() < 0.055
    assert 0.003 < premium.std() < 0.015
    assert premium[-1] > premium.mean()


@pytest.mark.parametrize("seed", range(8))
def test_a_weekly_condor_pays_for_its_risk(seed: int) -> None:
    snapshot = whole_day(seed, Scenario.CALM)[60]
    rows = snapshot.listing.rows_of(WEEKLY)
    strike, bid, ask, qty = (
        column[rows] for column in (snapshot.listing.strike, snapshot.bid, snapshot.ask, snapshot.bid_qty)
    )
    # 0.85 standard deviations out is a delta of about 0.20.
    reach = 0.85 * atm_iv(snapshot, WEEKLY) * np.sqrt(6.2 / 365) * 24_500
    call = 2 * int(np.argmax(strike[::2] >= snapshot.underlying_ltp + reach))
    put = 2 * int(np.argmax(strike[::2] >= snapshot.underlying_ltp - reach)) - 1
    shorts, longs = (call, put), (call + 8, put - 8)  # wings of four strikes: 200 points
    credit = sum(bid[i] for i in shorts) - sum(ask[i] for i in longs)
    half_spreads = sum(0.5 * (ask[i] - bid[i]) for i in (*shorts, *longs))
    brokerage = 8 * 20 * 1.18 / 65
    assert credit / 200.0 >= 0.12
    assert (2.0 * half_spreads + brokerage + 0.5) / credit <= 0.10
    assert all(ask[i] - bid[i] <= 0.3 for i in shorts)
    assert all(qty[i] >= 500 for i in shorts)


def test_history_ends_the_session_before_and_joins_it() -> None:
    source = market(11)
    index, vix = (source.history.daily(name, DAY) for name in ("NIFTY", "INDIA_VIX"))
    assert len(index) == len(vix) == 500
    assert index[-1].day == vix[-1].day == date(2026, 9, 15)
    assert all(
        bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in index + vix
    )
    first = next(source.snapshots())
    assert first.underlying_ltp == pytest.approx(index[-1].close, rel=0.003)
    assert first.vix == pytest.approx(vix[-1].close / 100.0, rel=0.03)
    assert source.history.origin == "simulator seed 11"
    assert source.history.daily("BANKNIFTY", DAY) == ()
    assert source.history.daily("NIFTY", index[10].day) == index[:10]


def test_made_up_returns_cluster_and_are_of_an_index() -> None:
    squares, volatility = [], []
    for seed in range(12):
        returns = np.diff(np.log(closes(market(seed).history.daily("NIFTY", DAY))))
        volatility.append(returns.std() * np.sqrt(252))
        size = np.abs(returns)
        squares.append(np.mean([np.corrcoef(size[:-lag], size[lag:])[0, 1] for lag in range(1, 11)]))
    assert 0.09 < np.mean(volatility) < 0.15
    assert np.mean(squares) > 0.01


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"expiries": ()}, "expiries must be given"),
        ({"expiries": ((date(2026, 9, 15), W),)}, "none before 2026-09-16"),
        ({"lot_size": 0}, "lot_size, strike_step and tick must be above 0"),
        ({"close_at": time(9, 0)}, "close_at was 09:00:00, must be after open_at 09:15:00"),
    ],
)
def test_rules_that_make_no_session_are_refused(change: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        replace(RULES, **change)  # type: ignore[arg-type]


def test_a_cadence_or_a_past_that_makes_no_session_is_refused() -> None:
    with pytest.raises(ValueError, match="cadence_s was 0"):
        market(1, cadence_s=0.0)
    with pytest.raises(ValueError, match="10 trading days before 2026-09-16, a history needs 60"):
        SyntheticMarket(seed=1, rules=replace(RULES, trading_days=WEEKDAYS[-10:]))
