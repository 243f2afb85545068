"""Times of the wire: every form the broker uses is read as aware IST, and what is no time is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volguard.adapters.upstox.times import (
    book_text,
    expiry_ms,
    iso_text,
    ist_of_ms,
    ist_of_us,
    key_day_text,
    ms_of,
    parse_day,
    parse_key_day,
    parse_time,
)
from volguard.model.units import IST

# A century of market times, to the millisecond; zones as far as they go.
DAYS = st.dates(min_value=date(2001, 9, 10), max_value=date(2099, 12, 31))
MS = st.integers(min_value=10**12, max_value=4 * 10**12)
ZONES = st.integers(min_value=-14 * 60, max_value=14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("2023-10-19 13:25:13", datetime(2023, 10, 19, 13, 25, 13, tzinfo=IST)),
        ("03-Aug-2017 15:03:42", datetime(2017, 8, 3, 15, 3, 42, tzinfo=IST)),
        ("3-AUG-2017 15:03", datetime(2017, 8, 3, 15, 3, tzinfo=IST)),
        ("23-Apr-2021", datetime(2021, 4, 23, tzinfo=IST)),
        ("2023-10-19T05:21:51.099+05:30", datetime(2023, 10, 19, 5, 21, 51, 99000, tzinfo=IST)),
        ("2025-01-01T00:00:00+05:30", datetime(2025, 1, 1, tzinfo=IST)),
        ("2025-01-01T00:00:00+0530", datetime(2025, 1, 1, tzinfo=IST)),
        ("2024-12-31T18:30:00Z", datetime(2025, 1, 1, tzinfo=IST)),
        ("2024-12-31T18:30:00.123456789Z", datetime(2025, 1, 1, 0, 0, 0, 123456, tzinfo=IST)),
        ("2024-02-15", datetime(2024, 2, 15, tzinfo=IST)),
        ("  2023-10-19 13:25:13 ", datetime(2023, 10, 19, 13, 25, 13, tzinfo=IST)),
        (1704080700000, datetime(2024, 1, 1, 9, 15, tzinfo=IST)),
        ("1704080700000", datetime(2024, 1, 1, 9, 15, tzinfo=IST)),
        ("1704080700000.0", datetime(2024, 1, 1, 9, 15, tzinfo=IST)),
        (1704080700000000, datetime(2024, 1, 1, 9, 15, tzinfo=IST)),
        (1704080700, datetime(2024, 1, 1, 9, 15, tzinfo=IST)),
        (1790706599000, datetime(2026, 9, 29, 23, 59, 59, tzinfo=IST)),
    ],
)
def test_each_form_of_a_time_is_read_as_ist(told: str | int, meant: datetime) -> None:
    """Texts without a zone are IST, others are moved there; the size of a number tells its unit."""
    found = parse_time(told)
    assert found == meant
    assert found is not None
    assert found.utcoffset() == timedelta(hours=5, minutes=30)


@pytest.mark.parametrize("told", [None, "", "  ", "NA", "null", 0, "0", "0.0"])
def test_no_time_is_none(told: str | int | None) -> None:
    """Null, an empty text, NA and zero say that there was no such moment."""
    assert parse_time(told) is None


@pytest.mark.parametrize(
    "told",
    [
        *("yesterday", "2023-13-01 10:00:00", "2023-02-30", "03-Abc-2017 15:03:42", "31-Feb-2017"),
        *("2023-10-19 25:00:00", "20231019", 12345, -1704080700000, 10**18, "13:25:13"),
        *("2023-10-19T05:21:51+05:30 IST", "1.5", "19/10/2023", "\u0661704080700000"),
    ],
)
def test_what_is_no_time_is_refused(told: str | int) -> None:
    """A form that is not known raises: it is never taken for some other moment."""
    with pytest.raises(ValueError, match=r"."):
        parse_time(told)


@given(ms=MS)
def test_milliseconds_come_back(ms: int) -> None:
    """Number to time and back is the same number, as a number and as a text."""
    assert ms_of(ist_of_ms(ms)) == ms
    assert parse_time(ms) == parse_time(str(ms)) == ist_of_ms(ms)
    assert ist_of_us(ms * 1000) == ist_of_ms(ms) == parse_time(ms * 1000)


@given(ms=MS, zone=ZONES)
def test_a_written_time_is_read_back(ms: int, zone: timezone) -> None:
    """Whatever zone a moment is given in, each form we write is read as the same moment."""
    moment = ist_of_ms(ms).astimezone(zone)
    assert parse_time(iso_text(moment, "milliseconds")) == moment
    assert parse_time(book_text(moment)) == moment.replace(microsecond=0)
    assert parse_time(moment.isoformat()) == moment


@given(day=DAYS)
def test_an_expiry_is_its_ist_day(day: date) -> None:
    """A day comes back from the file's last second of it, from a date text and from an expired key."""
    assert parse_day(expiry_ms(day)) == day
    assert parse_day(str(expiry_ms(day))) == day
    assert parse_day(day.isoformat()) == day
    assert parse_key_day(key_day_text(day)) == day


@given(text=st.text(max_size=30))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    """No text makes the parser fail in another way, and what it gives is aware."""
    try:
        found = parse_time(text)
    except ValueError:
        return
    assert found is None or found.tzinfo is not None


def test_known_days_and_their_milliseconds() -> None:
    """The file's own sample: 29 September 2026 ends at 1790706599000."""
    assert expiry_ms(date(2026, 9, 29)) == 1790706599000
    assert key_day_text(date(2025, 4, 24)) == "24-04-2025"


@pytest.mark.parametrize("told", ["", "NA", 0])
def test_a_day_must_be_there(told: str | int) -> None:
    """An expiry that is no time at all is refused."""
    with pytest.raises(ValueError, match="is not a date"):
        parse_day(told)


@pytest.mark.parametrize("told", ["24-04", "2025-04-24", "aa-bb-cccc", "31-02-2025"])
def test_a_broken_day_of_an_expired_key_is_refused(told: str) -> None:
    """An expired key's day is dd-mm-yyyy and nothing else."""
    with pytest.raises(ValueError, match=r"."):
        parse_key_day(told)


def test_a_time_without_zone_is_never_written() -> None:
    """What has no zone could be any moment."""
    for write in (ms_of, book_text, iso_text):
        with pytest.raises(ValueError, match="has no time zone"):
            write(datetime(2026, 9, 16, 10, 0))  # noqa: DTZ001
    assert ms_of(datetime(2026, 1, 1, tzinfo=UTC)) == 1767225600000
