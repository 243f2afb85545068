"""What the market feed's connection is subscribed to, as the frames that say so."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from threading import Lock
from typing import Final

import msgspec

from volguard.adapters.upstox.wire_stream import FeedRequest, FeedRequestData
from volguard.model.broker import InstrumentKey

KEYS_PER_FRAME: Final = 500
MODE: Final = "full"


class Subscription:
    """The keys of one connection, in full mode; the same bytes for the same keys, each time.

    Safe for several threads: one chooses the keys, the socket's own sends the frames. The frames are JSON
    and must be sent with the binary opcode: text is ignored.
    """

    def __init__(self, *, keys_max: int) -> None:
        self._keys_max = keys_max
        self._lock = Lock()
        self._wanted: tuple[InstrumentKey, ...] = ()
        self._sent: tuple[InstrumentKey, ...] = ()

    def look_at(self, keys: Sequence[InstrumentKey]) -> None:
        """From now on these. Raises ValueError beyond the cap: what is over it is ignored in silence."""
        if len(keys) > self._keys_max:
            raise ValueError(f"{len(keys)} keys are too many for one connection, limit {self._keys_max}")
        with self._lock:
            self._wanted = tuple(keys)

    def hello(self) -> tuple[bytes, ...]:
        """Frames of a fresh connection: all keys."""
        with self._lock:
            self._sent = self._wanted
            return _frames("sub", self._wanted)

    def changes(self) -> tuple[bytes, ...]:
        """Frames that turn what the connection has into what is wanted; what is let go goes first."""
        with self._lock:
            if self._sent == self._wanted:
                return ()
            wanted, sent = set(self._wanted), set(self._sent)
            dropped = [key for key in self._sent if key not in wanted]
            added = [key for key in self._wanted if key not in sent]
            self._sent = self._wanted
            return (*_frames("unsub", dropped), *_frames("sub", added))


def _frames(method: str, keys: Sequence[InstrumentKey]) -> tuple[bytes, ...]:
    starts = range(0, len(keys), KEYS_PER_FRAME)
    return tuple(_frame(method, keys[start : start + KEYS_PER_FRAME]) for start in starts)


def _frame(method: str, keys: Sequence[InstrumentKey]) -> bytes:
    named = blake2b("|".join((method, *keys)).encode(), digest_size=10).hexdigest()
    data = FeedRequestData(mode=MODE, keys=list(keys))
    return msgspec.json.encode(FeedRequest(guid=named, method=method, data=data))
