"""The self-test: each check passes on a sound input, and fails or warns once that input is broken."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from volguard.operations.validate import CHECKS, GATES
from volguard.operations.validate_case import case
from volguard.operations.validate_row import Check, Verdict, passed, skipped
from volguard.operations.validate_self_test import CASES, self_test_document

ALL = (*CHECKS, *GATES)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The whole self-test, run once."""
    return self_test_document(lambda _what: None)


def test_every_check_is_broken_in_some_way() -> None:
    """A check without a case might never fail, and nobody would know."""
    assert {one.check for one in CASES} == {check.id for check in ALL}
    assert {one.expected for one in CASES} == {Verdict.FAIL, Verdict.WARN}


def test_most_checks_can_stop_a_session() -> None:
    """Every check but the events' can fail outright; missing event dates only warn."""
    failing = {one.check for one in CASES if one.expected is Verdict.FAIL}
    assert {check.id for check in ALL} - failing == {"events"}


def test_every_case_makes_its_check_speak(document: dict[str, Any]) -> None:
    """Broken on purpose, each check says what the case expects; none is vacuous."""
    assert [row["fault"] for row in document["rows"] if row["fault"]] == []
    assert document["ok"] is True
    assert len(document["rows"]) == len(CASES)


def test_every_check_passes_on_a_sound_input(document: dict[str, Any]) -> None:
    """What fails always tells nothing: on the sound folder and the sound look-alike each check passes."""
    verdicts = {row["id"]: row["sound"] and row["sound"]["verdict"] for row in document["rows"]}
    assert set(verdicts) == {check.id for check in ALL}
    assert set(verdicts.values()) == {"pass"}


def test_the_broker_is_broken_in_its_own_ways(document: dict[str, Any]) -> None:
    """The live checks meet dead tokens, lost replies, gateway pages, torn frames and silence."""
    said = Counter(row["broken"]["reason"].split(":")[0] for row in document["rows"])
    texts = " ".join(row["broken"]["reason"] for row in document["rows"])
    for word in (
        "UDAPI100050",
        "UDAPI100072",
        "ReadError",
        "gateway",
        "1006",
        "cannot be read",
        "did not send",
    ):
        assert word in texts
    assert said["profile"] == 3


def test_a_check_that_cannot_fail_is_found_out() -> None:
    """A check that passes whatever it sees fails the self-test."""
    empty = Check(id="disk", title="empty", look=lambda _context: passed("always well"), needs_settings=False)
    document = self_test_document(lambda _what: None, (empty,))
    assert document["ok"] is False
    assert document["rows"][0]["fault"] == "it said pass, must say fail, when 10 MiB are free"


def test_a_check_that_never_passes_is_found_out() -> None:
    """A check that does not pass on a sound input fails the self-test too."""
    shut = Check(id="disk", title="shut", look=lambda _context: skipped("not today"), needs_settings=False)
    document = self_test_document(lambda _what: None, (shut,))
    assert document["ok"] is False
    assert document["rows"][0]["fault"] == "it said skipped of a sound input: not today"


def test_a_check_without_a_case_is_found_out() -> None:
    """A new check that nobody broke yet fails the self-test."""
    new = Check(id="new", title="new", look=lambda _context: passed("well"))
    document = self_test_document(lambda _what: None, (new,), (case("disk", "x", lambda s: s.context()),))
    assert document["ok"] is False
    assert "no case breaks this check" in document["rows"][0]["fault"]
