"""Each signal says a word with its figure, age and confidence, or abstains and names what is missing."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from tests.chains import DAY, MONTHLY, NOW, WEEKLY, shipped_iv_rv, shipped_rules
from tests.fakes import shipped
from tests.strategy.scenes import calm_view, events_of, level_of, make_outlook
from volguard.model.errors import DateNotCovered
from volguard.model.market import ForeignStand
from volguard.model.signal import Signal
from volguard.strategy import signals as signals_module
from volguard.strategy.signals import SignalInputs, SignalMemory, read_signals
from volguard.volatility.events import EventKind
from volguard.volatility.regime_stand import RegimeStand
from volguard.volatility.regimes import MarketRegime

FOR_ALL = (*("regime", "iv_percentile", "iv_rank", "term_structure", "gamma_pin", "foreign_futures"),)
OF_EXPIRY = ("iv_rv", "expected_move", "skew_25_delta", "call_wall", "put_wall", "event_score")


def inputs(**changes: Any) -> SignalInputs:
    """The calm market at 12 %, a year of India VIX behind it, the weekly expiry alone."""
    values: dict[str, Any] = {
        "now": NOW,
        "view": calm_view(),
        "quality": 0.9,
        "month_iv": 0.12,
        "month_iv_origin": "test",
        "vix_rise": 0.0,
        "outlook": make_outlook(),
        "expiries": (WEEKLY,),
        "event_horizon_days": 7,
        "events": events_of((DAY + timedelta(days=1), EventKind.FOMC)),
        "iv_rv_settings": shipped_iv_rv(),
        "regime_settings": shipped().regimes,
        "rules": shipped_rules(),
    }
    return SignalInputs(**values | changes)


def read(memory: SignalMemory | None = None, **changes: Any) -> dict[str, Signal]:
    signals, _ = read_signals(inputs(**changes), memory or SignalMemory())
    return {signal.name: signal for signal in signals}


def with_interest(oi: dict[tuple[int, bool], int]) -> Any:
    """The calm view with so much open interest at these strikes of the weekly expiry (call: True)."""
    view = calm_view()
    listing = view.listing
    column = np.zeros(len(listing), dtype=np.int64)
    rows = listing.rows_of(WEEKLY)
    for row in range(rows.start, rows.stop):
        column[row] = oi.get((round(float(listing.strike[row])), bool(listing.is_call[row])), 0)
    return replace(view, snapshot=replace(view.snapshot, oi=column))


def test_every_look_has_the_same_signals_in_the_same_order() -> None:
    """What is missing abstains in its place: a list with holes would hide that something was not known."""
    full, _ = read_signals(inputs(expiries=(WEEKLY, MONTHLY)), SignalMemory())
    poor, _ = read_signals(
        inputs(
            expiries=(WEEKLY, MONTHLY),
            month_iv=None,
            events=None,
            outlook=make_outlook(None, past_vix=np.empty(0), past_spread=np.empty(0)),
        ),
        SignalMemory(),
    )
    names = [(signal.name, signal.expiry) for signal in full]
    per_expiry = [(name, day) for day in (WEEKLY, MONTHLY) for name in OF_EXPIRY]
    assert [name for name, _ in names[: len(FOR_ALL)]] == list(FOR_ALL)
    assert names[len(FOR_ALL) :] == per_expiry
    assert [(signal.name, signal.expiry) for signal in poor] == names


def test_a_signal_says_a_word_or_why_it_abstains_never_both() -> None:
    for signal in (*read().values(), *read(month_iv=None, events=None).values()):
        assert bool(signal.says) is not bool(signal.missing), signal
        assert (signal.confidence is None) is signal.abstains
        assert signal.confidence is None or 0.0 <= signal.confidence <= 1.0


@pytest.mark.parametrize(
    ("name", "changes", "missing"),
    [
        ("iv_percentile", {"month_iv": None}, "no 30-day volatility"),
        ("iv_rank", {"outlook": make_outlook(past_vix=np.empty(0))}, "no past of India VIX"),
        ("iv_rv", {"outlook": make_outlook(None)}, "no model was fitted"),
        ("iv_rv", {"outlook": make_outlook(past_spread=np.empty(0))}, "no past of the 30-day spread"),
        ("event_score", {"events": None}, "there is no table of events"),
        ("skew_25_delta", {}, "no past of the skew is at hand"),
        ("foreign_futures", {}, "no data of who holds what"),
        ("call_wall", {"view": with_interest({})}, "no open interest in calls"),
        ("gamma_pin", {"view": with_interest({})}, "no wall of open interest beside a known level"),
    ],
)
def test_what_is_missing_is_named_by_the_signal_that_needs_it(
    name: str, changes: dict[str, Any], missing: str
) -> None:
    signal = read(**changes)[name]
    assert (signal.says, signal.missing) == ("", missing)


def test_implied_against_forecast_is_that_of_the_decision() -> None:
    signal = read()["iv_rv"]
    assert (signal.says, signal.expiry) == ("SELL_FULL", WEEKLY)
    assert signal.value == pytest.approx(0.12 - 0.08, abs=0.02)
    assert "forecast 8.0%" in signal.text
    assert read(outlook=make_outlook(0.13))["iv_rv"].says == "AVOID"


@pytest.mark.parametrize(("month_iv", "word"), [(0.095, "LOW"), (0.12, "MIDDLE"), (0.139, "HIGH")])
def test_the_implied_level_is_placed_in_its_own_year(month_iv: float, word: str) -> None:
    found = read(month_iv=month_iv)
    assert (found["iv_percentile"].says, found["iv_rank"].says) == (word, word)
    assert found["iv_rank"].value == pytest.approx(100 * (month_iv - 0.09) / 0.05)
    assert "vix_proxy" in found["iv_percentile"].text


def test_confidence_is_that_of_the_weakest_input() -> None:
    """Poor quotes, or a short past, make a weak signal of a strong one."""
    assert read()["iv_percentile"].confidence == pytest.approx(0.9)
    assert read(quality=0.4)["iv_percentile"].confidence == pytest.approx(0.4)
    short = make_outlook(past_vix=np.linspace(0.09, 0.14, 63))
    assert read(outlook=short)["iv_percentile"].confidence == pytest.approx(63 / 252)


def test_walls_stand_where_most_interest_is_and_pin_only_near_expiry() -> None:
    level = level_of(calm_view()).forward
    near = 50 * round(level / 50)
    oi = {(near, True): 900, (near + 300, True): 500, (near - 100, False): 800, (near - 400, False): 100}
    found = read(view=with_interest(oi))
    call_wall = near if near >= level else near + 300
    assert found["call_wall"].value == call_wall
    assert found["call_wall"].says == str(call_wall)
    assert found["put_wall"].value == near - 100
    assert "of the calls" in found["call_wall"].text
    assert found["gamma_pin"].says == "NO_PIN"  # days to expiry
    last = replace(with_interest(oi), years=np.full(3, 0.5 / 365))
    pinned = read(view=last)["gamma_pin"]
    assert pinned.value is not None
    assert pinned.says == ("PIN" if pinned.value <= 0.003 else "NO_PIN")


def test_a_wall_at_the_level_on_the_last_day_pins() -> None:
    level = level_of(calm_view()).forward
    strike = min((50 * n for n in range(400, 600)), key=lambda k: abs(k - level))
    view = with_interest({(strike, True): 900, (strike, False): 900})
    assert abs(strike / level - 1.0) < 0.003
    assert read(view=replace(view, years=np.full(3, 0.5 / 365)))["gamma_pin"].says == "PIN"
    assert read(view=view)["gamma_pin"].says == "NO_PIN"


def test_a_change_of_regime_waits_until_it_has_stood_for_half_an_hour() -> None:
    """The regime of the last close goes on; a percentile that only just reaches beyond changes nothing."""
    stand = RegimeStand(regime=MarketRegime.MEAN_REVERSION, sessions=4, stays=0.8, event_passed=False)
    outlook = make_outlook(stand=stand)
    signals, memory = read_signals(inputs(outlook=outlook, month_iv=0.14), SignalMemory())
    assert signals[0].says == "MEAN_REVERSION"
    assert "for 4 sessions" in signals[0].text and "stays for a session more in 80%" in signals[0].text
    assert (
        "HIGH_VOL for 0 of 30 minutes" in signals[0].text or "RISING for 0 of 30 minutes" in signals[0].text
    )
    later = NOW + timedelta(minutes=29)
    signals, memory = read_signals(inputs(outlook=outlook, month_iv=0.14, now=later), memory)
    assert signals[0].says == "MEAN_REVERSION"
    later = NOW + timedelta(minutes=30)
    signals, memory = read_signals(inputs(outlook=outlook, month_iv=0.14, now=later), memory)
    assert signals[0].says != "MEAN_REVERSION"
    assert memory.regime_since == later
    assert "for 0 minutes" in signals[0].text


def test_a_candidate_that_gives_way_starts_anew() -> None:
    stand = RegimeStand(regime=MarketRegime.MEAN_REVERSION, sessions=4, stays=None, event_passed=False)
    outlook = make_outlook(stand=stand)
    _, memory = read_signals(inputs(outlook=outlook, month_iv=0.14), SignalMemory())
    calm = {"outlook": outlook, "month_iv": 0.127, "now": NOW + timedelta(minutes=10)}
    _, memory = read_signals(inputs(**calm), memory)
    _, memory = read_signals(inputs(outlook=outlook, month_iv=0.14, now=NOW + timedelta(minutes=20)), memory)
    signals, _ = read_signals(inputs(outlook=outlook, month_iv=0.14, now=NOW + timedelta(minutes=45)), memory)
    assert signals[0].says == "MEAN_REVERSION"


def test_a_spike_of_the_vix_is_in_force_at_once() -> None:
    stand = RegimeStand(regime=MarketRegime.LOW_VOL, sessions=4, stays=None, event_passed=False)
    outlook = make_outlook(stand=stand)
    signals, _ = read_signals(inputs(outlook=outlook, vix_rise=0.09), SignalMemory())
    assert signals[0].says == "VIX_SPIKE"


def test_the_age_is_that_of_the_look() -> None:
    found = read(now=NOW + timedelta(seconds=12))
    assert found["expected_move"].age_s == pytest.approx(12.0)
    assert found["event_score"].age_s is None
    aged = replace(calm_view(), snapshot=replace(calm_view().snapshot, quote_age_s=_ages(4.0)))
    assert read(view=aged, now=NOW + timedelta(seconds=12))["expected_move"].age_s == pytest.approx(16.0)


def _ages(seconds: float) -> Any:
    ages = np.full(len(calm_view().listing), seconds)
    ages[::3] = math.nan
    return ages


def test_foreign_futures_speak_at_the_extremes_of_their_year() -> None:
    def stand(percentile: float) -> Any:
        return make_outlook(
            foreign=ForeignStand(day=date(2025, 8, 28), long_share=0.3, percentile=percentile, missing="")
        )

    words = [read(outlook=stand(p))["foreign_futures"].says for p in (3.0, 50.0, 96.0)]
    assert words == ["CROWDED_SHORT", "MIDDLE", "CROWDED_LONG"]
    signal = read(outlook=stand(3.0))["foreign_futures"]
    assert signal.age_s is not None and signal.age_s > 0.0
    stale = ForeignStand(day=date(2025, 8, 1), long_share=0.3, percentile=None, missing="the data ends early")
    signal = read(outlook=make_outlook(foreign=stale))["foreign_futures"]
    assert (signal.abstains, signal.value, signal.missing) == (True, 0.3, "the data ends early")


def test_an_event_that_nobody_listed_is_named_beside_the_score() -> None:
    signal = read()["event_score"]
    assert signal.says == "CLASS_A"
    assert "fomc" in signal.text and "not known: budget" in signal.text
    assert signal.confidence == pytest.approx(1.0 - 4 / 8)


def test_words_tell_a_change_and_figures_do_not() -> None:
    one, other = read()["expected_move"], read(now=NOW + timedelta(seconds=5))["expected_move"]
    assert one.word == other.word and one != other
    assert read(month_iv=0.139)["iv_percentile"].word != read()["iv_percentile"].word


def test_an_expiry_beyond_the_calendar_is_a_signal_less_and_no_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A step must never fail for what is only told."""

    def not_covered(_inputs: object, _level: object, _month: object) -> None:
        raise DateNotCovered("calendar.session", date(2031, 1, 2))

    monkeypatch.setattr(signals_module, "judge_premium", not_covered)
    found = read()
    assert found["iv_rv"].abstains and "2031-01-02" in found["iv_rv"].missing
    assert found["expected_move"].says == "PRICED"
