"""From keys to an answer: a small machine that answers only what was on the screen, and only after Enter.

    choosing  --a, f, r-->  approving, lots, reason  --Enter-->  sent  --its card ends-->  choosing
                                    |  Esc: choosing
                                    +--the card on the screen changes-->  dropped  --Enter, Esc-->  choosing

What is typed while an answer is dropped answers nothing: a reason half typed is full of the letters of keys.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from volguard.adapters.figure_text import amount_text
from volguard.adapters.terminal_keys import BACKSPACE, CLEAR, ENTER, ESCAPE
from volguard.model.proposal import Answer, ProposalCard, Verdict
from volguard.model.units import money_text

READ_S: Final = 0.5  # a key that comes sooner than this after a card was meant for what stood there before
REASON_LENGTH_MAX: Final = 120
LOTS_DIGITS_MAX: Final = 5
HELP_LINES: Final = (
    "a Enter         approve; refused if the market moved away",
    "f NUMBER Enter  approve fewer lots",
    "r WORDS Enter   reject, the reason in one line",
    "d               every figure and reason;  Esc: back",
    "Ctrl-C          stop; unanswered, nothing is ever sent",
)


class Mode(StrEnum):
    """Where an answer stands."""

    CHOOSING = "choosing"
    APPROVING = "approving"
    LOTS = "lots"
    REASON = "reason"
    SENT = "sent"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptView:
    """What the screen shows of the prompt; `page` counts the presses of the key of detail."""

    line: str
    notice: str
    page: int
    is_help: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answering:
    mode: Mode = Mode.CHOOSING
    card: ProposalCard | None = None  # the one that was on the screen at the answer's first key
    text: str = ""
    notice: str = ""


_STARTS: Final = {"a": Mode.APPROVING, "f": Mode.LOTS, "r": Mode.REASON}


class AnswerLine:
    """One line of input below the card that is on the screen."""

    def __init__(self) -> None:
        self._drawn: ProposalCard | None = None
        self._drawn_at_s = -math.inf
        self._now = _Answering()
        self._page = 0
        self._is_help = False

    def drawn(self, card: ProposalCard | None, at_s: float) -> None:
        """What the screen shows from now on; None: no card, or too little room to read it."""
        if not is_same(self._drawn, card):
            self._drawn, self._drawn_at_s = card, at_s
            self._page, self._is_help = 0, False
        if self._now.card is not None and not is_same(self._now.card, card):
            self._leave(_went(self._now.card, card))

    def pending(self, cards: tuple[ProposalCard, ...]) -> None:
        """What still waits for an answer, by the newest status."""
        mine = self._now.card
        if mine is not None and not any(is_same(mine, card) for card in cards):
            self._leave(_went(mine, None))

    def heard(self) -> None:
        """The answer that was sent has been dealt with and its card waits still: it may be answered again."""
        card = self._now.card
        if self._now.mode is Mode.SENT and card is not None:
            self._now = _Answering(notice=f"{card.proposal_id} waits still: see the alerts")

    def key(self, key: str, at_s: float) -> Answer | None:
        """Take one key; the answer that it completes."""
        match self._now.mode:
            case Mode.CHOOSING:
                self._choose(key, at_s)
            case Mode.DROPPED:
                if key in (ENTER, ESCAPE):
                    self._now = _Answering()
            case Mode.SENT:
                pass
            case _ if key == ESCAPE:
                self._now = _Answering()
            case _ if key == ENTER:
                return self._finish()
            case _:
                self._now = replace(self._now, text=_typed(self._now, key), notice="")
        return None

    @property
    def view(self) -> PromptView:
        """The line of input, with what there is to say about it."""
        return PromptView(
            line=_line(self._now), notice=self._now.notice, page=self._page, is_help=self._is_help
        )

    def _choose(self, key: str, at_s: float) -> None:
        card = self._drawn
        if card is None:
            return
        if key in _STARTS:
            self._start(key, card, at_s)
        elif key == "d":
            self._page, self._is_help = self._page + 1, False
        elif key == "?":
            self._page, self._is_help = 0, not self._is_help
        elif key == ESCAPE:
            self._page, self._is_help = 0, False
            self._now = _Answering()

    def _start(self, key: str, card: ProposalCard, at_s: float) -> None:
        if at_s - self._drawn_at_s < READ_S:
            self._now = _Answering(notice="the card has just come: read it, then press the key again")
        elif key == "f" and card.lots == 1:
            self._now = _Answering(notice="one lot is proposed: there is no fewer")
        else:
            self._now = _Answering(mode=_STARTS[key], card=card)

    def _finish(self) -> Answer | None:
        now, card = self._now, self._now.card
        if card is None:
            return None
        text = now.text.strip()
        if now.mode is Mode.LOTS and not (text and 1 <= int(text) <= card.lots):
            self._now = replace(now, text="", notice=f"lots: a number from 1 to {card.lots}")
            return None
        if now.mode is Mode.REASON and not text:
            self._now = replace(now, text="", notice="a rejection is kept with its reason: a few words")
            return None
        self._now = replace(now, mode=Mode.SENT, notice="")
        rejects = now.mode is Mode.REASON
        return Answer(
            proposal_id=card.proposal_id,
            digest=card.digest,
            verdict=Verdict.REJECT if rejects else Verdict.APPROVE,
            lots=int(text) if now.mode is Mode.LOTS else None,
            reason=text if rejects else "",
        )

    def _leave(self, why: str) -> None:
        if self._now.mode is Mode.SENT:
            self._now = _Answering()
        else:
            self._now = _Answering(mode=Mode.DROPPED, notice=f"{why}: nothing was sent")


def is_same(one: ProposalCard | None, other: ProposalCard | None) -> bool:
    """Whether an answer to the one is an answer to the other."""
    if one is None or other is None:
        return one is other
    return (one.proposal_id, one.digest) == (other.proposal_id, other.digest)


def _went(card: ProposalCard, now: ProposalCard | None) -> str:
    if now is not None and now.proposal_id == card.proposal_id:
        return f"{card.proposal_id} is not what it was when you began to answer"
    return f"{card.proposal_id} left the screen before your answer was complete"


def _typed(now: _Answering, key: str) -> str:
    if key == BACKSPACE:
        return now.text[:-1]
    if key == CLEAR:
        return ""
    if len(key) > 1 or not key.isprintable() or now.mode is Mode.APPROVING:
        return now.text
    if now.mode is Mode.LOTS:
        takes = key in "0123456789" and len(now.text) < LOTS_DIGITS_MAX
    else:
        takes = len(now.text) < REASON_LENGTH_MAX
    return now.text + key if takes else now.text


def _line(now: _Answering) -> str:
    card = now.card
    if now.mode is Mode.DROPPED:
        return "Enter or Esc: go on"
    if card is None:
        return "a approve   f fewer lots   r reject   d detail   ? help"
    match now.mode:
        case Mode.APPROVING:
            lots = "1 lot" if card.lots == 1 else f"{card.lots} lots"
            word = "credit" if card.credit_inr >= 0 else "debit"
            amount = amount_text(money_text(abs(card.credit_inr)))
            return f"approve {card.proposal_id}, {lots}, {word} {amount} INR?  Enter: yes   Esc: back"
        case Mode.LOTS:
            return f"approve how many lots of {card.lots}?  Enter: yes   Esc: back  > {now.text}_"
        case Mode.REASON:
            return f"reject {card.proposal_id}, why?  Enter: send   Esc: back  > {now.text}_"
        case _:
            return f"{card.proposal_id}: your answer was sent"
