"""When a lost socket may be opened again: waits that grow, and a circuit that opens after too many failures.

Reconnect storms are answered with a ban of the address, so the rest is long, and what follows it is one try.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from volguard.adapters.upstox.settings import UpstoxSettings

FIRST_WAIT_S: Final = 0.5
WAIT_MAX_S: Final = 16.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconnectRules:
    """So many failures within the window open the circuit: no attempt for `rest_s`. Seconds."""

    failures_max: int
    window_s: float
    rest_s: float

    @classmethod
    def of(cls, settings: UpstoxSettings) -> ReconnectRules:
        """As configured."""
        return cls(
            failures_max=settings.reconnect_failures_max,
            window_s=settings.reconnect_window_s,
            rest_s=settings.reconnect_rest_s,
        )


class Reconnect:
    """Counts failures (a lost connection is one, and so is an attempt in vain) and says when to try again.

    Times are seconds of a clock that never goes back.
    """

    def __init__(self, rules: ReconnectRules) -> None:
        self._rules = rules
        self._failed_at_s: list[float] = []
        self._in_a_row = 0
        self._is_probing = False
        self._resting = False
        self._next_at_s = float("-inf")

    @property
    def next_at_s(self) -> float:
        """When the next attempt is allowed."""
        return self._next_at_s

    @property
    def is_resting(self) -> bool:
        """Whether the circuit is open; it stays so until the attempt after the rest."""
        return self._resting

    def failed(self, at_s: float) -> None:
        """A failure: the next wait is twice as long, or the circuit opens."""
        recent = [earlier for earlier in self._failed_at_s if earlier > at_s - self._rules.window_s]
        self._failed_at_s = [*recent, at_s]
        self._in_a_row += 1
        if self._is_probing or len(self._failed_at_s) >= self._rules.failures_max:
            self._resting, self._is_probing = True, False
            self._failed_at_s.clear()
            self._next_at_s = at_s + self._rules.rest_s
        else:
            self._next_at_s = at_s + min(FIRST_WAIT_S * 2.0 ** (self._in_a_row - 1), WAIT_MAX_S)

    def trying(self) -> None:
        """An attempt begins; the one after a rest decides alone."""
        self._is_probing = self._resting
        self._resting = False

    def came_up(self) -> None:
        """Data came: waits are short again; failures of the window still count."""
        self._in_a_row = 0
        self._is_probing = False

    def forget(self) -> None:
        """What failed before has another cause now gone (a new token): try at once."""
        self._failed_at_s.clear()
        self._in_a_row = 0
        self._resting = self._is_probing = False
        self._next_at_s = float("-inf")
