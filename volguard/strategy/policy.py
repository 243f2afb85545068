"""The strategy's settings: one class for what holds for all buckets, one per bucket."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time

from volguard.volatility.events import SCORE_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What holds for every bucket. Shares in [0, 1]; deltas are absolute; times of day are IST."""

    require_forecast_edge: bool
    require_vrp: bool
    heed_events: bool
    cost_share_of_credit_max: float
    credit_share_of_width_min: float
    short_delta_max: float
    high_ivp_percentile: float
    high_ivp_expected_move_factor: float
    low_ivp_percentile: float
    event_horizon_days: int
    defensive_event_score: float
    defensive_expected_move_factor: float
    confidence_min: float
    entry_from: time
    entry_until: time
    entry_until_before_expiry: time
    cool_down_s: float
    failed_entries_max: int
    loss_credits_max: float
    loss_share_of_max_loss: float
    exit_short_delta: float
    exit_greek_loss_credits: float
    exit_stress_dwell_s: float
    confirm_snapshots: int
    confirm_s: float
    opening_quiet_s: float
    expiry_day_flat_at: time
    expiring_hedge_bid_max: float  # rupees; on expiry day a hedge bid at no more is left to expire; 0: sold
    adjust_tested_side: bool
    adjust_within_s: float  # the other half of a roll is proposed by then, or not at all

    def __post_init__(self) -> None:
        for name in ("cost_share_of_credit_max", "credit_share_of_width_min", "short_delta_max"):
            _in_unit(name, getattr(self, name))
        for name in ("confidence_min", "loss_share_of_max_loss", "exit_short_delta"):
            _in_unit(name, getattr(self, name))
        for name in (
            "cool_down_s",
            "confirm_s",
            "opening_quiet_s",
            "exit_stress_dwell_s",
            "adjust_within_s",
            "expiring_hedge_bid_max",
        ):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} was {getattr(self, name)}, must be 0 or more")
        if not self.entry_from < self.entry_until:
            raise ValueError(
                f"entry_until was {self.entry_until}, must be after entry_from {self.entry_from}"
            )
        if self.failed_entries_max < 1:
            raise ValueError(f"failed_entries_max was {self.failed_entries_max}, must be at least 1")
        if self.confirm_snapshots < 1:
            raise ValueError(f"confirm_snapshots was {self.confirm_snapshots}, must be at least 1")
        for name in ("loss_credits_max", "exit_greek_loss_credits", "defensive_expected_move_factor"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} was {getattr(self, name)}, must be above 0")
        if self.event_horizon_days < 1:
            raise ValueError(f"event_horizon_days was {self.event_horizon_days}, must be at least 1")
        _score("defensive_event_score", self.defensive_event_score)


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketPolicy:
    """How one bucket picks its expiry and strikes, and when it leaves."""

    is_enabled: bool
    expiry_days_min: int
    expiry_days_max: int
    is_monthly_cycle: bool
    is_same_day: bool  # out on the day it went in, at `exit_at`
    entry_until: time  # of the bucket; the earlier of it and the policy's holds
    expected_move_factor: float
    event_score_max: float  # above it nothing is opened
    wing_width_min: int
    wing_width_max: int
    wing_width_step: int
    profit_share: float
    exit_days_before: int  # calendar days; the session on or before that day
    exit_sessions_before: int  # sessions before expiry; used where it is above 0
    exit_at: time

    def __post_init__(self) -> None:
        if not 0 <= self.expiry_days_min <= self.expiry_days_max:
            raise ValueError(
                f"expiry_days_min was {self.expiry_days_min}, must be in 0..expiry_days_max "
                f"{self.expiry_days_max}"
            )
        if not 0 < self.wing_width_min <= self.wing_width_max or self.wing_width_step <= 0:
            raise ValueError(
                f"wing widths were {self.wing_width_min} to {self.wing_width_max} step "
                f"{self.wing_width_step}, must be positive and in order"
            )
        if self.expected_move_factor <= 0:
            raise ValueError(f"expected_move_factor was {self.expected_move_factor}, must be above 0")
        _in_unit("profit_share", self.profit_share)
        _score("event_score_max", self.event_score_max)


def _score(name: str, value: float) -> None:
    if not 0 <= value <= SCORE_MAX:
        raise ValueError(f"{name} was {value}, must be in [0, {SCORE_MAX:.0f}]")


def _in_unit(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise ValueError(f"{name} was {value}, must be in (0, 1]")
