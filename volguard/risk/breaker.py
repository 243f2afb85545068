"""A circuit breaker as a pure machine: too many failures stop new attempts, then one is tried, then all.

One machine serves orders and the feed; they differ in their settings alone. It is asked before an order that
adds risk (or a connection); orders that only reduce risk go out without asking, and their outcomes count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from volguard.model.errors import InvariantBroken
from volguard.model.units import figure


class Circuit(StrEnum):
    """Where the breaker stands: CLOSED lets all through, OPEN none, HALF_OPEN one."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


class Word(StrEnum):
    """What can happen to a breaker."""

    TRIPPED = "tripped"
    COOLED = "cooled"
    PROVED = "proved"
    FAILED = "failed"


C = Circuit

TRANSITIONS: Final[dict[tuple[Circuit, Word], Circuit]] = {
    (C.CLOSED, Word.TRIPPED): C.OPEN,
    (C.OPEN, Word.COOLED): C.HALF_OPEN,
    (C.HALF_OPEN, Word.PROVED): C.CLOSED,  # only the one attempt itself proves anything
    (C.HALF_OPEN, Word.FAILED): C.OPEN,  # any failure, and an attempt that nobody answers
}


class OutcomeKind(StrEnum):
    """How an attempt ended: answered well, answered badly, or not answered in time."""

    OK = "ok"
    FAILED = "failed"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one attempt; `key` names it for ever (an order's tag and act), so that a double is known."""

    key: str
    kind: OutcomeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """When a breaker opens, and for how long. A rule set to 0 is off; at least one must be on.

    `error_rate_max` is a share of the attempts within the window, judged from `error_rate_outcomes_min`
    attempts on. A time-out is a failure too.
    """

    consecutive_failures_max: int
    window_failures_max: int
    window_timeouts_max: int
    error_rate_max: float
    error_rate_outcomes_min: int
    window_s: float
    open_s: float

    def __post_init__(self) -> None:
        counts = ("consecutive_failures_max", "window_failures_max", "window_timeouts_max")
        for name in counts:
            if getattr(self, name) < 0:
                raise ValueError(f"{name} was {getattr(self, name)}, must be 0 (off) or more")
        if not 0 <= self.error_rate_max <= 1:
            raise ValueError(f"error_rate_max was {self.error_rate_max}, must be in [0, 1], 0 is off")
        if self.error_rate_outcomes_min < 1:
            raise ValueError(
                f"error_rate_outcomes_min was {self.error_rate_outcomes_min}, must be at least 1"
            )
        for name in ("window_s", "open_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} was {getattr(self, name)}, must be above 0")
        if not (any(getattr(self, name) for name in counts) or self.error_rate_max):
            raise ValueError(f"every rule was 0, one of {', '.join(counts)} or error_rate_max must be above")


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """An outcome that is remembered; it counts until the breaker closes, then it only tells doubles apart."""

    at: datetime
    key: str
    kind: OutcomeKind
    counts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerState:
    """All that a restart must bring back. `probe`: the one attempt under way while HALF_OPEN.

    `until`: while OPEN when it is over; while HALF_OPEN with a probe when that counts as not answered.
    """

    circuit: Circuit = Circuit.CLOSED
    until: datetime | None = None
    probe: str = ""
    reason: str = ""  # why it opened last
    noted: tuple[Noted, ...] = ()  # oldest first


def advance(state: BreakerState, now: datetime, settings: BreakerSettings) -> BreakerState:
    """The state at `now`: an open breaker cools, an attempt that nobody answered fails. Due at every step."""
    if state.until is None or now < state.until:
        return state
    if state.circuit is C.OPEN:
        return replace(state, circuit=_moved(state, Word.COOLED), until=None)
    lost = replace(
        state,
        circuit=_moved(state, Word.FAILED),
        until=state.until + timedelta(seconds=settings.open_s),
        probe="",
        reason=f"{state.probe} was not answered within {settings.open_s:.0f} s",
    )
    return advance(lost, now, settings)


def may_send(state: BreakerState, now: datetime) -> bool:
    """Whether one more attempt may leave at `now`; while HALF_OPEN none until the one is answered."""
    if state.circuit is C.OPEN:
        return state.until is not None and now >= state.until
    return state.circuit is C.CLOSED or not state.probe


def note_sent(state: BreakerState, key: str, now: datetime, settings: BreakerSettings) -> BreakerState:
    """The state after an attempt that asked first has left. Raises InvariantBroken when it might not leave.

    The same key again while it is under way is a double and changes nothing.
    """
    current = advance(state, now, settings)
    if current.probe and current.probe == key:
        return current
    if not may_send(current, now):
        raise InvariantBroken(f"{key} was sent while the breaker was {current.circuit.value}")
    if current.circuit is C.CLOSED:
        return current
    return replace(current, probe=key, until=now + timedelta(seconds=settings.open_s))


def note_outcome(
    state: BreakerState, outcome: Outcome, now: datetime, settings: BreakerSettings
) -> BreakerState:
    """The state after the end of one attempt. The first word on a key counts; any more change nothing.

    Keys are remembered for `window_s` and `open_s` together, and as long as their failures still count.
    """
    current = advance(state, now, settings)
    if any(noted.key == outcome.key for noted in current.noted):
        return current
    heard = Noted(at=now, key=outcome.key, kind=outcome.kind)
    current = replace(current, noted=_kept((*current.noted, heard), now, settings))
    if current.circuit is C.CLOSED:
        reason = _trip_reason(current.noted, now, settings)
        return _opened(current, Word.TRIPPED, reason, now, settings) if reason else current
    if current.circuit is C.OPEN:
        return current
    if outcome.kind is not OutcomeKind.OK:
        reason = f"{outcome.key} {outcome.kind.value.replace('_', ' ')} while one attempt was tried"
        return _opened(current, Word.FAILED, reason, now, settings)
    return _closed(current) if outcome.key == current.probe else current


def refusal(state: BreakerState, now: datetime) -> str:
    """Why nothing more may leave at `now`, for a person; empty when it may."""
    if may_send(state, now):
        return ""
    if state.circuit is C.HALF_OPEN:
        return f"the breaker is half open and waits for {state.probe}"
    left_s = (state.until - now).total_seconds() if state.until is not None else math.inf
    return f"the breaker is open for {left_s:.0f} s more: {state.reason}"


def _moved(state: BreakerState, word: Word) -> Circuit:
    target = TRANSITIONS.get((state.circuit, word))
    if target is None:
        raise InvariantBroken(f"{word.value} is not possible while the breaker is {state.circuit.value}")
    return target


def _opened(
    state: BreakerState, word: Word, reason: str, now: datetime, settings: BreakerSettings
) -> BreakerState:
    until = now + timedelta(seconds=settings.open_s)
    return replace(state, circuit=_moved(state, word), until=until, probe="", reason=reason)


def _closed(state: BreakerState) -> BreakerState:
    # A fresh start: what opened it is remembered for doubles alone, or it would open again at once.
    noted = tuple(replace(old, counts=False) for old in state.noted)
    return BreakerState(circuit=_moved(state, Word.PROVED), noted=noted)


def _kept(noted: Sequence[Noted], now: datetime, settings: BreakerSettings) -> tuple[Noted, ...]:
    since = now - timedelta(seconds=settings.window_s + settings.open_s)
    run = _failures_in_a_row(noted)[-settings.consecutive_failures_max :]
    running = {old.key for old in run} if settings.consecutive_failures_max else set()
    return tuple(old for old in noted if old.at >= since or old.key in running)


def _failures_in_a_row(noted: Sequence[Noted]) -> list[Noted]:
    run: list[Noted] = []
    for old in reversed(noted):
        if old.kind is OutcomeKind.OK:
            break
        run.append(old)
    return run[::-1]


def _trip_reason(noted: Sequence[Noted], now: datetime, settings: BreakerSettings) -> str:
    since = now - timedelta(seconds=settings.window_s)
    recent = [old for old in noted if old.counts and old.at >= since]
    found = (rule(noted, recent, settings) for rule in _RULES)
    return next((text for text in found if text), "")


def _in_a_row(noted: Sequence[Noted], _recent: Sequence[Noted], settings: BreakerSettings) -> str:
    count, limit = len(_failures_in_a_row(noted)), settings.consecutive_failures_max
    return f"{count} failures in a row, limit {limit}" if limit and count >= limit else ""


def _in_window(_noted: Sequence[Noted], recent: Sequence[Noted], settings: BreakerSettings) -> str:
    count, limit = _failures(recent), settings.window_failures_max
    text = f"{count} failures within {settings.window_s:.0f} s, limit {limit}"
    return text if limit and count >= limit else ""


def _timeouts(_noted: Sequence[Noted], recent: Sequence[Noted], settings: BreakerSettings) -> str:
    count = sum(old.kind is OutcomeKind.TIMED_OUT for old in recent)
    limit = settings.window_timeouts_max
    text = f"{count} time-outs within {settings.window_s:.0f} s, limit {limit}"
    return text if limit and count >= limit else ""


def _error_rate(_noted: Sequence[Noted], recent: Sequence[Noted], settings: BreakerSettings) -> str:
    if not settings.error_rate_max or len(recent) < settings.error_rate_outcomes_min:
        return ""
    count = _failures(recent)
    if figure(count / len(recent)) < figure(settings.error_rate_max):
        return ""
    return (
        f"{count} of {len(recent)} attempts failed within {settings.window_s:.0f} s, "
        f"limit {settings.error_rate_max:.0%}"
    )


def _failures(noted: Sequence[Noted]) -> int:
    return sum(old.kind is not OutcomeKind.OK for old in noted)


_RULES: Final[tuple[Callable[[Sequence[Noted], Sequence[Noted], BreakerSettings], str], ...]] = (
    _in_a_row,
    _in_window,
    _timeouts,
    _error_rate,
)
