"""Every error says what to do next, and its exit code is part of the interface."""

from __future__ import annotations

import inspect
import pickle
import re
from datetime import date

import pytest

from volguard.model import errors
from volguard.model.errors import DateNotCovered, JournalDamaged, UsageError, VolguardError

CODES = {
    "VolguardError": 1,
    "UsageError": 2,
    "ConfigError": 2,
    "DateNotCovered": 2,
    "DataError": 2,
    "GateFailed": 3,
    "TokenError": 4,
    "RiskRefused": 5,
    "OutcomeUnknown": 6,
    "ReconcileMismatch": 7,
    "NotFlat": 8,
    "JournalDamaged": 9,
    "TryLater": 75,
    "LockHeld": 79,
    "JournalWriteFailed": 1,
    "InvariantBroken": 1,
}


def test_exit_codes_are_the_published_ones_and_the_tree_holds_no_other_error() -> None:
    found = {
        name: error.exit_code
        for name, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, VolguardError)
    }
    assert found == CODES


def test_the_tree_drawn_at_the_top_shows_each_error_with_its_code() -> None:
    rows = re.findall(r"── (\w+) +(\d+) ", errors.__doc__ or "")
    assert {name: int(code) for name, code in rows} == {
        k: v for k, v in CODES.items() if k != "VolguardError"
    }


def test_an_error_keeps_its_message_and_its_hint() -> None:
    error = UsageError("no such file", hint="give another one")
    assert (str(error), error.message, error.hint) == ("no such file", "no such file", "give another one")
    assert UsageError("no such file").hint == ""


def test_a_date_outside_a_table_names_table_key_and_date() -> None:
    error = DateNotCovered("contracts.lot", date(2031, 1, 2), "NIFTY W")
    assert str(error) == "table contracts.lot has no row for NIFTY W on 2031-01-02"
    assert error.hint == "add a dated row with its source to contracts.lot"
    assert (error.table, error.day) == ("contracts.lot", date(2031, 1, 2))
    assert str(DateNotCovered("calendar", date(2031, 1, 2))) == "table calendar has no row on 2031-01-02"
    assert DateNotCovered("calendar", date(2031, 1, 2), hint="wait").hint == "wait"


def test_a_damaged_journal_names_its_first_bad_row_where_it_is_known() -> None:
    assert JournalDamaged("hash differs", seq=17).seq == 17
    assert JournalDamaged("file is cut off").seq is None


@pytest.mark.parametrize("name", sorted(CODES))
def test_an_error_comes_back_from_another_process_as_it_was(name: str) -> None:
    """Workers of a sweep send theirs: message, hint and exit code are kept."""
    kind = getattr(errors, name)
    error = kind("contracts", date(2020, 1, 1), "NIFTY") if kind is DateNotCovered else kind("why", hint="do")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind and str(back) == str(error)
    assert (back.message, back.hint, back.exit_code) == (error.message, error.hint, error.exit_code)
