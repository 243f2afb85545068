"""What is known of each subscribed instrument, merged from frames and REST answers into chain snapshots.

The board is where updates coalesce: a row holds the last word alone, and a word that is overwritten before
any snapshot took it is counted. Not safe for several threads at once: its owner holds a lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
import numpy as np

from volguard.model.broker import InstrumentKey
from volguard.model.market import ChainSnapshot, FloatArray, IntArray, Listing

PERCENT: Final = 100.0
QUANTITY_MAX: Final = 2.0**53  # beyond it a float is no whole number any more
PAISA_PLACES: Final = 2  # prices come with the noise of single precision: 52.04999923706055
VIX_PLACES: Final = 6


class RowQuote(msgspec.Struct):
    """The last word on one instrument, as the wire has it: a price or a volatility of 0 is absent.

    `told_at_s` is when the touch (of an index: the level) was last spoken of, in seconds since 1970.
    """

    bid: float = 0.0
    bid_qty: float = 0.0
    ask: float = 0.0
    ask_qty: float = 0.0
    ltp: float = 0.0
    volume: float = 0.0
    oi: float = 0.0
    iv: float = 0.0  # decimal per year
    told_at_s: float = float("nan")  # never
    is_fresh: bool = False  # no snapshot has taken it yet
    is_fed: bool = False  # a frame has spoken of it, ever
    is_level: bool = False  # an index: its last price is what it is worth


@dataclass(slots=True, kw_only=True)
class FeedCounts:
    """What has come in so far; `coalesced` updates were overwritten before a snapshot took them."""

    frames: int = 0
    bad_frames: int = 0
    updates: int = 0
    coalesced: int = 0
    unknown_keys: int = 0
    confirmations: int = 0
    late_confirmations: int = 0  # a frame had said something newer by then
    refused_values: int = 0  # negative or not finite, taken as absent


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteReport:
    """One instrument as a REST answer shows it at `told_at`; rupees and units, 0 is absent.

    `iv` (decimal) None: the answer does not speak of it.
    """

    key: InstrumentKey
    told_at: datetime
    bid: float
    bid_qty: int
    ask: float
    ask_qty: int
    ltp: float
    volume: int
    oi: float
    iv: float | None = None


class QuoteBoard:
    """One row per contract of a listing, and one each for the index and its VIX.

    `keys` stand beside the listing's rows; a row whose key is None is listed and never quoted. An index
    level or a VIX that nothing has spoken of for `level_age_max_s` is not given. What the board `before` knew
    of the same keys is kept, and its counts go on.
    """

    def __init__(
        self,
        listing: Listing,
        keys: Sequence[InstrumentKey | None],
        *,
        index_key: InstrumentKey,
        vix_key: InstrumentKey,
        level_age_max_s: float,
        before: QuoteBoard | None = None,
    ) -> None:
        if len(keys) != len(listing):
            raise ValueError(f"{len(keys)} keys were given for {len(listing)} rows")
        self._listing = listing
        known = {} if before is None else before.by_key
        self._rows = tuple(known.get(key or "") or RowQuote() for key in keys)
        self._index = known.get(index_key) or RowQuote(is_level=True)
        self._vix = known.get(vix_key) or RowQuote(is_level=True)
        self._level_age_max_s = level_age_max_s
        named = zip(keys, self._rows, strict=True)
        self._by_key: dict[str, RowQuote] = {key: row for key, row in named if key is not None}
        self._by_key |= {index_key: self._index, vix_key: self._vix}
        self.counts: FeedCounts = FeedCounts() if before is None else before.counts
        self._updates_taken: int = 0 if before is None else before._updates_taken

    @property
    def listing(self) -> Listing:
        """The contracts of each snapshot."""
        return self._listing

    @property
    def keys(self) -> tuple[InstrumentKey, ...]:
        """Every instrument that can have a quote here, index and VIX last."""
        return tuple(map(InstrumentKey, self._by_key))

    @property
    def by_key(self) -> Mapping[str, RowQuote]:
        """The rows themselves, to be written to by whoever reads frames."""
        return self._by_key

    @property
    def has_news(self) -> bool:
        """Whether anything was said since the last snapshot."""
        return self.counts.updates + self.counts.confirmations > self._updates_taken

    def never_fed(self) -> tuple[InstrumentKey, ...]:
        """Instruments of which no frame has ever spoken: the server ignores what is one key too many."""
        return tuple(InstrumentKey(key) for key, row in self._by_key.items() if not row.is_fed)

    def unspoken_of(self, ts: datetime, *, for_s: float) -> tuple[InstrumentKey, ...]:
        """Instruments whose touch or level nothing has spoken of for so long, or ever."""
        since = ts.timestamp() - for_s
        return tuple(
            InstrumentKey(key) for key, row in self._by_key.items() if not row.told_at_s > since
        )  # nan compares false: never is too long

    def confirm(self, reports: Iterable[QuoteReport], received_at: datetime) -> None:
        """Take what REST shows, except where a frame has said something newer.

        A report is as old as it says, and never younger than its arrival: the server's clock may be ahead.
        A volatility that the answer does not speak of stays only where the touch has not moved: it belonged
        to that price.
        """
        for report in reports:
            row = self._by_key.get(report.key)
            told_at_s = min(report.told_at, received_at).timestamp()
            if row is None:
                self.counts.unknown_keys += 1
            elif row.told_at_s > told_at_s:
                self.counts.late_confirmations += 1
            else:
                self._take(row, report, told_at_s)

    def snapshot(self, ts: datetime) -> ChainSnapshot:
        """The chain as it stands, ages counted to `ts`; updates from here on belong to the next one."""
        counts, rows = self.counts, self._rows
        self._updates_taken = counts.updates + counts.confirmations
        columns = np.array(
            [(q.bid, q.bid_qty, q.ask, q.ask_qty, q.ltp, q.volume, q.oi, q.iv, q.told_at_s) for q in rows],
            dtype=np.float64,
        ).reshape(len(rows), 9)
        for row in self._by_key.values():
            row.is_fresh = False
        bid, bid_qty, ask, ask_qty, ltp, volume, oi, iv, told_at_s = columns.T
        counts.refused_values += int(np.count_nonzero(~(columns[:, :8] >= 0.0) | np.isinf(columns[:, :8])))
        bid, ask, ltp = _prices(bid), _prices(ask), _prices(ltp)
        return ChainSnapshot(
            ts=ts,
            listing=self._listing,
            bid=bid,
            bid_qty=np.where(np.isnan(bid), 0, _quantities(bid_qty)),
            ask=ask,
            ask_qty=np.where(np.isnan(ask), 0, _quantities(ask_qty)),
            ltp=ltp,
            volume=_quantities(volume),
            oi=_quantities(oi),
            vendor_iv=_present(iv),
            quote_age_s=np.maximum(ts.timestamp() - told_at_s, 0.0),
            underlying_ltp=self._level(self._index, ts, scale=1.0, places=PAISA_PLACES),
            vix=self._level(self._vix, ts, scale=PERCENT, places=VIX_PLACES),
        )

    def _take(self, row: RowQuote, report: QuoteReport, told_at_s: float) -> None:
        self.counts.confirmations += 1
        if report.iv is not None:
            row.iv = report.iv
        elif (row.bid, row.ask) != (report.bid, report.ask):
            row.iv = 0.0
        row.bid, row.bid_qty = report.bid, report.bid_qty
        row.ask, row.ask_qty = report.ask, report.ask_qty
        row.ltp, row.volume, row.oi = report.ltp, report.volume, report.oi
        row.told_at_s = told_at_s

    def _level(self, row: RowQuote, ts: datetime, *, scale: float, places: int) -> float | None:
        is_told = ts.timestamp() - row.told_at_s <= self._level_age_max_s
        if not is_told or not 0.0 < row.ltp < np.inf:
            return None
        return round(row.ltp / scale, places)


def _present(values: FloatArray) -> FloatArray:
    return np.where((values > 0.0) & (values < np.inf), values, np.nan)


def _prices(values: FloatArray) -> FloatArray:
    return _present(np.round(_present(values), PAISA_PLACES))


def _quantities(values: FloatArray) -> IntArray:
    whole = np.where((values > 0.0) & (values <= QUANTITY_MAX), values, 0.0)
    return np.rint(whole).astype(np.int64)
