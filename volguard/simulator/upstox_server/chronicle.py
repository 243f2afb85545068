"""What the operator reads while the look-alike serves: its stand each minute, orders and faults at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from volguard.simulator.upstox_server.faults import Fired
    from volguard.simulator.upstox_server.server import LookAlike

LINES_AT_ONCE: Final = 10
MINUTE_S: Final = 60.0
SEGMENT: Final = "NSE_FO"
TOLD: Final = (
    "open",
    "trigger pending",
    "not modified",
    "not cancelled",
    "complete",
    "rejected",
    "cancelled",
)


class Chronicle:
    """Tells through `note`: a line a minute of the market, never two in a second, what happens at once."""

    def __init__(self, core: LookAlike, note: Callable[[str], None]) -> None:
        self._core, self._note = core, note
        self._now = core.clock.now
        self._every = timedelta(seconds=max(MINUTE_S, core.clock.speed))
        self._next_at: datetime | None = None
        self._faults_told = 0
        self._last_words = ""

    def tell(self, sockets: Mapping[str, int], updates: Iterable[Mapping[str, Any]]) -> None:
        """Say what there is to say now; `sockets` are those open, by kind.

        Of `updates` no more are taken than are told.
        """
        now = self._now()
        fired = self._core.faults.fired
        struck, self._faults_told = fired[self._faults_told :], len(fired)
        orders = (_order_line(update) for update in updates if update.get("status") in TOLD)
        news = chain((_fault_line(strike) for strike in struck), orders)
        for line in (*islice(news, LINES_AT_ONCE), *("and more" for _ in islice(news, 1))):
            self._note(f"{now:%H:%M:%S} {line}")
        if self._next_at is None or now >= self._next_at:
            self._next_at = now.replace(second=0, microsecond=0) + self._every
            self._tell_stand(now, sockets)

    # Said only when it is not what was said last: a closed market is silent.
    def _tell_stand(self, now: datetime, sockets: Mapping[str, int]) -> None:
        board, counts = self._core.board, self._core.counts
        levels = [f"{quote.name} {quote.ltp:.2f}" for quote in (board.index, board.vix) if quote is not None]
        words = "; ".join(
            (
                self._core.segment_status()[SEGMENT].replace("_", " ").lower(),
                ", ".join(levels) or "no level yet",
                f"{counts.orders_accepted} orders, {counts.trades} trades, {counts.faults_fired} faults",
                "sockets: " + ", ".join(f"{count} {kind}" for kind, count in sockets.items()),
            )
        )
        if words != self._last_words:
            self._note(f"{now:%H:%M:%S} {words}")
        self._last_words = words


def _fault_line(strike: Fired) -> str:
    return f"fault {strike.name}{f' on {strike.where}' if strike.where else ''}"


def _order_line(update: Mapping[str, Any]) -> str:
    message = update.get("status_message")
    return (
        f"order {update['order_id']} {update['transaction_type']} {update['quantity']} "
        f"{update['trading_symbol']}: {update['status']}, {update['filled_quantity']} filled"
        f"{f' ({message})' if message else ''}"
    )
