"""Ten regimes: each rule at its threshold, who wins, what a missing figure does, dwell and hysteresis."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.volatility.real_data import daily
from volguard.model.market import DailyBar
from volguard.volatility.regime_history import (
    DEPARTURES_MIN,
    regime_history,
    transition_odds,
)
from volguard.volatility.regimes import (
    NO_TRACK,
    MarketRegime,
    RegimeFigures,
    RegimeSettings,
    RegimeTrack,
    advance_regime,
    judge_regime,
)

SETTINGS = RegimeSettings(
    low_percentile=25.0,
    high_percentile=75.0,
    five_session_change=0.10,
    crush_change=0.15,
    spike_change=0.08,
    pin_distance=0.003,
    pin_days_max=1.0,
    trend_distance_atr=1.0,
    trend_adx=25.0,
    mean_reversion_adx=20.0,
    exit_margin=0.1,
)
CALM = RegimeFigures(
    iv_percentile=50.0,
    iv_change_5_sessions=0.0,
    iv_change_1_session=0.0,
    event_passed=False,
    vix_change_180s=0.0,
    wall_distance=0.02,
    days_to_expiry=5.0,
    trend_distance_atr=0.5,
    adx=22.0,
)
M = MarketRegime


@pytest.mark.parametrize(
    ("regime", "inside", "outside"),
    [
        (M.LOW_VOL, {"iv_percentile": 24.0}, {"iv_percentile": 26.0}),
        (M.HIGH_VOL, {"iv_percentile": 76.0}, {"iv_percentile": 74.0}),
        (M.RISING, {"iv_change_5_sessions": 0.11}, {"iv_change_5_sessions": 0.09}),
        (M.FALLING, {"iv_change_5_sessions": -0.11}, {"iv_change_5_sessions": -0.09}),
        (M.VIX_SPIKE, {"vix_change_180s": 0.08}, {"vix_change_180s": 0.079}),
        (M.TREND, {"trend_distance_atr": -1.1, "adx": 26.0}, {"trend_distance_atr": -1.1, "adx": 24.0}),
        (M.TREND, {"trend_distance_atr": 1.1, "adx": 26.0}, {"trend_distance_atr": 0.9, "adx": 26.0}),
        (M.MEAN_REVERSION, {"adx": 19.0}, {"adx": 21.0}),
        (
            M.GAMMA_PIN,
            {"wall_distance": 0.002, "days_to_expiry": 0.5},
            {"wall_distance": 0.002, "days_to_expiry": 2.0},
        ),
        (
            M.EVENT_CRUSH,
            {"iv_change_1_session": -0.16, "event_passed": True},
            {"iv_change_1_session": -0.16, "event_passed": False},
        ),
    ],
)
def test_a_rule_holds_inside_its_threshold_and_not_outside(
    regime: MarketRegime, inside: dict[str, float], outside: dict[str, float]
) -> None:
    assert judge_regime(replace(CALM, **inside), SETTINGS).regime is regime
    assert judge_regime(replace(CALM, **outside), SETTINGS).regime is M.NEUTRAL


def test_what_can_hurt_soonest_wins() -> None:
    everything = replace(
        CALM, vix_change_180s=0.2, iv_percentile=90.0, trend_distance_atr=3.0, adx=40.0, wall_distance=0.0
    )
    assert judge_regime(everything, SETTINGS).regime is M.VIX_SPIKE
    assert judge_regime(replace(everything, vix_change_180s=0.0), SETTINGS).regime is M.TREND


def test_confidence_grows_with_the_distance_beyond_the_threshold() -> None:
    levels = [judge_regime(replace(CALM, iv_percentile=p), SETTINGS).confidence for p in (76.0, 85.0, 100.0)]
    assert levels == sorted(levels)
    assert levels[0] == pytest.approx(0.52) and levels[-1] == 1.0


def test_a_missing_figure_silences_its_rule_and_names_itself() -> None:
    judgement = judge_regime(replace(CALM, iv_percentile=None, adx=float("nan")), SETTINGS)
    assert judgement.regime is M.NEUTRAL
    assert judgement.confidence == pytest.approx(5 / 9)
    assert "HIGH_VOL: no iv_percentile" in judgement.missing
    assert "TREND: no adx" in judgement.missing


def test_without_any_figure_there_is_no_regime_not_even_neutral() -> None:
    judgement = judge_regime(RegimeFigures(), SETTINGS)
    assert judgement.regime is None
    assert len(judgement.missing) == 9
    assert advance_regime(NO_TRACK, judgement, at=0.0, dwell=30.0) == NO_TRACK


def test_the_regime_in_force_holds_on_until_it_is_clearly_over() -> None:
    fading = replace(CALM, iv_percentile=73.0)
    assert judge_regime(fading, SETTINGS).regime is M.NEUTRAL
    assert judge_regime(fading, SETTINGS, in_force=M.HIGH_VOL).regime is M.HIGH_VOL
    gone = replace(CALM, iv_percentile=72.0)
    assert judge_regime(gone, SETTINGS, in_force=M.HIGH_VOL).regime is M.NEUTRAL


def walk(looks: list[tuple[float, MarketRegime]]) -> list[RegimeTrack]:
    figures = {M.NEUTRAL: CALM, M.HIGH_VOL: replace(CALM, iv_percentile=95.0)}
    figures[M.VIX_SPIKE] = replace(CALM, vix_change_180s=0.1)
    track, out = NO_TRACK, []
    for at, regime in looks:
        track = advance_regime(track, judge_regime(figures[regime], SETTINGS), at=at, dwell=30.0)
        out.append(track)
    return out


def test_a_change_waits_for_its_dwell_and_a_flicker_starts_it_anew() -> None:
    looks = [(0, M.NEUTRAL), (10, M.HIGH_VOL), (20, M.NEUTRAL), (25, M.HIGH_VOL), (54, M.HIGH_VOL)]
    tracks = walk([*looks, (55, M.HIGH_VOL)])
    assert [track.regime for track in tracks] == [M.NEUTRAL] * 5 + [M.HIGH_VOL]
    assert tracks[4].duration(54) == 54.0
    assert tracks[5].since == 55.0


def test_a_spike_is_in_force_at_once_but_leaves_only_after_the_dwell() -> None:
    tracks = walk([(0, M.NEUTRAL), (1, M.VIX_SPIKE), (2, M.NEUTRAL), (31, M.NEUTRAL), (32, M.NEUTRAL)])
    assert [track.regime for track in tracks] == [M.NEUTRAL, M.VIX_SPIKE, M.VIX_SPIKE, M.VIX_SPIKE, M.NEUTRAL]


def test_settings_out_of_order_are_refused() -> None:
    for change, name in (
        ({"low_percentile": 80.0}, "low_percentile"),
        ({"mean_reversion_adx": 30.0}, "mean_reversion_adx"),
        ({"exit_margin": 1.0}, "exit_margin"),
    ):
        with pytest.raises(ValueError, match=name):
            replace(SETTINGS, **change)


# --- history and odds --------------------------------------------------------------------------------


def test_fourteen_years_have_a_regime_every_session_and_known_crises_are_high_or_rising() -> None:
    days = regime_history(daily("NIFTY"), daily("INDIA_VIX"), SETTINGS, {})
    by_day = {entry.day: entry for entry in days}
    assert len(days) > 3400
    assert {entry.regime for entry in days} == set(M) - {M.VIX_SPIKE, M.GAMMA_PIN, M.EVENT_CRUSH}
    assert by_day[date(2020, 3, 23)].regime in (M.TREND, M.RISING, M.HIGH_VOL)
    assert by_day[date(2025, 12, 31)].regime is M.LOW_VOL
    assert by_day[date(2025, 12, 31)].sessions_in_force > 1
    assert days[0].figures.iv_percentile is None  # no past yet
    assert by_day[date(2013, 6, 3)].figures.iv_percentile is not None


def test_an_event_day_whose_volatility_collapsed_is_a_crush() -> None:
    result = date(2024, 6, 5)  # the day after the count of votes
    days = regime_history(daily("NIFTY"), daily("INDIA_VIX"), SETTINGS, {result: True})
    entry = next(entry for entry in days if entry.day == result)
    assert entry.figures.event_passed is True
    assert entry.figures.iv_change_1_session is not None and entry.figures.iv_change_1_session < -0.15
    assert judge_regime(entry.figures, SETTINGS).regime is M.EVENT_CRUSH


def test_odds_are_shares_of_what_followed_and_sum_to_one() -> None:
    odds = transition_odds(([M.NEUTRAL] * 3 + [M.TREND]) * 10)
    after = odds.odds(M.NEUTRAL)
    assert after == pytest.approx({M.NEUTRAL: 2 / 3, M.TREND: 1 / 3})
    assert odds.expected_sessions(M.NEUTRAL) == pytest.approx(3.0)
    real = transition_odds(
        [entry.regime for entry in regime_history(daily("NIFTY"), daily("INDIA_VIX"), SETTINGS, {})]
    )
    for regime in M:
        row = real.odds(regime)
        assert row is None or sum(row.values()) == pytest.approx(1.0)
    assert real.odds(M.HIGH_VOL) is not None


def test_a_regime_seldom_seen_has_no_odds_and_a_gap_in_the_days_breaks_the_chain() -> None:
    seldom = transition_odds([M.TREND, M.NEUTRAL] * (DEPARTURES_MIN - 1))
    assert seldom.odds(M.TREND) is None and seldom.expected_sessions(M.TREND) is None
    assert transition_odds([]).odds(M.NEUTRAL) is None
    assert transition_odds([M.TREND, None, M.NEUTRAL]).counts == {}


def test_history_without_bars_is_empty_and_closes_alone_say_nothing_of_the_trend() -> None:
    assert regime_history((), daily("INDIA_VIX"), SETTINGS, {}) == ()
    closes = tuple(
        DailyBar(day=bar.day, open=None, high=None, low=None, close=bar.close) for bar in daily("NIFTY")
    )
    assert regime_history(closes, daily("INDIA_VIX"), SETTINGS, {}) == ()
