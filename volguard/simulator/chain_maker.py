"""Snapshots of a session whose index and implied level are known: listing, theory, makers, touch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from volguard.model.market import ChainSnapshot, FloatArray, IntArray, Listing
from volguard.simulator.index_path import IndexPath, variance_clock
from volguard.simulator.quotes import Makers, Touch, hire_makers, make_touch
from volguard.simulator.session import SessionRules
from volguard.simulator.streams import Purpose, stream
from volguard.simulator.valuation import Theory, Valuation

BLOCK: Final = 32  # snapshots made at once; every re-quoting period divides it
VENDOR_IV_DEPTH: Final = 3.5  # no vendor gives a volatility further out


def snapshot_times_s(rules: SessionRules, cadence_s: float) -> FloatArray:
    """Seconds after the open of every snapshot. Raises ValueError for a cadence that makes no session."""
    if not 0.0 < cadence_s <= rules.session_s:
        raise ValueError(f"cadence_s was {cadence_s}, must be above 0 and at most {rules.session_s}")
    return np.arange(0.0, rules.session_s, cadence_s)


class ChainMaker:
    """Chains of `listing` along `path`, whose columns stand at the snapshot times of `cadence_s`.

    `open_level` is the implied volatility at the open (decimal per 252 sessions). Makers are hired for where
    the index stands in the snapshots `hired_at`: a row is as liquid as it is where it comes nearest to the
    money. The seed decides the noise of the quotes alone.
    """

    def __init__(
        self,
        *,
        seed: int,
        rules: SessionRules,
        cadence_s: float,
        listing: Listing,
        path: IndexPath,
        open_level: float,
        hired_at: tuple[int, ...] = (0,),
    ) -> None:
        self._seed, self._rules, self._cadence_s = seed, rules, cadence_s
        self._time_s = snapshot_times_s(rules, cadence_s)
        self._listing, self._path = listing, path
        self._valuation = Valuation(listing, rules, open_level)
        self._makers = self._hire(np.array(hired_at))

    def snapshots(self, after: datetime | None = None) -> Iterator[ChainSnapshot]:
        """Snapshots strictly later than `after` (None: from the open), the same ones each time."""
        first = (
            0
            if after is None
            else int(np.searchsorted(self._time_s, self._seconds_open(after), side="right"))
        )
        for start in range(first - first % BLOCK, len(self._time_s), BLOCK):
            yield from self._block(start)[max(first - start, 0) :]

    def _seconds_open(self, ts: datetime) -> float:
        return (ts - self._rules.opens).total_seconds()

    def _hire(self, at: IntArray) -> Makers:
        depth = self._theory(at).depth
        days = np.array([(day - self._rules.trading_date).days for day in self._listing.expiries])
        of_row = self._listing.expiry_index
        return hire_makers(
            days[of_row].astype(np.float64),
            np.repeat(np.clip(0.0, depth.min(axis=0), depth.max(axis=0)), 2),  # nearest to the money
            stream(self._seed, Purpose.LISTING),
        )

    def _theory(self, rows: slice | IntArray) -> Theory:
        return self._valuation.at(
            self._time_s[rows], spot=self._path.spot[rows], level=self._path.level[rows]
        )

    def _block(self, start: int) -> list[ChainSnapshot]:
        rows = slice(start, min(start + BLOCK, len(self._time_s)))
        theory = self._theory(rows)
        depth = np.repeat(theory.depth, 2, axis=1)
        touch = make_touch(
            self._makers,
            value=theory.value,
            time_value=np.repeat(theory.time_value, 2, axis=1),
            depth=depth,
            stress=self._path.stress[rows, None],
            tick=self._rules.tick,
            cadence_s=self._cadence_s,
            rng=stream(self._seed, Purpose.QUOTES, start // BLOCK),
        )
        vendor_iv = np.where(
            np.abs(depth) < VENDOR_IV_DEPTH, np.repeat(np.round(theory.sigma, 4), 2, axis=1), np.nan
        )
        volume, oi = self._activity(self._time_s[rows])
        return [
            self._snapshot(start + i, touch, i, vendor_iv[i], volume[i], oi[i])
            for i in range(rows.stop - start)
        ]

    # Cumulative volume follows the variance clock; part of it stays as open interest.
    def _activity(self, time_s: FloatArray) -> tuple[IntArray, IntArray]:
        share = 0.005 + 0.995 * variance_clock(time_s / self._rules.session_s)[:, None]
        volume = np.floor(self._makers.day_lots * share).astype(np.int64)
        oi = self._makers.open_lots.astype(np.int64) + volume // 8
        return volume * self._rules.lot_size, oi * self._rules.lot_size

    def _snapshot(
        self, index: int, touch: Touch, row: int, vendor_iv: FloatArray, volume: IntArray, oi: IntArray
    ) -> ChainSnapshot:
        lot = self._rules.lot_size
        return ChainSnapshot(
            ts=self._rules.opens + timedelta(seconds=float(self._time_s[index])),
            listing=self._listing,
            bid=touch.bid[row],
            bid_qty=touch.bid_lots[row] * lot,
            ask=touch.ask[row],
            ask_qty=touch.ask_lots[row] * lot,
            ltp=np.where(volume > 0, touch.ltp[row], np.nan),
            volume=volume,
            oi=oi,
            vendor_iv=vendor_iv,
            quote_age_s=touch.age_s[row],
            underlying_ltp=round(float(self._path.spot[index]), 2),
            vix=round(float(self._path.level[index]), 6),
        )
