"""What the broker says of the exchange's days and hours: holidays, timings, status."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, Final

from volguard.adapters.upstox.times import ms_of
from volguard.model.errors import DateNotCovered
from volguard.model.units import IST
from volguard.nse.calendar import Calendar, Session, SessionKind
from volguard.simulator.upstox_server.call import Call
from volguard.simulator.upstox_server.chain import day_of
from volguard.simulator.upstox_server.envelope import CallRefused, success
from volguard.simulator.upstox_server.messages import Response

EXCHANGES: Final = ("NSE", "NFO", "CDS", "BSE", "BFO", "BCD", "MCX", "NSCOM")
TRADED: Final = ("NSE", "NFO", "BSE", "BFO")  # follow the calendar that is known here
SEGMENTS: Final = (
    *("NSE_EQ", "NSE_FO", "NSE_INDEX", "NCD_FO", "BSE_EQ", "BSE_FO"),
    *("BSE_INDEX", "BCD_FO", "MCX_FO", "MCX_INDEX", "NSE_COM"),
)
TRADING_HOLIDAY: Final = "TRADING_HOLIDAY"
SPECIAL_TIMING: Final = "SPECIAL_TIMING"
PRE_OPEN: Final = (time(9, 0), time(9, 8))
CLOSING_FOR: Final = timedelta(minutes=20)
SATURDAY: Final = 5


class MarketInfo:
    """Answers from the calendar."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar

    # --- hours ------------------------------------------------------------------------------------

    def session(self, day: date) -> Session | None:
        """The day's session; None where there is none, or none that is known."""
        try:
            return self._calendar.session(day)
        except DateNotCovered:
            return None

    def opens_at(self, day: date) -> datetime | None:
        """When the day's session opens; None where there is none."""
        session = self.session(day)
        return session.windows[0][0] if session is not None else None

    def is_open(self, now: datetime) -> bool:
        """Whether options trade now."""
        session = self.session(now.date())
        return session is not None and any(start <= now < end for start, end in session.windows)

    def word(self, now: datetime) -> str:
        """How the exchange stands, in the broker's words."""
        session = self.session(now.date())
        if session is None:
            return "NORMAL_CLOSE"
        if self.is_open(now):
            return "NORMAL_OPEN"
        opens, closes = session.windows[0][0], session.windows[-1][1]
        begins, ends = (datetime.combine(now.date(), at, tzinfo=IST) for at in PRE_OPEN)
        if begins <= now < opens:
            return "PRE_OPEN_START" if now < ends else "PRE_OPEN_END"
        if closes <= now < closes + CLOSING_FOR:
            return "CLOSING_START"
        return "CLOSING_END" if closes <= now else "NORMAL_CLOSE"

    def segment_status(self, now: datetime) -> dict[str, str]:
        """The word of every segment."""
        return dict.fromkeys(SEGMENTS, self.word(now))

    # --- calls ------------------------------------------------------------------------------------

    def status(self, call: Call) -> Response:
        """One exchange, named in capitals."""
        exchange = call.path["exchange"]
        if exchange not in EXCHANGES:
            raise CallRefused("UDAPI1089")
        return success({"exchange": exchange, "status": self.word(call.now), "last_updated": ms_of(call.now)})

    def timings(self, call: Call) -> Response:
        """Hours of every exchange on a day; none when it is closed."""
        session = self.session(day_of(call.path["date"]))
        return success([] if session is None else [_hours(name, session) for name in EXCHANGES])

    def holidays(self, call: Call) -> Response:
        """All of the current year."""
        return success(self._year(call.now.year))

    def holiday(self, call: Call) -> Response:
        """One day, if it is a holiday or has hours of its own."""
        day = day_of(call.path["date"])
        return success([row for row in self._year(day.year) if row["date"] == day.isoformat()])

    def _year(self, year: int) -> list[dict[str, Any]]:
        first = date(year, 1, 1).toordinal()
        days = [date.fromordinal(n) for n in range(first, date(year + 1, 1, 1).toordinal())]
        rows = [self._row(day) for day in days]
        return [row for row in rows if row is not None]

    def _row(self, day: date) -> dict[str, Any] | None:
        try:
            session = self._calendar.session(day)
        except DateNotCovered:
            return None  # nothing is known of it, or its hours are not
        is_weekend = day.weekday() >= SATURDAY
        if session is None:
            return None if is_weekend else _holiday(day, "Trading holiday", TRADING_HOLIDAY, None)
        if session.kind is SessionKind.MUHURAT:
            return _holiday(day, "Muhurat trading", TRADING_HOLIDAY, session)
        if session.kind is SessionKind.SPECIAL or is_weekend:
            return _holiday(day, "Special session", SPECIAL_TIMING, session)
        if (day.month, day.day) == (1, 1):
            # A holiday by type on which the exchange is open, as the broker's own list has it.
            return _holiday(day, "New Year Day", TRADING_HOLIDAY, session)
        return None


def _holiday(day: date, description: str, kind: str, session: Session | None) -> dict[str, Any]:
    is_special = kind == SPECIAL_TIMING
    opened: tuple[str, ...] = () if session is None else (TRADED if is_special else EXCHANGES)
    return {
        "date": day.isoformat(),
        "description": description,
        "holiday_type": kind,
        "closed_exchanges": [name for name in EXCHANGES if name not in opened],
        "open_exchanges": [] if session is None else [_hours(name, session) for name in opened],
    }


def _hours(exchange: str, session: Session) -> dict[str, Any]:
    return {
        "exchange": exchange,
        "start_time": ms_of(session.windows[0][0]),
        "end_time": ms_of(session.windows[-1][1]),
    }
