"""A VIX spike is a rise that stands: no single print makes one, and it is over only after a calm while."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volguard.adapters.journal_codec import decode_as, encode_exact
from volguard.model.units import IST
from volguard.risk.vix_spike import VixSpikeSettings, VixSpikeState, note_vix

START = datetime(2026, 9, 16, 10, 0, tzinfo=IST)
SETTINGS = VixSpikeSettings(rise_share=0.08, window_s=180.0, confirm_looks=2, clean_dwell_s=900.0)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def after(
    *levels: float | None, every_s: float = 15.0, settings: VixSpikeSettings = SETTINGS
) -> VixSpikeState:
    return walked(levels, every_s=every_s, settings=settings)[-1]


def walked(
    levels: Any, *, every_s: float = 15.0, settings: VixSpikeSettings = SETTINGS
) -> list[VixSpikeState]:
    state, seen = VixSpikeState(), []
    for index, level in enumerate(levels):
        state = note_vix(state, level, at(index * every_s), settings)
        seen.append(state)
    return seen


CALM = (12.5, 12.5, 12.5)


@pytest.mark.parametrize(("high", "is_spiking"), [(13.49, False), (13.5, True), (15.0, True)])
def test_a_rise_that_stands_for_two_looks_is_a_spike_from_its_limit_on(high: float, is_spiking: bool) -> None:
    """12.5 to 13.5 is exactly 8 %."""
    state = after(*CALM, high, high)
    assert state.is_spiking is is_spiking
    assert state.rise_share == pytest.approx(high / 12.5 - 1.0)
    assert state.not_judged == ""


def test_a_jump_that_one_look_alone_saw_is_no_spike() -> None:
    assert not any(state.is_spiking for state in walked((*CALM, 20.0, 12.5, 12.5, 20.0, 12.5, 12.5)))


def test_a_low_that_one_look_alone_saw_is_nothing_to_rise_from() -> None:
    assert not any(state.is_spiking for state in walked((*CALM, 5.0, 12.5, 12.5, 12.5, 12.5, 12.5)))


def test_a_slow_rise_is_no_spike_and_the_same_rise_within_three_minutes_is() -> None:
    steps = [12.5 * 1.02**n for n in range(12)]
    assert not any(state.is_spiking for state in walked(steps, every_s=70.0))
    assert any(state.is_spiking for state in walked(steps, every_s=30.0))


@pytest.mark.parametrize(("every_s", "is_judged"), [(180.0, True), (180.1, False)])
def test_looks_further_apart_than_the_window_tell_nothing(every_s: float, is_judged: bool) -> None:
    state = after(*CALM, 15.0, 15.0, every_s=every_s)
    assert state.is_spiking is is_judged
    assert (state.rise_share is not None) is is_judged


def test_the_low_may_lie_a_whole_window_before_the_first_high() -> None:
    state = VixSpikeState()
    for seconds, level in ((0, 12.5), (10, 12.5), (100, 13.0), (190, 13.5), (200, 13.5)):
        state = note_vix(state, level, at(seconds), SETTINGS)
    assert state.is_spiking  # the second low is exactly 180 s before
    state = VixSpikeState()
    for seconds, level in ((0, 12.5), (9, 12.5), (100, 13.0), (190, 13.5), (200, 13.5)):
        state = note_vix(state, level, at(seconds), SETTINGS)
    assert not state.is_spiking


# --- not judged --------------------------------------------------------------------------------------


def test_before_the_first_look_nothing_is_judged() -> None:
    state = VixSpikeState()
    assert (state.rise_share, state.not_judged, state.is_spiking) == (None, "no look yet", False)


@pytest.mark.parametrize(
    ("level", "reason"),
    [
        (None, "VIX is not available"),
        (math.nan, "VIX was nan"),
        (math.inf, "VIX was inf"),
        (0.0, "VIX was 0.0"),
        (-1.0, "VIX was -1.0"),
    ],
)
def test_a_level_that_is_not_known_is_not_judged_and_says_why(level: float | None, reason: str) -> None:
    state = after(*CALM, 12.5, level)
    assert (state.rise_share, state.not_judged, state.is_spiking) == (None, reason, False)
    assert state.looks == after(*CALM, 12.5).looks
    assert state.text == f"VIX calm, rise not judged: {reason}"


def test_too_few_looks_are_not_judged() -> None:
    for count in (1, 2, 3):
        state = after(*[12.5] * count)
        assert state.rise_share is None
        assert state.not_judged == f"{count} looks within 180 s, 4 are needed"
    assert after(*[12.5] * 4).rise_share == 0.0


# --- the latch ---------------------------------------------------------------------------------------

SPIKE = after(*CALM, 15.0, 15.0)  # seen at 45 s, confirmed at 60 s


def calm_until(
    state: VixSpikeState, first_s: float, last_s: float, level: float | None = 15.0
) -> VixSpikeState:
    seconds = first_s
    while seconds <= last_s:
        state = note_vix(state, level, at(seconds), SETTINGS)
        seconds += 15.0
    return state


def test_a_spike_holds_until_a_quarter_of_an_hour_was_calm() -> None:
    # At 15 the level itself stays high: after three minutes it is no longer a rise.
    first_clean = next(s for s in range(75, 400, 15) if calm_until(SPIKE, 75, s).clean_since is not None)
    assert calm_until(SPIKE, 75, first_clean + 885).is_spiking
    assert not calm_until(SPIKE, 75, first_clean + 900).is_spiking


def test_a_second_spike_starts_the_dwell_anew() -> None:
    state = calm_until(SPIKE, 75, 900)
    assert state.clean_since is not None
    again = calm_until(state, 915, 945, level=18.0)
    assert again.is_spiking and again.clean_since is None


def test_an_unknown_level_lets_no_spike_end() -> None:
    state = calm_until(SPIKE, 75, 900)
    blind = note_vix(state, None, at(915), SETTINGS)
    assert blind.is_spiking and blind.clean_since is None
    assert calm_until(blind, 930, 2000, level=None).is_spiking
    assert calm_until(blind, 930, 930 + 885).is_spiking
    assert not calm_until(blind, 930, 930 + 900).is_spiking


def test_a_silence_is_not_a_calm() -> None:
    state = calm_until(SPIKE, 75, 900)
    after_silence = note_vix(state, 15.0, at(5000), SETTINGS)
    assert after_silence.is_spiking and after_silence.clean_since is None
    assert after_silence.not_judged == "1 looks within 180 s, 4 are needed"


# --- properties --------------------------------------------------------------------------------------

LEVEL = st.floats(9.0, 40.0)
LEVELS = st.lists(st.one_of(LEVEL, st.none()), min_size=1, max_size=40)
CADENCE = st.sampled_from([3.0, 15.0, 60.0, 150.0])


@given(LEVEL, st.integers(0, 29), st.floats(0.1, 1000.0), CADENCE)
def test_no_single_print_ever_makes_a_spike(level: float, where: int, print_: float, every_s: float) -> None:
    levels = [level] * 30
    levels[where] = print_
    assert not any(state.is_spiking for state in walked(levels, every_s=every_s))


@given(LEVEL, st.floats(1.081, 3.0), CADENCE)
def test_every_jump_that_stands_is_a_spike_at_its_second_look(
    level: float, rise: float, every_s: float
) -> None:
    states = walked([level] * 5 + [level * rise] * 2, every_s=every_s)
    assert [state.is_spiking for state in states] == [False] * 6 + [True]


@given(st.lists(LEVEL, min_size=1, max_size=40), CADENCE)
def test_a_level_that_only_falls_is_never_a_spike(levels: list[float], every_s: float) -> None:
    assert not any(state.is_spiking for state in walked(sorted(levels, reverse=True), every_s=every_s))


@given(LEVELS, CADENCE)
def test_the_unit_of_the_level_decides_nothing(levels: list[float | None], every_s: float) -> None:
    """Percent or decimal: halving is exact, so is the answer."""
    halved = [None if level is None else level / 2.0 for level in levels]
    assert [s.is_spiking for s in walked(levels, every_s=every_s)] == [
        s.is_spiking for s in walked(halved, every_s=every_s)
    ]


@given(LEVELS, CADENCE)
def test_a_doubled_look_changes_nothing(levels: list[float | None], every_s: float) -> None:
    state = VixSpikeState()
    for index, level in enumerate(levels):
        state = note_vix(state, level, at(index * every_s), SETTINGS)
        if level is not None:
            assert note_vix(state, level, at(index * every_s), SETTINGS) == state


@given(LEVELS, CADENCE)
def test_a_spike_never_ends_before_its_dwell(levels: list[float | None], every_s: float) -> None:
    """Between the last look that saw the rise and the end lie 15 calm minutes at least."""
    last_hot_s: float | None = None
    was_spiking = False
    for index, state in enumerate(walked([*levels, *[20.0] * 100], every_s=every_s)):
        if state.rise_share is not None and state.rise_share >= 0.08:
            last_hot_s = index * every_s
        if was_spiking and not state.is_spiking:
            assert last_hot_s is not None
            assert index * every_s - last_hot_s >= 900.0
        was_spiking = state.is_spiking


@given(LEVELS, CADENCE)
def test_what_is_remembered_is_bounded_and_comes_back_from_a_checkpoint(
    levels: list[float | None], every_s: float
) -> None:
    for state in walked(levels, every_s=every_s):
        assert len(state.looks) <= 180.0 / every_s + 2 * SETTINGS.confirm_looks
    assert decode_as(VixSpikeState, encode_exact(state)) == state


# --- settings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rise_share", 0.0),
        ("rise_share", math.nan),
        ("window_s", 0.0),
        ("clean_dwell_s", math.inf),
        ("confirm_looks", 0),
    ],
)
def test_settings_out_of_range_are_refused_by_name(name: str, value: float) -> None:
    change: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=f"{name} was {value}"):
        replace(SETTINGS, **change)


def test_one_look_is_enough_where_that_is_the_setting() -> None:
    single = replace(SETTINGS, confirm_looks=1)
    assert after(12.5, 15.0, settings=single).is_spiking
