"""Which snapshot a call asks for: one source, at a time of day in Indian time."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from volguard.model.errors import UsageError
from volguard.operations.chain_view import check_one_source, clock_of


def test_a_time_of_day_is_read_to_the_second() -> None:
    assert clock_of(None) is None
    assert (clock_of("11:15"), clock_of("09:40:30")) == (time(11, 15), time(9, 40, 30))


@pytest.mark.parametrize("text", ["09:40+05:30", "09:40Z", "noon", "25:00", ""])
def test_a_time_with_an_offset_or_none_at_all_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="must be HH:MM or HH:MM:SS") as refused:
        clock_of(text)
    assert str(refused.value).startswith(f"--at was {text}, ")


def test_a_recorded_day_and_a_journal_are_not_read_at_once() -> None:
    day, journal = Path("day.parquet"), Path("day.sqlite")
    with pytest.raises(UsageError, match="--replay and --journal were combined"):
        check_one_source(day, journal)
    for one in ((day, None), (None, journal), (None, None)):
        check_one_source(*one)
