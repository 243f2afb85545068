"""Limits are sizes: one of the wrong sign, or none at all, is an error that names key and value."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.fakes import shipped
from volguard.risk.limits import BucketLimits, Limits

LIMITS = shipped().limits
BUCKET = shipped().bucket_limits["weekly"]
LOSSES = (
    "delta_1pct_share_max",
    "gamma_1pct_share_max",
    "vega_per_pt_share_max",
    "theta_per_day_share_max",
    "open_risk_share_max",
    "soft_stop_share",
    "hard_stop_share",
)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("value", [-0.02, 0.0, 1.5, math.nan])
def test_a_loss_limit_is_a_positive_share_of_the_account(name: str, value: float) -> None:
    """A loss limit is a size of loss, above 0 and at most the account; a theta "floor" has no minus sign."""
    with pytest.raises(ValueError, match=rf"^{name} was {value}, is a size of loss and must be above 0"):
        replace(LIMITS, **{name: value})


@pytest.mark.parametrize(
    "name", ["quality_new_trades_min", "quality_full_auto_min", "free_capital_share_min"]
)
@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
def test_a_share_stays_in_the_unit_interval(name: str, value: float) -> None:
    """Qualities and free capital are shares."""
    with pytest.raises(ValueError, match=rf"^{name} was {value}, must be in \[0, 1\]"):
        replace(LIMITS, **{name: value})


@pytest.mark.parametrize("name", ["entry_price_band_share", "approval_valid_cadences", "heal_dwell_s"])
@pytest.mark.parametrize("value", [-1.0, 0.0, math.nan, math.inf])
def test_a_band_or_a_time_that_limits_nothing_is_refused(name: str, value: float) -> None:
    """Not a number and infinity would switch a limit off without saying so."""
    with pytest.raises(ValueError, match=rf"^{name} was {value}, must be above 0"):
        replace(LIMITS, **{name: value})


@pytest.mark.parametrize("name", ["entry_price_band_ticks", "orders_per_day_max"])
def test_counts_start_at_one(name: str) -> None:
    """A day of zero orders is no setting of a trading program."""
    with pytest.raises(ValueError, match=f"^{name} was 0, must be at least 1"):
        replace(LIMITS, **{name: 0})


@pytest.mark.parametrize("soft", [0.03, 0.04])
def test_the_soft_stop_comes_before_the_hard_one(soft: float) -> None:
    """The hard stop lies beyond the soft stop."""
    with pytest.raises(ValueError, match=f"soft_stop_share was {soft}, must be below hard_stop_share 0.03"):
        replace(LIMITS, soft_stop_share=soft, hard_stop_share=0.03)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("trade_risk_share_max", -0.025, "is a size of loss"),
        ("open_risk_share_max", 0.0, "is a size of loss"),
        ("capital_share", 1.2, r"must be in \[0, 1\]"),
        ("trade_risk_inr_max", Decimal(-1), "must be 0 or more"),
        ("open_trades_max", -1, "must be 0 or more"),
    ],
)
def test_a_bucket_limit_of_the_wrong_sign_is_refused(name: str, value: object, message: str) -> None:
    """A bucket's limits obey the same signs."""
    with pytest.raises(ValueError, match=f"^{name} was {value}, {message}"):
        replace(BUCKET, **{name: value})


def test_shipped_limits_are_those_of_the_specification() -> None:
    """The shipped numbers: stops 2 and 3 %, open risk 5 %, delta 0.5, gamma 1, vega 0.25, theta 0.05 %."""
    assert (LIMITS.soft_stop_share, LIMITS.hard_stop_share, LIMITS.open_risk_share_max) == (0.02, 0.03, 0.05)
    assert (LIMITS.delta_1pct_share_max, LIMITS.gamma_1pct_share_max) == (0.005, 0.01)
    assert (LIMITS.vega_per_pt_share_max, LIMITS.theta_per_day_share_max) == (0.0025, 0.0005)
    assert isinstance(LIMITS, Limits) and isinstance(BUCKET, BucketLimits)
    assert (BUCKET.capital_share, BUCKET.trade_risk_share_max, BUCKET.open_trades_max) == (0.4, 0.025, 3)
