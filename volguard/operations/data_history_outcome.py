"""What a run of `volguard data history` found and did, series by series."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from volguard.adapters.bars import Conflict
from volguard.adapters.manifest import Span
from volguard.model.errors import GateFailed
from volguard.operations.data_desk import DataDesk
from volguard.operations.data_series import Series

SCHEMA: Final = "volguard.data_history/1"


class Interval(StrEnum):
    """How long a bar is."""

    DAY = "day"
    MINUTE = "minute"


@dataclass(slots=True, kw_only=True)
class SeriesOutcome:
    """What a run found and did for one series.

    `begins`: the first day that has a bar; `gaps`: trading days after it without one; `short_days`: ordinary
    days with far fewer bars than usual; `off_days`: days with bars and without a session. The calendar knows
    the days from `checked_from` on (None: none of them).
    """

    series: Series
    interval: Interval
    first: date
    last: date
    asked: list[Span] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    bars: int = 0
    added: int = 0
    same: int = 0
    replaced: int = 0
    conflicts: list[Conflict[Any]] = field(default_factory=list)
    begins: date | None = None
    gaps: tuple[date, ...] = ()
    short_days: tuple[date, ...] = ()
    off_days: tuple[date, ...] = ()
    checked_from: date | None = None
    is_complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFetched:
    """A run over some series, and whether it was cut short."""

    outcomes: tuple[SeriesOutcome, ...]

    @property
    def is_interrupted(self) -> bool:
        """Some series was not gone through to its end."""
        return not all(outcome.is_complete for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        """3 where other figures came than are there, or an index lacks a trading day; else 0.

        An option may go a day without a trade.
        """
        is_lacking = any(outcome.gaps and outcome.series.contract is None for outcome in self.outcomes)
        conflicts = any(outcome.conflicts for outcome in self.outcomes)
        return GateFailed.exit_code if is_lacking or conflicts else 0


def history_document(fetched: HistoryFetched, desk: DataDesk) -> dict[str, Any]:
    """A run as JSON."""
    return {
        "schema": SCHEMA,
        "interrupted": fetched.is_interrupted,
        "series": [_series_document(outcome, desk) for outcome in fetched.outcomes],
    }


def _series_document(outcome: SeriesOutcome, desk: DataDesk) -> dict[str, Any]:
    contract = outcome.series.contract
    return {
        "instrument": outcome.series.label,
        "key": outcome.series.key,
        "expiry": None if contract is None else contract.expiry.isoformat(),
        "interval": outcome.interval.value,
        "first": outcome.first.isoformat(),
        "last": outcome.last.isoformat(),
        "complete": outcome.is_complete,
        "paths": [desk.place(path) for path in outcome.paths],
        "asked": [[first.isoformat(), last.isoformat()] for first, last in outcome.asked],
        "bars": outcome.bars,
        "added": outcome.added,
        "same": outcome.same,
        "replaced": outcome.replaced,
        "conflicts": [{"start": c.start.isoformat(), "text": c.text} for c in outcome.conflicts],
        "checked_from": outcome.checked_from.isoformat() if outcome.checked_from is not None else None,
        "begins": outcome.begins.isoformat() if outcome.begins is not None else None,
        "gaps": _texts(outcome.gaps),
        "short_days": _texts(outcome.short_days),
        "off_days": _texts(outcome.off_days),
    }


def _texts(days: Iterable[date]) -> list[str]:
    return [day.isoformat() for day in days]
