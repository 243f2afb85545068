"""Fetching history: chunk by chunk, cut anywhere and gone on with, nothing twice, nothing made up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import call, shipped_rules
from tests.operations.data_parts import NOW, CandleBook, Heard, candle, desk_at, unreachable
from volguard.adapters.history import FileHistory
from volguard.adapters.manifest import FileState, Manifest
from volguard.adapters.minute_files import MinuteMonth
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.wire_candles import Candle
from volguard.model.broker import InstrumentKey
from volguard.model.errors import UsageError
from volguard.model.units import IST
from volguard.operations.data_history import HistoryRequest, fetch_history
from volguard.operations.data_history_outcome import HistoryFetched, Interval, history_document
from volguard.operations.data_series import Series

CALENDAR = shipped_rules().calendar
TODAY = NOW.date()
YESTERDAY = TODAY - timedelta(days=1)
INDEX = Series(name="NIFTY", label="NIFTY", key=InstrumentKey("NSE_INDEX|Nifty 50"))
VIX = Series(name="INDIA_VIX", label="INDIA_VIX", key=InstrumentKey("NSE_INDEX|India VIX"))
OPTION = Series(
    name="NIFTY_2026-09-22_24500_CE",
    label="NIFTY 2026-09-22 24500 CE",
    key=InstrumentKey("NSE_FO|1"),
    contract=call(24500),
)
ASKED = HistoryRequest(
    interval=Interval.DAY, first=date(2026, 8, 1), last=None, force=False, source="https://api.upstox.com"
)
DAYS = CALENDAR.trading_days(date(2026, 8, 1), YESTERDAY)
MINUTES = replace(ASKED, interval=Interval.MINUTE, first=date(2026, 6, 20))


def book(**changes: Any) -> CandleBook:
    return CandleBook(CALENDAR, **changes)


def fetched(
    data: Path,
    reads: CandleBook,
    request: HistoryRequest = ASKED,
    *series: Series,
    heard: Heard | None = None,
) -> HistoryFetched:
    return fetch_history(
        series or (INDEX,),
        request,
        desk_at(data, heard),
        reads,
        folder=data / "history",
        calendar=CALENDAR,
    )


def test_daily_bars_become_the_history_that_sessions_read(tmp_path: Path) -> None:
    """Every trading day up to yesterday, in the very file of a session; the manifest knows it."""
    result = fetched(tmp_path, book(), ASKED, INDEX, VIX)
    bars = FileHistory(tmp_path / "history").daily("NIFTY", date(2030, 1, 1))
    assert tuple(bar.day for bar in bars) == DAYS
    assert len(FileHistory(tmp_path / "history").daily("INDIA_VIX", date(2030, 1, 1))) == len(DAYS)
    assert result.exit_code == 0 and not result.is_interrupted
    (outcome, _) = result.outcomes
    assert (outcome.bars, outcome.added, outcome.gaps, outcome.conflicts) == (
        *(len(DAYS), len(DAYS), (), []),
    )
    entry = Manifest(tmp_path).entries()[1]
    assert (entry.path, entry.kind, entry.instrument) == ("history/nifty_daily.csv", "daily", "NIFTY")
    assert (entry.first, entry.last, entry.rows) == ("2026-08-03", "2026-09-15", len(DAYS))
    assert entry.spans == ((date(2026, 8, 1), YESTERDAY),)
    assert Manifest(tmp_path).state_of(entry) is FileState.SAME


def test_today_is_never_among_the_bars(tmp_path: Path) -> None:
    """Even when it is asked for, and even when the broker gives it, the unfinished day is left out."""

    class Eager(CandleBook):
        def bars(self, is_minute: bool, first: date, _last: date) -> Iterator[Candle]:
            return super().bars(is_minute, first, TODAY)

    reads = Eager(CALENDAR)
    fetched(tmp_path, reads, replace(ASKED, last=TODAY + timedelta(days=3)))
    assert FileHistory(tmp_path / "history").daily("NIFTY", date(2030, 1, 1))[-1].day == YESTERDAY


def test_a_second_run_asks_for_nothing(tmp_path: Path) -> None:
    """What was answered is not asked for again; a day later only that day is."""
    fetched(tmp_path, book())
    again = book()
    result = fetched(tmp_path, again)
    assert (again.calls, result.outcomes[0].asked, result.outcomes[0].bars) == ([], [], len(DAYS))
    later = book()
    next_day = desk_at(tmp_path, now=NOW + timedelta(days=1))
    fetch_history([INDEX], ASKED, next_day, later, folder=tmp_path / "history", calendar=CALENDAR)
    assert [(first, last) for _, first, last in later.calls] == [(TODAY, TODAY)]


def test_what_lies_before_is_asked_for_alone(tmp_path: Path) -> None:
    """An earlier first day asks for the days before what is there."""
    fetched(tmp_path, book())
    reads = book()
    fetched(tmp_path, reads, replace(ASKED, first=date(2026, 7, 1)))
    assert [(first, last) for _, first, last in reads.calls] == [(date(2026, 7, 1), date(2026, 7, 31))]
    assert Manifest(tmp_path).entries()[0].spans == ((date(2026, 7, 1), YESTERDAY),)


def test_the_users_own_history_is_compared_and_kept(tmp_path: Path) -> None:
    """A file that was there before is asked for in whole: other figures are named, kept, and exit 3."""
    path = tmp_path / "history" / "nifty_daily.csv"
    path.parent.mkdir()
    path.write_text("date,open,high,low,close\n2026-08-04,1,1,1,1\n")
    result = fetched(tmp_path, book())
    (outcome,) = result.outcomes
    assert [(c.start, c.text.split(",")[0]) for c in outcome.conflicts] == [
        (date(2026, 8, 4), "open: 1.0 is there"),
    ]
    assert (result.exit_code, outcome.bars) == (3, len(DAYS))
    assert "2026-08-04,1,1,1,1\n" in path.read_text()
    forced = fetched(tmp_path, book(), replace(ASKED, force=True))
    assert (forced.exit_code, forced.outcomes[0].replaced, forced.outcomes[0].conflicts) == (0, 1, [])
    assert "2026-08-04,1,1,1,1\n" not in path.read_text()


def test_a_trading_day_without_a_bar_is_named_and_asked_for_again(tmp_path: Path) -> None:
    """A day that the broker left out is no bar made up: it is named, exit 3, and asked for the next time."""
    lost = date(2026, 8, 19)
    result = fetched(tmp_path, book(lost={lost}))
    assert (result.outcomes[0].gaps, result.exit_code) == ((lost,), 3)
    mended = book()
    result = fetched(tmp_path, mended)
    assert [(first, last) for _, first, last in mended.calls] == [(lost, lost)]
    assert (result.outcomes[0].gaps, result.exit_code) == ((), 0)


def test_a_month_that_lacks_its_first_days_is_asked_for_again(tmp_path: Path) -> None:
    """Minutes of days at the start of a later month are missing all the same: named, and asked for again."""
    lost = {date(2026, 8, 3), date(2026, 8, 4)}
    assert fetched(tmp_path, book(lost=lost), MINUTES).outcomes[0].gaps == tuple(sorted(lost))
    mended = book()
    assert fetched(tmp_path, mended, MINUTES).exit_code == 0
    assert [(first, last) for _, first, last in mended.calls] == [(date(2026, 8, 3), date(2026, 8, 4))]


def test_a_history_that_begins_later_than_asked_for_is_told_so(tmp_path: Path) -> None:
    """What the broker does not have before its first bar is no gap: where it begins is told."""
    start = date(2026, 8, 20)
    before = set(CALENDAR.trading_days(date(2026, 8, 1), start - timedelta(days=1)))
    result = fetched(tmp_path, book(lost=before))
    assert (result.outcomes[0].gaps, result.outcomes[0].begins, result.exit_code) == ((), start, 0)
    again = book(lost=before)
    fetched(tmp_path, again)
    assert again.calls == []


def test_bars_of_a_holiday_are_told(tmp_path: Path) -> None:
    """A bar of a day on which the exchange was closed is kept and pointed at."""
    sunday = date(2026, 8, 16)
    result = fetched(tmp_path, book(more={sunday: 24000.0}))
    assert result.outcomes[0].off_days == (sunday,)
    assert result.exit_code == 0


def test_days_before_the_calendar_are_not_judged(tmp_path: Path) -> None:
    """Where the calendar knows nothing, no gap is claimed, and what was answered is not asked for again."""

    class Early(CandleBook):
        def bars(self, is_minute: bool, first: date, last: date) -> Iterator[Candle]:
            yield candle(datetime(2018, 12, 3, tzinfo=IST), 10_900.0)
            yield from super().bars(is_minute, max(first, date(2019, 1, 1)), last)

    early = replace(ASKED, first=date(2018, 12, 1), last=date(2019, 1, 31))
    result = fetched(tmp_path, Early(CALENDAR), early)
    assert (result.outcomes[0].gaps, result.outcomes[0].checked_from) == ((), date(2019, 1, 1))
    assert FileHistory(tmp_path / "history").daily("NIFTY", TODAY)[0].day == date(2018, 12, 3)
    again = book()
    fetched(tmp_path, again, early)
    assert again.calls == []


def test_minutes_lie_in_months(tmp_path: Path) -> None:
    """One call and one file a month, each day's bars in it; days of the span are counted, others are not."""
    reads = book()
    result = fetched(tmp_path, reads, MINUTES)
    assert [(first, last) for _, first, last in reads.calls] == [
        (date(2026, 6, 20), date(2026, 6, 30)),
        (date(2026, 7, 1), date(2026, 7, 31)),
        (date(2026, 8, 1), date(2026, 8, 31)),
        (date(2026, 9, 1), YESTERDAY),
    ]
    days = CALENDAR.trading_days(date(2026, 6, 20), YESTERDAY)
    assert result.outcomes[0].bars == 4 * len(days)
    august = MinuteMonth(tmp_path / "history", "NIFTY", date(2026, 8, 1))
    assert august.days == dict.fromkeys(CALENDAR.trading_days(date(2026, 8, 1), date(2026, 8, 31)), 4)
    assert [entry.path for entry in Manifest(tmp_path).entries()] == [
        f"history/nifty_1min/2026-0{month}.parquet" for month in (6, 7, 8, 9)
    ]
    assert fetched(tmp_path, book(), MINUTES).outcomes[0].asked == []


def test_a_day_of_few_minutes_is_pointed_at(tmp_path: Path) -> None:
    """An ordinary day with far fewer bars than the others is named."""
    thin = date(2026, 8, 19)

    class Thin(CandleBook):
        def bars(self, is_minute: bool, first: date, last: date) -> Iterator[Candle]:
            whole = super().bars(is_minute, first, last)
            return (bar for bar in whole if bar.starts_at.date() != thin or bar.starts_at.minute < 25)

    assert fetched(tmp_path, Thin(CALENDAR, minutes=20), MINUTES).outcomes[0].short_days == (thin,)


@pytest.mark.parametrize("cut", range(5))
def test_stopped_before_any_chunk_the_next_run_ends_the_same(tmp_path: Path, cut: int) -> None:
    """Ctrl-C between two months keeps the months before, and the next run asks for the others alone."""
    first = book()
    result = fetched(tmp_path, first, MINUTES, heard=Heard(stop_after=cut))
    assert (len(first.calls), result.is_interrupted) == (cut, cut < 4)
    assert result.outcomes[0].gaps == ()
    second = book()
    whole = fetched(tmp_path, second, MINUTES)
    assert len(second.calls) == 4 - cut
    assert (whole.is_interrupted, whole.exit_code) == (False, 0)
    assert whole.outcomes[0].bars == 4 * len(CALENDAR.trading_days(date(2026, 6, 20), YESTERDAY))


@pytest.mark.parametrize("call_number", range(1, 5))
def test_a_broken_network_at_any_call_costs_that_call(tmp_path: Path, call_number: int) -> None:
    """When the broker goes away the error is told, the months before are kept, and the next run goes on."""

    def at_call(number: int) -> None:
        if number == call_number:
            unreachable()

    with pytest.raises(ApiFailure) as failed:
        fetched(tmp_path, book(at_call=at_call), MINUTES)
    assert failed.value.exit_code == 75
    second = book()
    assert fetched(tmp_path, second, MINUTES).exit_code == 0
    assert len(second.calls) == 4 - call_number + 1


def test_a_call_that_a_stop_cut_short_is_an_interruption(tmp_path: Path) -> None:
    """Ctrl-C ends waits at once, and the call that waited fails: that is no failure of the broker."""
    heard = Heard(stop_after=2)

    def at_call(number: int) -> None:
        if number == 2:
            unreachable()

    result = fetched(tmp_path, book(at_call=at_call), MINUTES, heard=heard)
    assert (result.is_interrupted, len(result.outcomes[0].asked)) == (True, 1)


def test_killed_between_file_and_manifest_the_chunk_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that the manifest does not know of yet is asked for again: the same bars, nothing doubled."""

    def killed(*_args: object, **_row: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Manifest, "record", killed)
    with pytest.raises(KeyboardInterrupt):
        fetched(tmp_path, book())
    monkeypatch.undo()
    result = fetched(tmp_path, book())
    assert (result.outcomes[0].same, result.outcomes[0].added) == (len(DAYS), 0)
    assert Manifest(tmp_path).entries()[0].rows == len(DAYS)


def test_a_file_that_somebody_changed_is_taken_as_it_is_and_said_so(tmp_path: Path) -> None:
    """Bars that were edited by hand since the last run are told of, and stay."""
    fetched(tmp_path, book())
    path = tmp_path / "history" / "nifty_daily.csv"
    path.write_text(path.read_text().replace("2026-09-15", "2026-09-13"))
    heard = Heard()
    fetched(tmp_path, book(), heard=heard)
    assert heard.notes == [f"{path} is not as it was written last: its bars are taken as they are"]
    assert "2026-09-13" in path.read_text() and "2026-09-15" in path.read_text()


def test_an_options_missing_days_are_told_and_no_failure(tmp_path: Path) -> None:
    """An option begins when it is listed and may go a day without a trade; it ends with its expiry."""
    listed = date(2026, 8, 20)
    before = set(CALENDAR.trading_days(date(2026, 6, 1), listed - timedelta(days=1)))
    quiet = date(2026, 9, 2)
    reads = book(lost={*before, quiet})
    result = fetched(tmp_path, reads, replace(ASKED, first=None), OPTION)
    (outcome,) = result.outcomes
    assert (outcome.gaps, result.exit_code) == ((quiet,), 0)
    assert outcome.first == YESTERDAY - timedelta(days=100)
    assert (
        (tmp_path / "history" / "nifty_2026-09-22_24500_ce_daily.csv")
        .read_text()
        .startswith("date,open,high,low,close,volume,oi\n2026-08-20,")
    )
    again = book()
    fetched(tmp_path, again, replace(ASKED, first=None), OPTION)
    assert again.calls == []


@pytest.mark.parametrize(("interval", "word"), [(Interval.DAY, "day"), (Interval.MINUTE, "1minute")])
def test_an_expired_option_is_asked_for_where_the_past_is_kept(
    tmp_path: Path, interval: Interval, word: str
) -> None:
    """A past contract's bars come from the expired instruments, up to its expiry."""
    expiry = date(2026, 9, 8)
    expired = replace(
        OPTION, key=InstrumentKey("NSE_FO|1|08-09-2026"), contract=call(24500, expiry), is_expired=True
    )
    reads = book()
    result = fetched(tmp_path, reads, replace(ASKED, interval=interval, first=date(2026, 9, 1)), expired)
    assert reads.calls == [(f"NSE_FO|1|08-09-2026 {word}", date(2026, 9, 1), expiry)]
    assert result.outcomes[0].last == expiry and result.outcomes[0].bars > 0


def test_a_span_without_a_day_is_refused(tmp_path: Path) -> None:
    """From tomorrow on there is nothing to fetch."""
    with pytest.raises(UsageError, match="NIFTY: from 2026-09-20 to 2026-09-15 is no day"):
        fetched(tmp_path, book(), replace(ASKED, first=date(2026, 9, 20)))


def test_a_decade_is_more_than_one_call(tmp_path: Path) -> None:
    """Daily bars are asked for ten years at a time, each stored before the next."""

    class Empty(CandleBook):
        def bars(self, _is_minute: bool, _first: date, _last: date) -> Iterator[Candle]:
            return iter(())

    reads = Empty(CALENDAR)
    fetched(tmp_path, reads, replace(ASKED, first=date(2005, 1, 1)))
    assert [(first.year, last.year) for _, first, last in reads.calls] == [
        (2005, 2014),
        (2015, 2024),
        (2025, 2026),
    ]


def test_the_document_tells_what_a_person_would_ask(tmp_path: Path) -> None:
    """Counts, conflicts, gaps and files of each series, dates as text."""
    result = fetched(tmp_path, book(lost={date(2026, 8, 19)}))
    document = history_document(result, desk_at(tmp_path))
    assert document["schema"] == "volguard.data_history/1"
    (told,) = document["series"]
    assert told["gaps"] == ["2026-08-19"]
    assert told["paths"] == ["history/nifty_daily.csv"]
    assert told["asked"] == [["2026-08-01", "2026-09-15"]]
    assert (told["bars"], told["complete"], told["interval"]) == (len(DAYS) - 1, True, "day")


def test_progress_tells_the_chunk_at_hand(tmp_path: Path) -> None:
    """Each chunk of each series is told before it is asked for."""
    heard = Heard()
    fetched(tmp_path, book(), ASKED, INDEX, VIX, heard=heard)
    assert heard.progress == [
        (0, 2, "NIFTY 2026-08-01 to 2026-09-15"),
        (1, 2, "INDIA_VIX 2026-08-01 to 2026-09-15"),
        (2, 2, "done"),
    ]
