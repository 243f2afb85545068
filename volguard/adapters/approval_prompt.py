"""The operator's side of a proposal: keys in, answers out, each to exactly what was on the screen."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from volguard.adapters.approval_answer import AnswerLine, PromptView, is_same
from volguard.adapters.terminal_keys import Keyboard
from volguard.model.proposal import Answer, ProposalCard
from volguard.model.status import StatusView

SCREENLESS_TERMINALS: Final = ("dumb", "unknown")


def terminal_missing() -> str:
    """Why nobody can be asked here: no terminal to read from or to show on; empty when somebody can."""
    if not sys.stdin.isatty():
        return "standard input is not a terminal: no key can be read"
    if not sys.stderr.isatty():
        return "standard error is not a terminal: no proposal can be shown"
    if os.environ.get("TERM", "").lower() in SCREENLESS_TERMINALS:
        return f"TERM is {os.environ['TERM']}: such a terminal cannot hold a screen"
    if os.tcgetpgrp(sys.stdin.fileno()) != os.getpgrp():
        return "this is a background job: its keyboard belongs to another"
    return ""


class ApprovalPrompt:
    """Reads keys in its own thread until `close`; `drain` gives each answer once.

    The screen tells it what waits (`show`) and what can be read this moment (`drawn`).
    """

    def __init__(
        self,
        monotonic_s: Callable[[], float],
        *,
        keys_fd: int | None = None,
        screen_fd: int | None = None,
    ) -> None:
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._line = AnswerLine()
        self._answers: deque[Answer] = deque()
        self._rung_for: tuple[str, ...] = ()
        self._handed_over: ProposalCard | None = None
        self._first: ProposalCard | None = None
        self._redraw: Callable[[], object] = _nothing
        self._keyboard = Keyboard(
            self._on_keys,
            keys_fd=sys.stdin.fileno() if keys_fd is None else keys_fd,
            screen_fd=sys.stderr.fileno() if screen_fd is None else screen_fd,
        )

    def on_change(self, redraw: Callable[[], object]) -> None:
        """Have the screen drawn anew when a key has changed what it shows."""
        self._redraw = redraw

    def show(self, status: StatusView) -> None:
        """Take the newest status; a proposal that was not there before rings the bell once."""
        cards = status.proposals
        with self._lock:
            self._line.pending(cards)
            self._first = cards[0] if cards else None
            if self._handed_over is not None:
                if is_same(self._handed_over, self._first):
                    self._line.heard()
                self._handed_over = None
            names = tuple(card.proposal_id for card in cards)
            rings = any(name not in self._rung_for for name in names)
            self._rung_for = names
        if rings:
            self._keyboard.bell()

    def drawn(self, card: ProposalCard | None) -> None:
        """The screen shows this card from now on; None: none, or too little of it to decide."""
        with self._lock:
            self._line.drawn(card, self._monotonic_s())

    @property
    def view(self) -> PromptView:
        """What the screen shows of the prompt."""
        with self._lock:
            return self._line.view

    def drain(self) -> tuple[Answer, ...]:
        """Answers since the last call, oldest first; for the thread that runs the session."""
        with self._lock:
            answers = tuple(self._answers)
            self._answers.clear()
            if answers:
                self._handed_over = self._first
            return answers

    def leave(self) -> None:
        """Give line editing and screen back at once, and no more; for a process that is about to end."""
        self._keyboard.leave()

    def close(self) -> None:
        """Stop reading keys and give the terminal back; harmless when called twice."""
        self._keyboard.close()

    def _on_keys(self, keys: Sequence[str]) -> None:
        with self._lock:
            before, at_s = self._line.view, self._monotonic_s()
            for key in keys:
                answer = self._line.key(key, at_s)
                if answer is not None:
                    self._answers.append(answer)
            is_changed = self._line.view != before
        # Outside the lock: the screen asks for the view while it draws.
        if is_changed:
            self._redraw()


def _nothing() -> None:
    return None
