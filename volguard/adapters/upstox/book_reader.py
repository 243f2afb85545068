"""The account's three books read whole, as one view; what cannot be read is not known, never empty."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from volguard.adapters.upstox.account import AccountReads
from volguard.adapters.upstox.failures import ApiFailure
from volguard.model.broker import BrokerView
from volguard.model.errors import InvariantBroken

T = TypeVar("T")


class BookReader:
    """Reads when it was asked to; safe for one who asks and drains and another who reads."""

    def __init__(self, reads: AccountReads) -> None:
        self._reads = reads
        self._lock = Lock()
        self._is_asked = False
        self._views: list[BrokerView] = []

    @property
    def is_due(self) -> bool:
        """Whether a reading was asked for and not made yet."""
        return self._is_asked

    def ask(self) -> None:
        """Want one reading."""
        self._is_asked = True

    def read(self) -> None:
        """Make the reading that was asked for, if any; never raises for a failed one."""
        if not self._is_asked:
            return
        self._is_asked = False
        view = read_view(self._reads)
        with self._lock:
            self._views.append(view)

    def drain(self) -> list[BrokerView]:
        """Each view once, oldest first."""
        with self._lock:
            views, self._views = self._views, []
        return views


def read_view(reads: AccountReads) -> BrokerView:
    """Orders, executions and positions, positions last: they are what the others have led to."""
    failures: list[str] = []

    def ask(question: Callable[[], T]) -> T | None:
        try:
            return question()
        except (ApiFailure, InvariantBroken) as error:
            failures.append(error.message)
            return None

    orders, trades, positions = ask(reads.orders), ask(reads.trades), ask(reads.positions)
    return BrokerView(orders=orders, trades=trades, positions=positions, unread="; ".join(failures))
