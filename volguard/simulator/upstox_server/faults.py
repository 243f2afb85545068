"""Scripted faults of the look-alike: each by name, on a schedule drawn from a seed, each strike on record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import numpy as np


class FaultName(StrEnum):
    """What can go wrong, named as on the command line."""

    LATENCY = "latency"
    RATE_LIMIT = "rate_limit"
    RATE_LIMIT_IN_200 = "rate_limit_in_200"
    SERVER_ERROR_BEFORE = "server_error_before"
    SERVER_ERROR_AFTER = "server_error_after"
    DROPPED_REPLY = "dropped_reply"
    HTML_403 = "html_403"
    EMPTY_400 = "empty_400"
    TORN_FRAME = "torn_frame"
    DEAD_SOCKET = "dead_socket"
    STALLED_SOCKET = "stalled_socket"
    TOKEN_DEATH = "token_death"
    FROZEN_INSTRUMENT = "frozen_instrument"
    LATE_FILL = "late_fill"
    DUPLICATE_UPDATES = "duplicate_updates"
    REORDERED_UPDATES = "reordered_updates"
    PARTIAL_207 = "partial_207"
    LOST_UPDATES = "lost_updates"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """When a fault strikes: by chance, at every n-th asking, at moments, once after a while; any of them.

    `where` names calls that it may strike (empty: all that it can). `after_s` counts from the first asking.
    `size` is in seconds: of latency, of a freeze, of a stall.
    """

    name: FaultName
    probability: float = 0.0
    every: int = 0
    at: tuple[datetime, ...] = ()
    after_s: float | None = None
    where: frozenset[str] = frozenset()
    times_max: int | None = None
    size: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"probability of {self.name} was {self.probability}, must be from 0 to 1")
        if not (self.probability or self.every or self.at or self.after_s is not None):
            raise ValueError(f"fault {self.name} has no schedule")


# What `--fault NAME` does: often enough to be met in a rehearsed morning, rarely enough to get through it.
SHIPPED: Final = {
    rule.name: rule
    for rule in (
        FaultRule(name=FaultName.LATENCY, probability=0.2, size=2.0),
        FaultRule(name=FaultName.RATE_LIMIT, probability=0.05),
        FaultRule(name=FaultName.RATE_LIMIT_IN_200, probability=0.03),
        FaultRule(name=FaultName.SERVER_ERROR_BEFORE, probability=0.03),
        FaultRule(name=FaultName.SERVER_ERROR_AFTER, probability=0.03),
        FaultRule(name=FaultName.DROPPED_REPLY, probability=0.03),
        FaultRule(name=FaultName.HTML_403, probability=0.02),
        FaultRule(name=FaultName.EMPTY_400, probability=0.02),
        FaultRule(name=FaultName.TORN_FRAME, every=400),
        FaultRule(name=FaultName.DEAD_SOCKET, every=600),
        FaultRule(name=FaultName.STALLED_SOCKET, every=900, size=45.0),
        FaultRule(name=FaultName.TOKEN_DEATH, after_s=600.0),
        FaultRule(name=FaultName.FROZEN_INSTRUMENT, after_s=120.0, size=300.0),
        FaultRule(name=FaultName.LATE_FILL, probability=0.3),
        FaultRule(name=FaultName.DUPLICATE_UPDATES, probability=0.2),
        FaultRule(name=FaultName.REORDERED_UPDATES, probability=0.2),
        FaultRule(name=FaultName.PARTIAL_207, probability=0.3),
        FaultRule(name=FaultName.LOST_UPDATES, probability=0.1),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """One strike: what, when, on which call."""

    name: FaultName
    at: datetime
    where: str


@dataclass(slots=True)
class _Armed:
    rule: FaultRule
    rng: np.random.Generator
    asked: int = 0
    struck: int = 0
    first_asked_at: datetime | None = None
    moments: list[datetime] = field(default_factory=list)

    def strikes(self, now: datetime) -> bool:
        rule = self.rule
        self.asked += 1
        if self.first_asked_at is None:
            self._begin(now)
        # Drawn at every asking, so that one reason to strike does not shift the others.
        by_chance = rule.probability > 0.0 and float(self.rng.random()) < rule.probability
        by_count = rule.every > 0 and self.asked % rule.every == 0
        by_time = bool(self.moments) and now >= self.moments[0]
        if rule.times_max is not None and self.struck >= rule.times_max:
            return False
        if by_time:
            self.moments.pop(0)
        if not (by_chance or by_count or by_time):
            return False
        self.struck += 1
        return True

    def _begin(self, now: datetime) -> None:
        self.first_asked_at = now
        after = () if self.rule.after_s is None else (now + timedelta(seconds=self.rule.after_s),)
        self.moments = sorted((*self.rule.at, *after))


class Faults:
    """Asks the schedules; the same rules, seed and askings strike the same."""

    def __init__(self, rules: Iterable[FaultRule], *, seed: int) -> None:
        self._armed: dict[FaultName, list[_Armed]] = {}
        order = list(FaultName)
        for place, rule in enumerate(rules):
            spawn_key = (order.index(rule.name), place)
            rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=spawn_key)))
            self._armed.setdefault(rule.name, []).append(_Armed(rule=rule, rng=rng))
        self.fired: list[Fired] = []

    @classmethod
    def none(cls) -> Faults:
        """Nothing goes wrong."""
        return cls((), seed=0)

    @classmethod
    def named(cls, names: Iterable[str], *, seed: int) -> Faults:
        """Faults on their shipped schedules. Raises ValueError on a name that is not known."""
        return cls([SHIPPED[FaultName(name)] for name in names], seed=seed)

    def end(self) -> None:
        """Nothing goes wrong any more; what did stays on record."""
        self._armed = {}

    @property
    def is_quiet(self) -> bool:
        """Whether nothing can ever go wrong."""
        return not self._armed

    def strikes(self, name: FaultName, now: datetime, where: str = "") -> bool:
        """Whether a fault strikes this time; a strike is recorded."""
        armed = self._armed.get(name)
        if armed is None:
            return False
        hits = [one.strikes(now) for one in armed if not one.rule.where or where in one.rule.where]
        if not any(hits):
            return False
        self.fired.append(Fired(name=name, at=now, where=where))
        return True

    def size_of(self, name: FaultName) -> float:
        """Seconds of the first rule of a name, 0 without one."""
        armed = self._armed.get(name)
        return armed[0].rule.size if armed else 0.0

    def choose(self, name: FaultName, count: int) -> int:
        """One of `count` ways in which a fault that is armed may show itself."""
        return int(self._armed[name][0].rng.integers(count))

    def names(self, name: FaultName, where: str) -> bool:
        """Whether a rule names a call, rather than striking all."""
        return any(where in one.rule.where for one in self._armed.get(name, ()))
