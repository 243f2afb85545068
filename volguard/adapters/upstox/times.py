"""Every form in which the broker writes a time, to and from aware IST; what has no zone is IST."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from volguard.model.units import IST

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LAST_SECOND: Final = time(23, 59, 59)  # of its day: when the instrument file lets a contract expire
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_ISO: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(\.\d+)?\s*(Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_NAMED: Final = re.compile(r"(\d{1,2})-([A-Za-z]{3})-(\d{4})(?: (\d\d:\d\d(?::\d\d)?))?", re.ASCII)
_EPOCH: Final = re.compile(r"\d+(\.0+)?", re.ASCII)
# Years 2001 to 5138 in each unit, so the size of a number tells its unit.
_SECONDS_MIN: Final = 10**9
_MS_MIN: Final = 10**11
_US_MIN: Final = 10**14
_US_MAX: Final = 10**17


def ist_of_ms(ms: int) -> datetime:
    """Aware IST of epoch milliseconds."""
    return (EPOCH + timedelta(milliseconds=ms)).astimezone(IST)


def ist_of_us(us: int) -> datetime:
    """Aware IST of epoch microseconds."""
    return (EPOCH + timedelta(microseconds=us)).astimezone(IST)


def ms_of(ts: datetime) -> int:
    """Whole epoch milliseconds of an aware time, rounded down."""
    return (_aware(ts) - EPOCH) // timedelta(milliseconds=1)


def parse_time(text: str | int | None) -> datetime | None:
    """Aware IST of any time the broker writes; None for null, an empty text, "NA" and 0.

    Takes `2023-10-19 13:25:13`, `03-Aug-2017 15:03:42`, ISO with or without zone, a bare date (midnight),
    and epoch seconds, milliseconds or microseconds as a number or a text. Raises ValueError on others.
    """
    if text is None or isinstance(text, int):
        return _of_number(text) if text else None
    stripped = text.strip()
    if stripped in ("", "NA", "null"):
        return None
    if _EPOCH.fullmatch(stripped):
        number = int(stripped.partition(".")[0])
        return _of_number(number) if number else None
    return _of_iso(stripped) or _of_named(stripped) or _refuse(text)


def parse_day(value: str | int) -> date:
    """The IST date of an expiry, a holiday or a candle bound, whatever form it has. Raises ValueError."""
    moment = parse_time(value)
    if moment is None:
        raise ValueError(f"{value!r} is not a date")
    return moment.date()


def parse_key_day(text: str) -> date:
    """The date in an expired instrument's key, dd-mm-yyyy. Raises ValueError."""
    day, month, year = text.split("-")
    return date(int(year), int(month), int(day))


def key_day_text(day: date) -> str:
    """A date as expired instruments' keys carry it: `24-04-2025`."""
    return f"{day.day:02d}-{day.month:02d}-{day.year:04d}"


def expiry_ms(day: date) -> int:
    """Epoch milliseconds that the instrument file gives for an expiry: 23:59:59 IST of its day."""
    return ms_of(datetime.combine(day, LAST_SECOND, tzinfo=IST))


def book_text(ts: datetime) -> str:
    """A time as order rows carry it: IST to the second, no zone."""
    return f"{_aware(ts).astimezone(IST):%Y-%m-%d %H:%M:%S}"


def iso_text(ts: datetime, timespec: str = "seconds") -> str:
    """A time as candles (seconds) and quotes (milliseconds) carry it: ISO with +05:30."""
    return _aware(ts).astimezone(IST).isoformat(timespec=timespec)


def _of_number(number: int) -> datetime:
    if _MS_MIN <= number < _US_MIN:
        return ist_of_ms(number)
    if _SECONDS_MIN <= number < _MS_MIN:
        return ist_of_ms(number * 1000)
    if _US_MIN <= number < _US_MAX:
        return ist_of_us(number)
    raise ValueError(f"{number} is not a time in epoch seconds, milliseconds or microseconds")


def _of_iso(text: str) -> datetime | None:
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    day, clock, fraction, zone = found.groups()
    moment = datetime.fromisoformat(f"{day}T{clock or '00:00:00'}{(fraction or '')[:7]}{zone or ''}")
    return moment.replace(tzinfo=IST) if zone is None else moment.astimezone(IST)


def _of_named(text: str) -> datetime | None:
    # Month names by our own table: strptime's follow the machine's locale.
    found = _NAMED.fullmatch(text)
    if found is None or found[2].lower() not in MONTHS:
        return None
    day = date(int(found[3]), MONTHS.index(found[2].lower()) + 1, int(found[1]))
    return datetime.combine(day, time.fromisoformat(found[4] or "00:00:00"), tzinfo=IST)


def _refuse(text: str) -> datetime:
    raise ValueError(f"{text!r} is not a time in any form that is known")


def _aware(ts: datetime) -> datetime:
    if ts.tzinfo is None:
        raise ValueError(f"{ts} has no time zone")
    return ts
