"""Fetches daily and one-minute bars chunk by chunk: what is there is never asked for twice or changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final

from volguard.adapters.bars import Bar
from volguard.adapters.daily_file import DailyFile
from volguard.adapters.manifest import FileKind, FileState, Span
from volguard.adapters.minute_files import MinuteMonth
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.market_reads import candle_spans
from volguard.adapters.upstox.wire_candles import Candle
from volguard.model.errors import UsageError
from volguard.nse.calendar import Calendar, SessionKind
from volguard.operations.data_desk import DataDesk
from volguard.operations.data_history_outcome import HistoryFetched, Interval, SeriesOutcome
from volguard.operations.data_series import CandleReads, Series
from volguard.operations.data_spans import (
    ONE_DAY,
    has_session,
    joined_spans,
    months_of,
    to_ask,
    trading_days,
)

DAILY_REACH: Final = timedelta(days=5 * 365 + 2)  # the slowest model looks back a thousand sessions
MINUTE_REACH: Final = timedelta(days=31)
OPTION_REACH: Final = timedelta(days=100)
SHORT_SHARE: Final = 0.9  # of the usual number of bars of a day


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRequest:
    """What to fetch; ends left out are chosen by interval and series, and today is never finished."""

    interval: Interval
    first: date | None
    last: date | None
    force: bool
    source: str  # the broker's address, for the manifest


def fetch_history(
    series: Sequence[Series],
    request: HistoryRequest,
    desk: DataDesk,
    reads: CandleReads,
    *,
    folder: Path,
    calendar: Calendar,
) -> HistoryFetched:
    """Fetch bars into `folder`, each chunk stored whole before the next is asked for.

    Chunks that were answered before, and lack no trading day, are not asked for again unless forced; nor are
    bars replaced that are there with other figures. Raises ApiFailure when the broker is away: what is stored
    by then stays, and the same command goes on from there.
    """
    runs = [_Run(one, request, desk, reads, folder, calendar) for one in series]
    total = sum(len(run.chunks) for run in runs)
    done = 0
    for run in runs:
        for chunk in run.chunks:
            if desk.is_stopped():
                break
            desk.progress(done, total, f"{run.outcome.series.label} {chunk[0]} to {chunk[1]}")
            try:
                run.take(chunk)
            except ApiFailure:
                if desk.is_stopped():  # a wish to stop cuts waits short, and the call with them
                    break
                raise
            done += 1
        else:
            run.outcome.is_complete = True
        run.finish()
    desk.progress(done, total, "done")
    return HistoryFetched(outcomes=tuple(run.outcome for run in runs))


class _Run:
    # One series, gone through chunk by chunk.

    def __init__(
        self,
        series: Series,
        request: HistoryRequest,
        desk: DataDesk,
        reads: CandleReads,
        folder: Path,
        calendar: Calendar,
    ) -> None:
        first, last = _dates(series, request, desk.moment().date())
        self.outcome = SeriesOutcome(series=series, interval=request.interval, first=first, last=last)
        self._request = request
        self._desk = desk
        self._reads = reads
        self._folder = folder
        self._calendar = calendar
        self._is_daily = request.interval is Interval.DAY
        days, self.outcome.checked_from = trading_days(calendar, first, last)
        self._trading_days = frozenset(days)
        self._bar_counts: dict[date, int] = {}
        self.chunks = candle_spans("days", 1, first, last) if self._is_daily else months_of(first, last)

    def take(self, chunk: Span) -> None:
        file = self._file(chunk)
        span = chunk if self._request.force else self._open_span(file, chunk)
        if span is not None:
            joined = file.add(self._bars(span), force=self._request.force)
            outcome = self.outcome
            outcome.asked.append(span)
            outcome.added += joined.added
            outcome.same += joined.same
            outcome.replaced += joined.replaced
            outcome.conflicts += joined.conflicts
            self._record(file, span)
        self._count(file, chunk)

    def finish(self) -> None:
        outcome = self.outcome
        outcome.bars = sum(self._bar_counts.values())
        if not outcome.is_complete or not self._bar_counts:
            return
        held = self._bar_counts.keys()
        outcome.begins = min(held)
        outcome.gaps = tuple(sorted(self._missing(held)))
        outcome.off_days = tuple(day for day in sorted(held) if self._is_off(day))
        if not self._is_daily and outcome.series.contract is None:
            outcome.short_days = tuple(self._short_days())

    def _file(self, chunk: Span) -> DailyFile | MinuteMonth:
        series = self.outcome.series
        if self._is_daily:
            return DailyFile(self._folder, series.name, with_quantities=series.contract is not None)
        return MinuteMonth(self._folder, series.name, chunk[0])

    # An option may go days without a trade: of it only what was never asked for is open.
    def _open_span(self, file: DailyFile | MinuteMonth, chunk: Span) -> Span | None:
        entry = self._desk.manifest.entry_of(file.path) if file.path.is_file() else None
        if entry is not None and self._desk.manifest.state_of(entry) is FileState.CHANGED:
            self._desk.note(f"{file.path} is not as it was written last: its bars are taken as they are")
        held = self._bar_counts.keys() | _days_of(file).keys()
        gaps = self._missing(held) if self.outcome.series.contract is None else ()
        return to_ask(chunk, entry.spans if entry is not None else (), gaps)

    # What begins later than it was asked for has nothing before to miss: an option is listed one day.
    def _missing(self, held: Collection[date]) -> frozenset[date]:
        return frozenset(day for day in self._trading_days.difference(held) if held and day > min(held))

    def _bars(self, span: Span) -> list[Bar[Any]]:
        today = self._desk.moment().date()
        candles = [
            candle
            for candle in self._candles(span)
            if span[0] <= candle.starts_at.date() <= span[1] and candle.starts_at.date() < today
        ]
        return [_bar(candle, is_daily=self._is_daily) for candle in candles]

    def _candles(self, span: Span) -> tuple[Candle, ...]:
        series, (first, last) = self.outcome.series, span
        if series.is_expired:
            interval = "day" if self._is_daily else "1minute"
            return self._reads.expired_candles(series.key, interval, first=first, last=last)
        unit = "days" if self._is_daily else "minutes"
        return self._reads.candles_of_span(series.key, unit, 1, first=first, last=last)

    def _record(self, file: DailyFile | MinuteMonth, span: Span) -> None:
        if not file.bars:
            return
        manifest = self._desk.manifest
        before = manifest.entry_of(file.path)
        starts = sorted(file.bars)
        manifest.record(
            file.path,
            kind=FileKind.DAILY if self._is_daily else FileKind.MINUTE,
            instrument=self.outcome.series.label,
            first=starts[0].isoformat(),
            last=starts[-1].isoformat(),
            rows=len(starts),
            source=self._request.source,
            fetched_at=self._desk.moment(),
            spans=joined_spans([*(before.spans if before is not None else ()), span]),
        )

    def _count(self, file: DailyFile | MinuteMonth, chunk: Span) -> None:
        for day, count in _days_of(file).items():
            if chunk[0] <= day <= chunk[1]:
                self._bar_counts[day] = count
        if file.path.is_file() and file.path not in self.outcome.paths:
            self.outcome.paths.append(file.path)

    def _is_off(self, day: date) -> bool:
        known_from = self.outcome.checked_from
        return known_from is not None and day >= known_from and not has_session(self._calendar, day)

    def _short_days(self) -> Iterator[date]:
        usual = median(self._bar_counts.values())
        for day, count in sorted(self._bar_counts.items()):
            session = self._calendar.session(day) if day in self._trading_days else None
            if session is not None and session.kind is SessionKind.REGULAR and count < SHORT_SHARE * usual:
                yield day


def _dates(series: Series, request: HistoryRequest, today: date) -> Span:
    last = min(day for day in (request.last, series.last_day, today - ONE_DAY) if day is not None)
    reach = DAILY_REACH if request.interval is Interval.DAY else MINUTE_REACH
    if series.contract is not None and request.interval is Interval.DAY:
        reach = OPTION_REACH
    first = request.first or last - reach
    if first > last:
        raise UsageError(
            f"{series.label}: from {first} to {last} is no day",
            hint="today is never finished, and an option ends with its expiry",
        )
    return first, last


def _bar(candle: Candle, *, is_daily: bool) -> Bar[Any]:
    start: date | datetime = candle.starts_at.date() if is_daily else candle.starts_at
    return Bar(
        start=start,
        open=candle.open,
        high=candle.high,
        low=candle.low,
        close=candle.close,
        volume=candle.volume,
        oi=candle.oi,
    )


def _days_of(file: DailyFile | MinuteMonth) -> dict[date, int]:
    return dict.fromkeys(file.days, 1) if isinstance(file, DailyFile) else file.days
