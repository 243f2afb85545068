"""What the market says on one look, signal by signal: each says a word, or abstains and says why.

A signal is as good as its weakest input: `confidence` is the least of data quality and of how much of the
past it needs is there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np

from volguard.measure.chain_term import chain_term
from volguard.measure.chain_walls import ChainWalls, chain_walls
from volguard.measure.market_view import AtTheMoney, MarketView, at_the_money, reference_level
from volguard.model.errors import DateNotCovered
from volguard.model.market import FloatArray
from volguard.model.signal import Signal
from volguard.model.units import figure
from volguard.nse.rules import Rules
from volguard.strategy.event_risk import event_horizon, events_ahead
from volguard.strategy.premium_gate import MonthPremium, judge_premium, month_premium
from volguard.volatility.chain_metrics import Wall
from volguard.volatility.event_calendar import EventTables
from volguard.volatility.events import EventClass, EventKind
from volguard.volatility.iv_rv import IvRvSettings, IvRvSignal
from volguard.volatility.outlook import Outlook
from volguard.volatility.regimes import (
    MarketRegime,
    RegimeFigures,
    RegimeJudgement,
    RegimeSettings,
    RegimeTrack,
    advance_regime,
    judge_regime,
)
from volguard.volatility.skew import risk_reversal
from volguard.volatility.term_structure import TermShape

DWELL_MINUTES: Final = 30.0
DAYS_PER_YEAR: Final = 365.0
SKEW_HISTORY_MISSING: Final = "no past of the skew is at hand"
CROWD_OF_BAND: Final = {"LOW": "CROWDED_SHORT", "MIDDLE": "MIDDLE", "HIGH": "CROWDED_LONG"}
KINDS_LISTED: Final = len(EventKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalMemory:
    """What one look must know of those before: the regime in force, and what was noted last.

    `regime_since` None: in force since a session before. `words`: what each signal said when noted last.
    """

    is_begun: bool = False
    regime: MarketRegime | None = None
    regime_since: datetime | None = None
    candidate: MarketRegime | None = None
    candidate_since: datetime | None = None
    looked_at: datetime | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalInputs:
    """All that the signals of one look depend on; `expiries` are those of the enabled buckets.

    `quality` of the look in [0, 1]; `vix_rise`: the confirmed rise of the VIX within minutes, None where it
    is not judged.
    """

    now: datetime
    view: MarketView
    quality: float
    month_iv: float | None  # 30-day volatility, decimal per year
    month_iv_origin: str
    vix_rise: float | None
    outlook: Outlook
    expiries: tuple[date, ...]
    event_horizon_days: int
    events: EventTables | None
    iv_rv_settings: IvRvSettings
    regime_settings: RegimeSettings
    rules: Rules


def read_signals(inputs: SignalInputs, memory: SignalMemory) -> tuple[tuple[Signal, ...], SignalMemory]:
    """All signals of this look, always the same ones in the same order, and what to remember of it."""
    look = _Look(inputs)
    judgement, after = _advance(look, memory)
    signals = (
        _regime(look, judgement, after),
        *_implied_level(look),
        _term(look),
        _gamma_pin(look),
        _foreign(look),
        *(signal for expiry in inputs.expiries for signal in _of_expiry(look, expiry)),
    )
    return signals, replace(after, looked_at=inputs.now)


class _Look:
    # What several signals rest on, made once.
    def __init__(self, inputs: SignalInputs) -> None:
        view = inputs.view
        self.inputs = inputs
        self.age_s = _age_s(inputs)
        self.month: MonthPremium = month_premium(inputs)
        level, _ = reference_level(view)
        self.level = math.nan if level is None else level
        nearest = view.listing.expiries[0] if view.listing.expiries else None
        self.walls: dict[date, ChainWalls] = {}
        self.nearest = nearest
        past = inputs.outlook.past_vix
        self.past_share = _known_share(past, inputs.iv_rv_settings.history_sessions)

    def walls_of(self, expiry: date) -> ChainWalls:
        if expiry not in self.walls:
            self.walls[expiry] = chain_walls(self.inputs.view, expiry)
        return self.walls[expiry]

    def says(
        self, name: str, value: float | None, says: str, text: str, *limits: float, expiry: date | None = None
    ) -> Signal:
        return Signal(
            name=name,
            value=_known(value),
            says=says,
            text=text,
            age_s=self.age_s,
            confidence=figure(max(0.0, min(1.0, self.inputs.quality, *limits))),
            expiry=expiry,
        )

    def abstains(
        self, name: str, missing: str, value: float | None = None, text: str = "", expiry: date | None = None
    ) -> Signal:
        return Signal(
            name=name,
            value=_known(value),
            says="",
            text=text,
            age_s=self.age_s if value is not None else None,
            confidence=None,
            missing=missing,
            expiry=expiry,
        )


def _age_s(inputs: SignalInputs) -> float:
    # Of the look; where each quote has its own time, of the middle one.
    age_s = (inputs.now - inputs.view.ts).total_seconds()
    ages = inputs.view.snapshot.quote_age_s
    if ages is not None and len(known := ages[np.isfinite(ages)]):
        age_s += float(np.median(known))
    return figure(age_s)


def _advance(look: _Look, memory: SignalMemory) -> tuple[RegimeJudgement, SignalMemory]:
    inputs = look.inputs
    if not memory.is_begun:
        memory = replace(memory, is_begun=True, regime=inputs.outlook.stand.regime)
    judgement = judge_regime(_regime_figures(look), inputs.regime_settings, memory.regime)
    before = RegimeTrack(
        regime=memory.regime,
        since=_minutes(memory.regime_since),
        confidence=judgement.confidence,
        candidate=memory.candidate,
        candidate_since=_minutes(memory.candidate_since),
    )
    track = advance_regime(before, judgement, at=_minutes(inputs.now), dwell=DWELL_MINUTES)
    if track.regime is not memory.regime:
        memory = replace(memory, regime=track.regime, regime_since=inputs.now)
    if track.candidate is not memory.candidate:
        since = None if track.candidate is None else inputs.now
        memory = replace(memory, candidate=track.candidate, candidate_since=since)
    return judgement, memory


def _minutes(at: datetime | None) -> float:
    if at is None:
        return math.nan
    return (at - at.replace(hour=0, minute=0, second=0, microsecond=0)) / timedelta(minutes=1)


def _regime_figures(look: _Look) -> RegimeFigures:
    inputs, month = look.inputs, look.inputs.month_iv
    past, trend = inputs.outlook.past_vix, inputs.outlook.regime
    wall = None if look.nearest is None else look.walls_of(look.nearest).distance(look.level)
    return RegimeFigures(
        iv_percentile=look.month.ivp,
        iv_change_5_sessions=_change(month, past, 5),
        iv_change_1_session=_change(month, past, 1),
        event_passed=inputs.outlook.stand.event_passed,
        vix_change_180s=inputs.vix_rise,
        wall_distance=wall,
        days_to_expiry=_days_to_nearest(look),
        trend_distance_atr=trend.distance_atr,
        adx=trend.adx,
    )


def _change(now: float | None, past: FloatArray, sessions: int) -> float | None:
    if now is None or len(past) < sessions:
        return None
    return now / float(past[-sessions]) - 1.0


def _days_to_nearest(look: _Look) -> float | None:
    return None if look.nearest is None else float(look.inputs.view.years[0]) * DAYS_PER_YEAR


def _regime(look: _Look, judgement: RegimeJudgement, memory: SignalMemory) -> Signal:
    if memory.regime is None:
        return look.abstains("regime", "; ".join(judgement.missing) or "no rule could be judged")
    stand, now = look.inputs.outlook.stand, look.inputs.now
    told = [f"{memory.regime.value} {_stood(memory, stand.sessions, now)}"]
    if memory.regime_since is None and stand.stays is not None:
        told.append(f"stays for a session more in {stand.stays:.0%}")
    if memory.candidate is not None and memory.candidate_since is not None:
        minutes = (now - memory.candidate_since) / timedelta(minutes=1)
        told.append(f"{memory.candidate.value} for {minutes:.0f} of {DWELL_MINUTES:.0f} minutes")
    if judgement.missing:
        told.append(f"{len(judgement.missing)} of {len(judgement.readings)} rules not judged")
    # A judgement of another regime than the one in force speaks for that other one.
    own = judgement.confidence if judgement.regime is memory.regime else 1.0 - judgement.confidence
    return look.says("regime", None, memory.regime.value, ", ".join(told), own)


def _stood(memory: SignalMemory, sessions: int, now: datetime) -> str:
    if memory.regime_since is None:
        return f"for {sessions} sessions"
    return f"for {(now - memory.regime_since) / timedelta(minutes=1):.0f} minutes"


def _implied_level(look: _Look) -> Iterator[Signal]:
    inputs, month, ivp = look.inputs, look.inputs.month_iv, look.month.ivp
    past = inputs.outlook.past_vix
    known = past[np.isfinite(past)]
    if month is None or ivp is None:
        missing = "no 30-day volatility" if month is None else "no past of India VIX"
        yield look.abstains("iv_percentile", missing)
        yield look.abstains("iv_rank", missing)
        return
    settings = inputs.regime_settings
    text = f"{month:.1%} ({inputs.month_iv_origin}) is above {ivp:.0f} % of {len(known)} sessions (vix_proxy)"
    yield look.says("iv_percentile", ivp, _band(ivp, settings), text, look.past_share)
    low, high = float(known.min()), float(known.max())
    if not high > low:
        yield look.abstains("iv_rank", "the past never moved")
        return
    rank = 100.0 * (month - low) / (high - low)
    text = f"{rank:.0f} between {low:.1%} and {high:.1%} (vix_proxy)"
    yield look.says("iv_rank", rank, _band(rank, settings), text, look.past_share)


def _band(percentile: float, settings: RegimeSettings) -> str:
    if percentile < settings.low_percentile:
        return "LOW"
    return "HIGH" if percentile > settings.high_percentile else "MIDDLE"


def _term(look: _Look) -> Signal:
    term = chain_term(look.inputs.view)
    known = [point for point in term.points if point.volatility is not None]
    text = ", ".join(f"{point.days} d {point.volatility:.1%}" for point in known)
    if term.shape is TermShape.UNKNOWN or term.slope is None:
        return look.abstains("term_structure", "fewer than two constant maturities are listed", text=text)
    return look.says("term_structure", term.slope, term.shape.value, text, len(known) / len(term.points))


def _gamma_pin(look: _Look) -> Signal:
    days = _days_to_nearest(look)
    distance = None if look.nearest is None else look.walls_of(look.nearest).distance(look.level)
    if days is None or distance is None:
        return look.abstains("gamma_pin", "no wall of open interest beside a known level")
    settings = look.inputs.regime_settings
    is_pinned = distance <= settings.pin_distance and days <= settings.pin_days_max
    text = f"nearest wall {distance:.2%} away, {days:.1f} days to expiry"
    return look.says("gamma_pin", distance, "PIN" if is_pinned else "NO_PIN", text, expiry=look.nearest)


def _foreign(look: _Look) -> Signal:
    name, stand = "foreign_futures", look.inputs.outlook.foreign
    if stand.percentile is None or stand.long_share is None or stand.day is None:
        text = "" if stand.long_share is None else f"long {stand.long_share:.0%} on {stand.day}"
        return replace(look.abstains(name, stand.missing, stand.long_share, text), age_s=None)
    percentile = stand.percentile
    word = CROWD_OF_BAND[_band(percentile, look.inputs.regime_settings)]
    text = f"long {stand.long_share:.0%}, above {percentile:.0f} % of its year"
    session = look.inputs.rules.calendar.session(stand.day)
    closed = None if session is None else session.windows[-1][1]
    age_s = None if closed is None else figure((look.inputs.now - closed).total_seconds())
    return Signal(
        name=name, value=figure(percentile), says=word, text=text, age_s=age_s, confidence=1.0
    )  # of the exchange's own book, whatever the quotes are worth


def _of_expiry(look: _Look, expiry: date) -> Iterator[Signal]:
    level = at_the_money(look.inputs.view, expiry)
    walls = look.walls_of(expiry)
    yield _iv_rv(look, expiry, level)
    yield _expected_move(look, expiry, level)
    yield _skew(look, expiry)
    yield _wall(look, expiry, "call_wall", walls.call, "calls")
    yield _wall(look, expiry, "put_wall", walls.put, "puts")
    yield _events(look, expiry)


def _iv_rv(look: _Look, expiry: date, level: AtTheMoney | None) -> Signal:
    outlook = look.inputs.outlook
    if level is None:
        return look.abstains("iv_rv", "at-the-money volatility is not pinned by quotes", expiry=expiry)
    try:
        premium = judge_premium(look.inputs, level, look.month)
    except DateNotCovered as error:  # a signal less, not a step that fails
        return look.abstains("iv_rv", error.message, expiry=expiry)
    forecast = premium.forecast
    if forecast is None:
        missing = outlook.missing or f"no model reaches {premium.sessions:.1f} sessions"
        return look.abstains("iv_rv", missing, expiry=expiry)
    text = f"forecast {forecast.volatility:.1%}"
    if premium.implied is not None and premium.spread is not None:
        text = f"implied {premium.implied:.1%} less {text} is {premium.spread:+.1%}"
    if premium.signal is IvRvSignal.ABSTAIN:
        missing = "no implied volatility" if premium.spread is None else "no past of the 30-day spread"
        return look.abstains("iv_rv", missing, premium.spread, text, expiry)
    if premium.z is not None and premium.fall is not None:
        text += (
            f", z {premium.z:+.1f}, lost {premium.fall:+.1%} in {look.inputs.iv_rv_settings.fall_sessions}"
        )
    agreement = 1.0 - forecast.dispersion / forecast.volatility
    share = min(look.past_share, agreement)
    return look.says("iv_rv", premium.spread, premium.signal.value, text, share, expiry=expiry)


def _expected_move(look: _Look, expiry: date, level: AtTheMoney | None) -> Signal:
    if level is None:
        return look.abstains("expected_move", "the straddle is not pinned by quotes", expiry=expiry)
    text = f"{level.straddle:.0f} points, {level.straddle / level.forward:.2%} of {level.forward:.0f}"
    return look.says("expected_move", level.straddle, "PRICED", text, expiry=expiry)


def _skew(look: _Look, expiry: date) -> Signal:
    view = look.inputs.view
    listing, rows = view.listing, view.listing.rows_of(expiry)
    is_call, i = listing.is_call[rows], listing.expiries.index(expiry)
    reversal = risk_reversal(
        listing.strike[rows][is_call],
        view.sigma[rows][is_call],
        float(view.forwards.forward[i]),
        float(view.years[i]),
    )
    if reversal is None:
        return look.abstains("skew_25_delta", "no put and call of 25 delta are quoted", expiry=expiry)
    text = f"put less call {100.0 * reversal:+.2f} points"
    return look.abstains("skew_25_delta", SKEW_HISTORY_MISSING, reversal, text, expiry)


def _wall(look: _Look, expiry: date, name: str, wall: Wall | None, side: str) -> Signal:
    if wall is None:
        return look.abstains(name, f"no open interest in {side}", expiry=expiry)
    text = f"{wall.share:.0%} of the {side}"
    if look.level > 0.0:
        text = f"{wall.strike / look.level - 1.0:+.2%} from the level, {text}"
    return look.says(name, wall.strike, f"{wall.strike:.0f}", text, expiry=expiry)


def _events(look: _Look, expiry: date) -> Signal:
    inputs = look.inputs
    today = inputs.now.date()
    until = max(today, event_horizon(today, expiry, inputs.event_horizon_days))
    listed = inputs.view.listing.expiries
    risk = events_ahead(inputs.events, inputs.rules.calendar, listed, today, until)
    if risk.score is None:
        return look.abstains("event_score", risk.missing, expiry=expiry)
    highest = risk.score.highest_class or EventClass.C
    heaviest = [f"{one.event.kind.value} {one.event.day.isoformat()}" for one in risk.score.impacts[:2]]
    text = f"{', '.join(heaviest) or 'nothing'} until {until.isoformat()}"
    if risk.not_known:
        text += f"; not known: {', '.join(risk.not_known)}"
    return Signal(
        name="event_score",
        value=figure(risk.score.score),
        says=f"CLASS_{highest.value}",
        text=text,
        age_s=None,
        confidence=figure(1.0 - len(risk.not_known) / KINDS_LISTED),
        expiry=expiry,
    )


def _known_share(past: FloatArray, wanted: int) -> float:
    return min(1.0, int(np.isfinite(past).sum()) / wanted)


def _known(value: float | None) -> float | None:
    return figure(value) if value is not None and math.isfinite(value) else None
