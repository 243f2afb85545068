"""A failed call says what the caller must do next, and whether an order may be alive."""

from __future__ import annotations

import pytest

from volguard.adapters.upstox.failures import ApiFailure
from volguard.model.broker import ErrorClass

OPEN = {ErrorClass.SERVER, ErrorClass.NETWORK, ErrorClass.UNKNOWN}


def failure(error_class: ErrorClass, *, was_sent: bool = True, is_write: bool = True) -> ApiFailure:
    return ApiFailure(
        "no answer", error_class=error_class, endpoint="place", was_sent=was_sent, is_write=is_write
    )


@pytest.mark.parametrize("error_class", list(ErrorClass))
def test_a_write_without_a_proven_no_is_open(error_class: ErrorClass) -> None:
    """Server errors, lost replies and unreadable answers may hide a live order: exit 6, a person looks."""
    failed = failure(error_class)
    assert failed.is_outcome_open is (error_class in OPEN)
    assert (failed.exit_code == 6) is (error_class in OPEN)


@pytest.mark.parametrize("error_class", list(ErrorClass))
def test_a_read_or_what_never_left_is_not_open(error_class: ErrorClass) -> None:
    """What did not leave this machine cannot live at the broker; a read changes nothing there."""
    assert not failure(error_class, was_sent=False).is_outcome_open
    assert not failure(error_class, is_write=False).is_outcome_open
    assert failure(error_class, is_write=False).exit_code in (2, 4, 75)


def test_a_dead_token_asks_for_a_login() -> None:
    """Exit 4 is the code that a script waits for."""
    assert failure(ErrorClass.AUTH, is_write=False).exit_code == 4
