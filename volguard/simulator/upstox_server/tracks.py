"""What has been seen of prices today, by slot: opens, highs, lows, last trades, finished minutes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from volguard.adapters.upstox.times import ms_of
from volguard.model.market import FloatArray, IntArray

MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MinuteBars:
    """One minute of every slot; nan where nothing was ever seen. `volume` is that of the minute."""

    starts_at: datetime
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: IntArray
    oi: IntArray


class Track:
    """Columns by slot, growing with the slots; nan (0 in sizes) where nothing was seen."""

    def __init__(self) -> None:
        self.open, self.high, self.low, self.last = (_nans(0) for _ in range(4))
        self.minute_open, self.minute_high, self.minute_low = (_nans(0) for _ in range(3))
        self.volume, self.oi, self.first_oi, self.ltt_ms, self.ltq = (_zeros(0) for _ in range(5))
        self._volume_before_minute = _zeros(0)
        self.minute_starts_at: datetime | None = None
        self.minutes: list[MinuteBars] = []

    def take(
        self, slots: IntArray, price: FloatArray, volume: IntArray, oi: IntArray, ts: datetime, lot: int
    ) -> None:
        """A look at some slots; a price of nan is none. `lot` is the size of a trade that no volume tells."""
        self._grow(int(slots.max()) + 1 if len(slots) else 0)
        self._turn_minute(ts)
        seen = np.isfinite(price) & (price > 0.0)
        at, price = slots[seen], price[seen]
        traded = volume[seen] - self.volume[at]
        changed = (traded > 0) | (self.last[at] != price)
        self.ltt_ms[at[changed]] = ms_of(ts)
        self.ltq[at[changed]] = np.where(traded > 0, traded, lot)[changed]
        fresh = np.isnan(self.open[at])
        self.open[at[fresh]] = price[fresh]
        self.first_oi[at[fresh]] = oi[seen][fresh]
        self.high[at], self.low[at] = np.fmax(self.high[at], price), np.fmin(self.low[at], price)
        self.minute_high[at] = np.fmax(self.minute_high[at], price)
        self.minute_low[at] = np.fmin(self.minute_low[at], price)
        fresh = np.isnan(self.minute_open[at])
        self.minute_open[at[fresh]] = price[fresh]
        self.last[at] = price
        self.volume[slots], self.oi[slots] = volume, oi

    def minute_volume(self, slot: int) -> int:
        """Units traded in the running minute."""
        return int(self.volume[slot] - self._volume_before_minute[slot])

    def bars(self) -> list[MinuteBars]:
        """Finished minutes and the running one, oldest first."""
        running = self._running()
        return [*self.minutes, running] if running is not None else list(self.minutes)

    def _turn_minute(self, ts: datetime) -> None:
        starts_at = ts.replace(second=0, microsecond=0)
        if starts_at == self.minute_starts_at:
            return
        finished = self._running()
        if finished is not None:
            self.minutes.append(finished)
        self.minute_starts_at = starts_at
        for name in ("minute_open", "minute_high", "minute_low"):
            setattr(self, name, _nans(len(self.last)))
        self._volume_before_minute = self.volume.copy()

    def _running(self) -> MinuteBars | None:
        if self.minute_starts_at is None:
            return None
        return MinuteBars(
            starts_at=self.minute_starts_at,
            open=self.minute_open,
            high=self.minute_high,
            low=self.minute_low,
            close=np.where(np.isnan(self.minute_open), np.nan, self.last),
            volume=self.volume - self._volume_before_minute,
            oi=self.oi.copy(),
        )

    def _grow(self, size: int) -> None:
        more = size - len(self.last)
        if more <= 0:
            return
        for name, column in vars(self).items():
            if isinstance(column, np.ndarray):
                filler = _zeros(more) if column.dtype == np.int64 else _nans(more)
                setattr(self, name, np.concatenate([column, filler]))


def _nans(size: int) -> FloatArray:
    return np.full(size, np.nan)


def _zeros(size: int) -> IntArray:
    return np.zeros(size, dtype=np.int64)
