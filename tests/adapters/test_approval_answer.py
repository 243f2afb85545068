"""From keys to an answer: nothing by one stray key, nothing to what was not on the screen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.adapters.approval_samples import card
from volguard.adapters.approval_answer import LOTS_DIGITS_MAX, READ_S, REASON_LENGTH_MAX, AnswerLine
from volguard.adapters.terminal_keys import BACKSPACE, CLEAR, ENTER, ESCAPE
from volguard.model.proposal import Answer, ProposalCard, Verdict

ONE, OTHER = card(), card("P002", "d2")
CHANGED = replace(ONE, digest="d9")
LATER = 10.0
APPROVAL = Answer(proposal_id="P001", digest="d1", verdict=Verdict.APPROVE)


def line_with(shown: ProposalCard | None = ONE) -> AnswerLine:
    """A line of input below a card that has stood there for a while."""
    line = AnswerLine()
    show(line, shown, at_s=0.0)
    return line


def show(line: AnswerLine, shown: ProposalCard | None, at_s: float = LATER) -> None:
    line.pending(() if shown is None else (shown,))
    line.drawn(shown, at_s)


def press(line: AnswerLine, *keys: str, at_s: float = LATER) -> list[Answer]:
    """Answers that the keys make; a word is typed letter by letter."""
    singles = [each for key in keys for each in ([key] if key in _NAMED else key)]
    return [answer for key in singles if (answer := line.key(key, at_s)) is not None]


_NAMED = (ENTER, ESCAPE, BACKSPACE, CLEAR)


def test_approving_takes_the_key_and_enter() -> None:
    """One key alone trades nothing; Enter confirms, for exactly the card that stood there, once."""
    line = line_with()
    assert press(line, "a") == []
    assert "approve P001, 3 lots, credit 5,782.50 INR?  Enter: yes" in line.view.line
    assert press(line, ENTER) == [APPROVAL]
    assert press(line, ENTER, "a", ENTER, "r", "no", ENTER) == []
    assert "your answer was sent" in line.view.line


def test_no_other_key_confirms() -> None:
    """After the key of approval every key but Enter leaves it unconfirmed, and Esc takes it back."""
    line = line_with()
    assert press(line, "a", "ayY1 d?", BACKSPACE, CLEAR) == []
    assert press(line, ESCAPE, ENTER) == []
    assert line.view.line.startswith("a approve")


@pytest.mark.parametrize("key", [*"bcegxyzA FR0123", ENTER, BACKSPACE, CLEAR])
def test_other_keys_do_nothing(key: str) -> None:
    """A key that is not named on the line changes nothing, nor does Enter after it."""
    line = line_with()
    before = line.view
    assert press(line, key, ENTER) == []
    assert line.view == before


def test_fewer_lots_are_a_number_up_to_those_proposed() -> None:
    """A number from one to the lots proposed and Enter; anything else is said and asked again."""
    line = line_with()
    assert press(line, "f", ENTER, "0", ENTER, "4", ENTER, "12345678", ENTER) == []
    assert "a number from 1 to 3" in line.view.notice
    assert press(line, "x-2", "9", BACKSPACE, ENTER) == [
        replace(APPROVAL, lots=2),
    ]
    assert press(line_with(), "f", "1", CLEAR, "3", ENTER) == [replace(APPROVAL, lots=3)]
    assert LOTS_DIGITS_MAX < 10


def test_of_one_lot_there_is_no_fewer() -> None:
    """Where one lot is proposed the key of fewer lots says so and asks nothing."""
    line = line_with(card(lots=1))
    assert press(line, "f", "1", ENTER) == []
    assert "no fewer" in line.view.notice


def test_a_rejection_carries_its_reason() -> None:
    """The reason is one line, with the letters of all keys in it; an empty one is asked for again."""
    line = line_with()
    assert press(line, "r", ENTER, "  ", ENTER) == []
    assert "with its reason" in line.view.notice
    rejected = replace(APPROVAL, verdict=Verdict.REJECT, reason="far too early, d? \u20b9 r")
    assert press(line, CLEAR, "far too earlz", BACKSPACE, "y, d? \u20b9 r ", ENTER) == [rejected]
    (long,) = press(line_with(), "r", "a" * 500, ENTER)
    assert long.reason == "a" * REASON_LENGTH_MAX


@pytest.mark.parametrize("now", [OTHER, CHANGED, None], ids=["another", "changed", "none"])
@pytest.mark.parametrize("keys", [("a",), ("f", "2"), ("r", "too far, a")], ids=str)
@pytest.mark.parametrize("by", ["pending", "drawn"])
def test_a_card_that_goes_away_takes_the_half_given_answer_with_it(
    keys: tuple[str, ...], now: ProposalCard | None, by: str
) -> None:
    """The rest of what is typed answers neither the old card nor the new one; the screen says why."""
    line = line_with()
    press(line, *keys)
    if by == "pending":
        line.pending(() if now is None else (now,))
    else:
        line.drawn(now, LATER)
    assert "nothing was sent" in line.view.notice
    assert press(line, "a", "nd far away, r", at_s=LATER + 5) == []
    assert press(line, ENTER, at_s=LATER + 5) == []
    assert line.view.notice == ""
    show(line, OTHER, at_s=LATER)
    assert press(line, "a", ENTER, at_s=LATER + 9) == [
        Answer(proposal_id="P002", digest="d2", verdict=Verdict.APPROVE)
    ]


def test_a_key_meant_for_the_card_before_answers_nothing() -> None:
    """A key that comes before a person can have read a new card is not taken for its answer."""
    line = line_with()
    show(line, OTHER, at_s=20.0)
    assert press(line, "a", ENTER, at_s=20.0 + READ_S / 2) == []
    assert "read it" in line.view.notice
    assert press(line, "a", ENTER, at_s=20.0 + READ_S) == [
        Answer(proposal_id="P002", digest="d2", verdict=Verdict.APPROVE)
    ]


def test_the_same_card_drawn_again_is_the_same_card() -> None:
    """Redrawing and new statuses with the same card leave a half given answer as it is."""
    line = line_with()
    press(line, "r", "too ")
    for _ in range(3):
        show(line, card())
    assert press(line, "thin", ENTER)[0].reason == "too thin"


def test_without_a_card_keys_are_ignored() -> None:
    """Where nothing waits, or too little of it can be read, no key starts anything."""
    line = line_with(None)
    assert press(line, "a", ENTER, "f2", ENTER, "rno", ENTER, "d?") == []
    assert (line.view.page, line.view.is_help) == (0, False)
    line.pending((ONE,))  # waits, but is not on the screen yet
    assert press(line, "a", ENTER) == []


def test_detail_and_help_turn_pages_and_end_with_the_card() -> None:
    """Detail goes on a page with each press, help comes and goes, Esc and a new card end both."""
    line = line_with()
    press(line, "dd")
    assert (line.view.page, line.view.is_help) == (2, False)
    press(line, "?")
    assert (line.view.page, line.view.is_help) == (0, True)
    press(line, "?", "d", ESCAPE)
    assert (line.view.page, line.view.is_help) == (0, False)
    press(line, "d")
    show(line, OTHER)
    assert line.view.page == 0


def test_an_answer_from_the_page_of_detail_is_of_the_card_shown() -> None:
    """Detail is of the same card: an answer may be given there."""
    assert press(line_with(), "d", "a", ENTER) == [APPROVAL]


def test_a_card_that_waits_still_after_the_answer_may_be_answered_again() -> None:
    """What was answered without effect can be answered again; what ended leaves a clean line."""
    line = line_with()
    press(line, "a", ENTER)
    line.heard()
    assert "waits still" in line.view.notice
    assert press(line, "a", ENTER) == [APPROVAL]
    show(line, None)
    assert line.view.notice == ""
    assert line.view.line.startswith("a approve")
