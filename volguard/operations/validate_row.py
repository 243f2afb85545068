"""What a check is: a look at one thing that a session depends on, and the row that it ends in.

A check is a function of a context and returns a finding; whatever it raises on purpose becomes a failed row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from volguard.config.loader import Loaded
from volguard.config.roots import Root
from volguard.config.settings import Settings
from volguard.model.decision import Phase
from volguard.model.errors import ConfigError, VolguardError
from volguard.model.instrument import Underlying
from volguard.nse.rules import Rules
from volguard.ports import Clock

if TYPE_CHECKING:
    from volguard.operations.validate_live import Live


class Verdict(StrEnum):
    """How a check ended."""

    PASS = "pass"
    WARN = "warn"  # a session can run; a person should know
    FAIL = "fail"
    SKIPPED = "skipped"  # not looked at, and the reason says why


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One figure that was seen, as text with its unit, and what it was held against ("": nothing)."""

    name: str
    seen: str
    limit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found; `mend` is the command or the edit that puts it right."""

    verdict: Verdict
    reason: str
    evidence: tuple[Evidence, ...] = ()
    mend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A finding under the name of its check."""

    id: str
    finding: Finding

    @property
    def verdict(self) -> Verdict:
        """How the check ended."""
        return self.finding.verdict


class AlertChannel(Protocol):
    """A way to reach the operator."""

    name: str

    def probe(self) -> None:
        """Send a word that needs no answer. Raises VolguardError when it does not get through."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Context:
    """All that checks look at. `at` is when the look began; `live` is None without the network.

    `loaded` and `rules` are None where the configuration does not load: the row `configuration` says why.
    """

    root: Root
    overrides: tuple[str, ...]
    preset: str | None
    environ: Mapping[str, str]
    clock: Clock
    at: datetime
    loaded: Loaded[Settings] | None
    rules_made: Rules | None
    phase: Phase | None
    live: Live | None
    free_bytes: Callable[[Path], int]
    alert_channels: tuple[AlertChannel, ...]

    @property
    def settings(self) -> Settings:
        """The settings. Raises ConfigError where they did not load."""
        if self.loaded is None:
            raise ConfigError("the configuration does not load", hint="see the row configuration")
        return self.loaded.settings

    @property
    def rules(self) -> Rules:
        """The exchange's rules. Raises ConfigError where the configuration did not load."""
        if self.rules_made is None:
            raise ConfigError("the configuration does not load", hint="see the row configuration")
        return self.rules_made

    @property
    def underlying(self) -> Underlying:
        """What is traded."""
        return Underlying(self.settings.market.underlying)

    def command(self, words: str) -> str:
        """A command that mends something, aimed at where this look was aimed."""
        if self.loaded is None or not self.settings.upstox.is_rehearsal:
            return f"volguard {words}"
        return f"volguard {words} --base-url {self.settings.upstox.base_url}"

    @property
    def today(self) -> date:
        """The date of the look, IST."""
        return self.at.date()

    @property
    def session_day(self) -> date:
        """The session that is looked ahead to: today's where there is one, else the next."""
        calendar = self.rules.calendar
        return self.today if calendar.is_trading_day(self.today) else calendar.next_trading_day(self.today)

    @property
    def furthest_expiry(self) -> date:
        """The last date of an expiry that the buckets may hold."""
        days = [bucket.expiry_days_max for bucket in self.settings.bucket.values() if bucket.is_enabled]
        return self.session_day + timedelta(days=max(days, default=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check with its name, what it looks at in a few words, and what it needs."""

    id: str
    title: str
    look: Callable[[Context], Finding]
    is_live: bool = False
    needs_settings: bool = True


def passed(reason: str, *evidence: Evidence) -> Finding:
    """Nothing to do."""
    return Finding(verdict=Verdict.PASS, reason=reason, evidence=evidence)


def warned(reason: str, *evidence: Evidence, mend: str) -> Finding:
    """A session can run, and a person should know."""
    return Finding(verdict=Verdict.WARN, reason=reason, evidence=evidence, mend=mend)


def failed(reason: str, *evidence: Evidence, mend: str) -> Finding:
    """No session should run on this."""
    return Finding(verdict=Verdict.FAIL, reason=reason, evidence=evidence, mend=mend)


def skipped(reason: str, *evidence: Evidence, mend: str = "") -> Finding:
    """Not looked at, and why."""
    return Finding(verdict=Verdict.SKIPPED, reason=reason, evidence=evidence, mend=mend)


def looked_at(check: Check, context: Context) -> Row:
    """The row of one check; an error on purpose, or of a file, is a failed row and never leaves."""
    if check.needs_settings and context.loaded is None:
        reason = "the configuration does not load"
        return Row(id=check.id, finding=skipped(reason, mend="see the row configuration"))
    if check.is_live and context.live is None:
        return Row(id=check.id, finding=skipped("needs the network", mend="add --live"))
    try:
        finding = check.look(context)
    except VolguardError as error:
        finding = failed(error.message, mend=error.hint)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        finding = failed(f"{where}{error.strerror or type(error).__name__}", mend="see that it can be read")
    return Row(id=check.id, finding=finding)
