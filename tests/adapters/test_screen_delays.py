"""From the look at the market to the frame that shows the proposal: measured per proposal, once."""

from __future__ import annotations

import pytest

from volguard.adapters.screen_delays import ScreenDelays


def test_a_delay_runs_from_the_arrival_of_the_look_to_the_frame_with_the_card() -> None:
    now_s = 100.0
    delays = ScreenDelays(lambda: now_s)
    delays.arrived(99.0)
    delays.arrived(99.9)
    delays.proposed("P001")
    delays.drawn("P001")
    assert delays.delays_ms == pytest.approx((100.0,))


def test_a_card_that_is_drawn_again_counts_once() -> None:
    delays = ScreenDelays(lambda: 100.0)
    delays.arrived(99.5)
    delays.proposed("P001")
    delays.drawn("P001")
    delays.drawn("P001")
    assert delays.delays_ms == (500.0,)


def test_what_was_never_drawn_or_never_proposed_has_no_delay() -> None:
    delays = ScreenDelays(lambda: 100.0)
    delays.proposed("P000")  # before any look
    delays.arrived(99.5)
    delays.proposed("P001")
    delays.drawn("P009")
    assert delays.delays_ms == ()
