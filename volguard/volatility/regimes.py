"""The market's regime out of ten: judged by rules on figures, held by dwell and hysteresis.

Each rule yields a margin: how far its figure lies beyond its threshold, in units of the threshold. A rule
whose figure is missing abstains and says which. Of the rules that hold, the first in the order of
MarketRegime wins; NEUTRAL is what remains.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class MarketRegime(StrEnum):
    """Regimes in order of precedence: what can hurt within minutes comes first."""

    VIX_SPIKE = "VIX_SPIKE"
    EVENT_CRUSH = "EVENT_CRUSH"
    GAMMA_PIN = "GAMMA_PIN"
    TREND = "TREND"
    RISING = "RISING"
    FALLING = "FALLING"
    HIGH_VOL = "HIGH_VOL"
    LOW_VOL = "LOW_VOL"
    MEAN_REVERSION = "MEAN_REVERSION"
    NEUTRAL = "NEUTRAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimeSettings:
    """Thresholds of the rules; percentiles and ADX in their own 0 to 100, changes and distances as shares.

    `exit_margin`: the regime in force still holds until its figure is so far back inside its threshold, as a
    share of the threshold.
    """

    low_percentile: float
    high_percentile: float
    five_session_change: float
    crush_change: float
    spike_change: float
    pin_distance: float
    pin_days_max: float
    trend_distance_atr: float
    trend_adx: float
    mean_reversion_adx: float
    exit_margin: float

    def __post_init__(self) -> None:
        if not 0.0 < self.low_percentile < self.high_percentile < 100.0:
            raise ValueError(
                f"low_percentile was {self.low_percentile}, high_percentile {self.high_percentile}; "
                "must be 0 < low < high < 100"
            )
        if not 0.0 < self.mean_reversion_adx <= self.trend_adx:
            raise ValueError(
                f"mean_reversion_adx was {self.mean_reversion_adx}, must be in (0, {self.trend_adx}], "
                "the latter trend_adx"
            )
        if not 0.0 <= self.exit_margin < 1.0:
            raise ValueError(f"exit_margin was {self.exit_margin}, must be in [0, 1)")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimeFigures:
    """What the rules look at; None where it is not known.

    Changes are relative (0.08 = 8 %); `event_passed`: a class A or B event fell into the last session;
    `wall_distance` = |largest open-interest strike / level - 1|; `vix_change_180s` over the last 180 s.
    """

    iv_percentile: float | None = None
    iv_change_5_sessions: float | None = None
    iv_change_1_session: float | None = None
    event_passed: bool | None = None
    vix_change_180s: float | None = None
    wall_distance: float | None = None
    days_to_expiry: float | None = None
    trend_distance_atr: float | None = None
    adx: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleReading:
    """One rule: its margin beyond the threshold (>= 0 holds), or the figures that it misses."""

    regime: MarketRegime
    margin: float | None
    missing: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimeJudgement:
    """The regime of one look; None when no rule could be judged. `confidence` in [0, 1].

    Confidence of a rule: 0.5 at its threshold, 1 at twice the way; of NEUTRAL: the share of rules judged.
    """

    regime: MarketRegime | None
    confidence: float
    readings: tuple[RuleReading, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The rules that abstained, each with what it misses."""
        return tuple(f"{r.regime}: no {r.missing}" for r in self.readings if r.missing is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimeTrack:
    """The regime in force and the one that would follow it; times in the unit of the dwell."""

    regime: MarketRegime | None
    since: float
    confidence: float
    candidate: MarketRegime | None
    candidate_since: float

    def duration(self, at: float) -> float:
        """How long the regime has been in force."""
        return at - self.since


NO_TRACK = RegimeTrack(regime=None, since=math.nan, confidence=0.0, candidate=None, candidate_since=math.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleInputs:
    """A figure and its threshold: holds above (or below) it, `scale` is one unit of margin."""

    value: float
    threshold: float
    above: bool
    scale: float

    @property
    def margin(self) -> float:
        """Distance beyond the threshold in units of the scale."""
        way = self.value - self.threshold if self.above else self.threshold - self.value
        return way / self.scale


def judge_regime(
    figures: RegimeFigures, settings: RegimeSettings, in_force: MarketRegime | None = None
) -> RegimeJudgement:
    """The regime of these figures; the one `in_force` holds on until it is `exit_margin` back inside."""
    readings = tuple(_reading(regime, figures, settings) for regime in _RULED)
    judged = [reading for reading in readings if reading.margin is not None]
    if not judged:
        return RegimeJudgement(regime=None, confidence=0.0, readings=readings)
    for reading in judged:
        needed = -settings.exit_margin if reading.regime is in_force else 0.0
        if reading.margin is not None and reading.margin >= needed:
            confidence = 0.5 + 0.5 * min(1.0, max(-1.0, reading.margin))
            return RegimeJudgement(regime=reading.regime, confidence=confidence, readings=readings)
    return RegimeJudgement(
        regime=MarketRegime.NEUTRAL, confidence=len(judged) / len(_RULED), readings=readings
    )


def advance_regime(track: RegimeTrack, judgement: RegimeJudgement, *, at: float, dwell: float) -> RegimeTrack:
    """The regime in force after one more look at time `at`; a change waits until it has stood for `dwell`.

    Time in open minutes with dwell 30 within a day, in sessions with dwell 1 from day to day. The first
    regime and VIX_SPIKE come into force at once; a look without any judgement changes nothing.
    """
    found = judgement.regime
    if found is None:
        return track
    if found is track.regime:
        return replace(track, confidence=judgement.confidence, candidate=None, candidate_since=math.nan)
    stood_since = track.candidate_since if found is track.candidate else at
    is_at_once = track.regime is None or found is MarketRegime.VIX_SPIKE
    if is_at_once or at - stood_since >= dwell:
        return RegimeTrack(
            regime=found,
            since=at,
            confidence=judgement.confidence,
            candidate=None,
            candidate_since=math.nan,
        )
    return replace(track, candidate=found, candidate_since=stood_since)


_RULED = tuple(regime for regime in MarketRegime if regime is not MarketRegime.NEUTRAL)


def _reading(regime: MarketRegime, figures: RegimeFigures, settings: RegimeSettings) -> RuleReading:
    inputs = {name: getattr(figures, name) for name in _NEEDS[regime]}
    missing = [name for name, value in inputs.items() if value is None or not math.isfinite(value)]
    if missing:
        return RuleReading(regime=regime, margin=None, missing=", ".join(missing))
    # A rule with several conditions is as far beyond as the one that is least so.
    parts = _conditions(regime, inputs, settings)
    return RuleReading(regime=regime, margin=min(part.margin for part in parts), missing=None)


_NEEDS: Mapping[MarketRegime, tuple[str, ...]] = {
    MarketRegime.VIX_SPIKE: ("vix_change_180s",),
    MarketRegime.EVENT_CRUSH: ("iv_change_1_session", "event_passed"),
    MarketRegime.GAMMA_PIN: ("wall_distance", "days_to_expiry"),
    MarketRegime.TREND: ("trend_distance_atr", "adx"),
    MarketRegime.RISING: ("iv_change_5_sessions",),
    MarketRegime.FALLING: ("iv_change_5_sessions",),
    MarketRegime.HIGH_VOL: ("iv_percentile",),
    MarketRegime.LOW_VOL: ("iv_percentile",),
    MarketRegime.MEAN_REVERSION: ("adx",),
}


def _conditions(
    regime: MarketRegime, inputs: Mapping[str, float], settings: RegimeSettings
) -> tuple[RuleInputs, ...]:
    def beyond(name: str, threshold: float, scale: float | None = None) -> RuleInputs:
        return RuleInputs(value=inputs[name], threshold=threshold, above=True, scale=scale or abs(threshold))

    def under(name: str, threshold: float) -> RuleInputs:
        return RuleInputs(value=inputs[name], threshold=threshold, above=False, scale=abs(threshold))

    match regime:
        case MarketRegime.VIX_SPIKE:
            return (beyond("vix_change_180s", settings.spike_change),)
        case MarketRegime.EVENT_CRUSH:
            passed = RuleInputs(value=float(inputs["event_passed"]), threshold=0.5, above=True, scale=0.5)
            return (under("iv_change_1_session", -settings.crush_change), passed)
        case MarketRegime.GAMMA_PIN:
            return (
                under("wall_distance", settings.pin_distance),
                under("days_to_expiry", settings.pin_days_max),
            )
        case MarketRegime.TREND:
            size = RuleInputs(
                value=abs(inputs["trend_distance_atr"]),
                threshold=settings.trend_distance_atr,
                above=True,
                scale=settings.trend_distance_atr,
            )
            return (size, beyond("adx", settings.trend_adx))
        case MarketRegime.RISING:
            return (beyond("iv_change_5_sessions", settings.five_session_change),)
        case MarketRegime.FALLING:
            return (under("iv_change_5_sessions", -settings.five_session_change),)
        case MarketRegime.HIGH_VOL:
            top = 100.0 - settings.high_percentile
            return (beyond("iv_percentile", settings.high_percentile, scale=top),)
        case MarketRegime.LOW_VOL:
            return (under("iv_percentile", settings.low_percentile),)
        case _:
            return (under("adx", settings.mean_reversion_adx),)
