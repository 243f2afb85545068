"""A policy that makes no sense is refused by the name of what is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from typing import Any

import pytest

from tests.chains import shipped_bucket, shipped_policy

SHARES = (
    "cost_share_of_credit_max",
    "credit_share_of_width_min",
    "short_delta_max",
    "confidence_min",
    "loss_share_of_max_loss",
    "exit_short_delta",
)


def changed(value: Any, **change: Any) -> Any:
    return replace(value, **change)


@pytest.mark.parametrize("name", SHARES)
@pytest.mark.parametrize("value", [0.0, -0.1, 1.01])
def test_a_share_lies_above_zero_and_at_most_at_one(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{name} was {value}, must be in \(0, 1\]"):
        changed(shipped_policy(), **{name: value})
    assert getattr(changed(shipped_policy(), **{name: 1.0}), name) == 1.0


NOT_NEGATIVE = (
    "cool_down_s",
    "confirm_s",
    "opening_quiet_s",
    "exit_stress_dwell_s",
    "adjust_within_s",
    "expiring_hedge_bid_max",
)


@pytest.mark.parametrize("name", NOT_NEGATIVE)
def test_a_duration_or_a_price_is_not_negative(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} was -1"):
        changed(shipped_policy(), **{name: -1.0})
    assert getattr(changed(shipped_policy(), **{name: 0.0}), name) == 0.0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"entry_from": time(14, 45)}, "entry_until was 14:45:00, must be after entry_from 14:45:00"),
        ({"confirm_snapshots": 0}, "confirm_snapshots was 0, must be at least 1"),
        ({"loss_credits_max": 0.0}, "loss_credits_max was 0.0, must be above 0"),
        ({"exit_greek_loss_credits": 0.0}, "exit_greek_loss_credits was 0.0, must be above 0"),
        ({"defensive_expected_move_factor": 0.0}, "defensive_expected_move_factor was 0.0, must be above 0"),
        ({"event_horizon_days": 0}, "event_horizon_days was 0, must be at least 1"),
        ({"defensive_event_score": 5.1}, r"defensive_event_score was 5.1, must be in \[0, 5\]"),
        ({"defensive_event_score": -0.1}, r"defensive_event_score was -0.1, must be in \[0, 5\]"),
    ],
)
def test_other_rules_of_the_policy(change: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        changed(shipped_policy(), **change)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"expiry_days_min": 9}, r"expiry_days_min was 9, must be in 0\.\.expiry_days_max 8"),
        ({"expiry_days_min": -1}, "expiry_days_min was -1"),
        ({"wing_width_min": 0}, "wing widths were 0 to 300 step 50"),
        ({"wing_width_min": 350}, "wing widths were 350 to 300 step 50"),
        ({"wing_width_step": 0}, "wing widths were 100 to 300 step 0"),
        ({"expected_move_factor": 0.0}, r"expected_move_factor was 0\.0"),
        ({"profit_share": 0.0}, r"profit_share was 0\.0"),
        ({"profit_share": 1.5}, r"profit_share was 1\.5"),
        ({"event_score_max": 5.1}, r"event_score_max was 5.1, must be in \[0, 5\]"),
    ],
)
def test_rules_of_a_bucket(change: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        changed(shipped_bucket("weekly"), **change)


def test_the_intraday_bucket_has_the_numbers_of_its_kind_and_is_off() -> None:
    intraday = shipped_bucket("intraday")
    assert (intraday.is_enabled, intraday.is_same_day, intraday.is_monthly_cycle) == (False, True, False)
    assert (intraday.entry_until, intraday.exit_at) == (time(12, 30), time(15, 10))
    assert (intraday.expected_move_factor, intraday.profit_share, intraday.event_score_max) == (
        1.0,
        0.35,
        3.0,
    )
