"""A session on a given path: minute bars become a path, India VIX goes with it, the market follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator.test_market import DAY, OPEN, RULES, WEEKLY, assert_same
from volguard.model.market import DailyBar, FloatArray
from volguard.simulator.given_path import GivenPath, GivenPathMarket, path_of_minutes
from volguard.simulator.session import SessionRules, listed_contracts

VIX = DailyBar(day=DAY, open=20.0, high=30.0, low=18.0, close=25.0)
HOUR = replace(RULES, close_at=time(10, 15), expiries=RULES.expiries[:2])


def bars(*closes: float, start: float = 24_000.0) -> FloatArray:
    """Minutes that open at the close before and wander 10 points beyond both."""
    opened = np.array([start, *closes[:-1]])
    closed = np.array(closes)
    return np.column_stack([opened, np.maximum(opened, closed) + 10, np.minimum(opened, closed) - 10, closed])


def falling_hour(fall: float = 0.06) -> GivenPath:
    """Sixty minutes: up a little, down by `fall` in the forty-fifth, half of it back."""
    turns = np.interp(np.arange(1, 61), [0, 5, 45, 60], [0.0, 0.004, -fall, -fall / 2])
    return path_of_minutes(bars(*(24_000.0 * (1.0 + turns))), VIX, last_close=24_100.0)


def market(path: GivenPath, rules: SessionRules = HOUR, cadence_s: float = 15.0) -> GivenPathMarket:
    return GivenPathMarket(seed=1, rules=rules, path=path, cadence_s=cadence_s)


def test_a_rising_minute_dips_first_and_a_falling_one_peaks_first() -> None:
    """Open, low, high, close when it closes higher or level; open, high, low, close when lower."""
    path = path_of_minutes(bars(24_050.0, 23_900.0), VIX, last_close=24_000.0)
    assert path.spot.tolist() == [24_000, 23_990, 24_060, 24_050, 24_050, 24_060, 23_890, 23_900]
    assert path.time_s.tolist() == [0, 15, 30, 45, 60, 75, 90, 105]


closes = st.lists(st.floats(min_value=20_000.0, max_value=28_000.0), min_size=2, max_size=40)
vix_values = st.lists(st.floats(min_value=8.0, max_value=90.0), min_size=4, max_size=4).map(sorted)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(closes=closes, values=vix_values)
def test_vix_touches_its_four_prices_and_never_leaves_them(closes: list[float], values: list[float]) -> None:
    """Open and close at the ends, low and high where the index is highest and lowest in between."""
    low, opened, close, high = values
    vix = DailyBar(day=DAY, open=opened, high=high, low=low, close=close)
    path = path_of_minutes(bars(*closes), vix, last_close=24_000.0)
    inner = path.spot[1:-1]
    assert path.level[0] == pytest.approx(opened / 100)
    assert path.level[-1] == pytest.approx(close / 100)
    assert path.level[1 + inner.argmax()] == pytest.approx(low / 100)
    assert path.level[1 + inner.argmin()] == pytest.approx(high / 100)
    assert (path.level >= low / 100 * (1 - 1e-12)).all()
    assert (path.level <= high / 100 * (1 + 1e-12)).all()


def test_between_two_of_them_vix_goes_its_way_as_the_index_does() -> None:
    """Half of the index's log move from its high to its low is half of VIX's log move between the two."""
    path = falling_hour()
    start, stop = int(path.spot.argmax()), int(path.spot.argmin())
    way = np.log(path.spot[start:stop] / path.spot[start]) / np.log(path.spot[stop] / path.spot[start])
    np.testing.assert_allclose(path.level[start:stop], 0.18 * (30.0 / 18.0) ** way, rtol=1e-12)


def test_where_the_index_ends_as_it_began_vix_goes_with_the_time() -> None:
    """No move of the index to share out: the way is shared out by time."""
    spot_ends_where_its_low_was = np.array(
        [[100.0, 104.0, 99.0, 103.0], [103.0, 103.0, 90.0, 95.0], [95.0, 99.0, 90.0, 90.0]]
    )
    path = path_of_minutes(spot_ends_where_its_low_was, VIX, last_close=100.0)
    at_high = 1 + int(path.spot[1:-1].argmin())
    assert path.spot[at_high] == path.spot[-1]
    logs = np.log(path.level[at_high:])
    np.testing.assert_allclose(np.diff(logs), np.log(25.0 / 30.0) / (len(logs) - 1), rtol=1e-9)


@pytest.mark.parametrize(
    ("minutes", "vix", "text"),
    [
        (np.zeros((0, 4)), VIX, r"shape \(0, 4\), must be \(minutes, 4\)"),
        (np.ones((3, 3)), VIX, r"shape \(3, 3\)"),
        (np.full((3, 4), 100.0), VIX, "the index does not move"),
        (bars(24_050.0), replace(VIX, low=None), "of India VIX on 2026-09-16 only the close is known"),
        (-bars(24_050.0), VIX, "price was -24000.0"),
        (bars(24_050.0, float("nan")), VIX, "price was nan"),
        (bars(24_050.0), replace(VIX, high=24.0), "was 20.0, 24.0, 18.0, 25.0, which is no open, high"),
    ],
)
def test_bars_that_make_no_path_are_refused(minutes: FloatArray, vix: DailyBar, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        path_of_minutes(minutes, vix, last_close=24_000.0)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"spot": np.ones(3)}, "had 240, 3 and 240 rows"),
        ({"time_s": np.arange(240) + 1.0}, "must start at 0 and rise by at most a minute"),
        ({"time_s": np.arange(240) * 61.0}, "must start at 0 and rise by at most a minute"),
        ({"time_s": np.zeros(240)}, "must start at 0 and rise by at most a minute"),
        ({"level": np.zeros(240)}, "level was 0.0, must be above 0 and finite everywhere"),
        ({"last_close": 0.0}, "last_close was 0.0, must be above 0"),
    ],
)
def test_columns_that_are_no_path_are_refused(change: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        replace(falling_hour(), **change)  # type: ignore[arg-type]


def test_a_path_shorter_than_the_session_makes_no_market() -> None:
    with pytest.raises(ValueError, match="the path ends 3585 s after the open, asked was 3885"):
        market(falling_hour(), replace(HOUR, close_at=time(10, 20)))


def test_each_snapshot_stands_on_the_path() -> None:
    """At the path's own times the very prices; between them straight lines."""
    path = falling_hour()
    shots = list(market(path).snapshots())
    assert len(shots) == len(path.spot) == 240
    np.testing.assert_allclose([shot.underlying_ltp for shot in shots], path.spot, atol=0.005)
    np.testing.assert_allclose([shot.vix for shot in shots], path.level, atol=5e-7)
    between = next(islice(market(path, cadence_s=10.0).snapshots(), 1, None))
    assert between.underlying_ltp == pytest.approx(
        path.spot[0] + (path.spot[1] - path.spot[0]) * 2 / 3, abs=0.01
    )


def test_the_same_arguments_are_the_same_market_and_others_another() -> None:
    """Quotes to the last byte, also from the middle on; the digest tells paths, seeds, cadences apart."""
    whole = list(market(falling_hour()).snapshots())
    for a, b in zip(whole[100:130], market(falling_hour()).snapshots(after=whole[99].ts), strict=False):
        assert_same(a, b)
    digests = {
        market(falling_hour()).info.digest,
        market(falling_hour(0.05)).info.digest,
        market(falling_hour(), cadence_s=30.0).info.digest,
        market(replace(falling_hour(), last_close=24_200.0)).info.digest,
        GivenPathMarket(seed=2, rules=HOUR, path=falling_hour()).info.digest,
        market(falling_hour(), replace(HOUR, lot_size=75)).info.digest,
    }
    assert len(digests) == 6
    assert market(falling_hour()).info == market(falling_hour()).info


def test_strikes_are_listed_wherever_the_index_goes() -> None:
    """From 8 % below the day's low to 8 % above its high or the last close, whichever is higher."""
    path = falling_hour(0.09)
    listing = next(market(path).snapshots()).listing
    strikes = listing.strike[listing.rows_of(WEEKLY)]
    top = max(path.last_close, float(path.spot.max()))
    assert strikes.min() == np.ceil(path.spot.min() * 0.92 / 50) * 50
    assert strikes.max() == np.floor(top * 1.08 / 50) * 50
    np.testing.assert_array_equal(
        listed_contracts(HOUR, 24_000.0).strike, listed_contracts(HOUR, 24_000.0, 24_000.0).strike
    )


def test_what_comes_into_the_money_is_quoted_there() -> None:
    """Strikes far out at the open have both sides when the index has fallen to them."""
    path = falling_hour()
    at_low = next(islice(market(path).snapshots(), int(path.spot.argmin()), None))
    rows = at_low.listing.rows_of(WEEKLY)
    assert at_low.underlying_ltp is not None
    near = np.abs(at_low.listing.strike[rows] - at_low.underlying_ltp) < 300
    assert near.sum() > 20
    assert np.isfinite(at_low.bid[rows][near]).all()
    assert np.isfinite(at_low.ask[rows][near]).all()


def test_a_higher_level_widens_the_spreads_and_nothing_else_does() -> None:
    """Stress is 0 at or below the opening level and 1 at the rise of a made-up crash."""
    path = falling_hour()
    course = path.at(path.time_s)
    assert (course.stress[path.level <= path.level[0]] == 0.0).all()
    assert course.stress[path.level.argmax()] == pytest.approx(np.sqrt(0.10 / 0.13))
    lifted = replace(path, level=path.level + np.linspace(0.0, 0.2, 240))
    assert lifted.at(path.time_s).stress[-1] == 1.0


def test_the_source_says_what_it_is() -> None:
    info = market(falling_hour()).info
    assert (info.kind, info.label, info.trading_date) == ("simulator", "given path seed 1", date(2026, 9, 16))
    can = info.capabilities
    assert (can.spot, can.vix, can.quote_time, can.depth, can.cadence_s) == (True, True, True, False, 15.0)
    assert next(market(falling_hour()).snapshots(after=OPEN)).ts == OPEN + timedelta(seconds=15)
