"""What the broker shows of the market: one state for quotes, chain, candles and feed alike.

The close of an option on the session before is not known here: its first price of the day stands for it.
Index and VIX have their close from the history, where there is one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time
from functools import cached_property
from typing import Final

import numpy as np

from volguard.model.instrument import OptionContract
from volguard.model.market import COLUMNS, ChainSnapshot, DailyBar, FloatArray, IntArray, Listing
from volguard.model.units import IST
from volguard.simulator.priced_chain import PricedChain
from volguard.simulator.upstox_server.instruments import Instrument, Instruments
from volguard.simulator.upstox_server.tracks import Track

INDEX_SLOT, VIX_SLOT = 0, 1
PERCENT: Final = 100.0
INDEX_CLOSE: Final = time(15, 30)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChainGreeks:
    """Greeks as the vendor gives them, per row; `iv` a fraction; nan where none."""

    delta: FloatArray
    theta: FloatArray
    gamma: FloatArray
    vega: FloatArray
    rho: FloatArray
    iv: FloatArray
    probability_itm: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexQuote:
    """An index or India VIX (in percent); `previous_close` None where no history tells it."""

    key: str
    name: str
    ltp: float
    previous_close: float | None
    open: float
    high: float
    low: float
    at: datetime
    minute_open: float
    minute_high: float
    minute_low: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """One snapshot as it is shown: frozen rows hold; `row_of_slot` is -1 for what it does not list."""

    serial: int
    snapshot: ChainSnapshot
    chain: PricedChain
    slots: IntArray
    instruments: Instruments

    @cached_property
    def row_of_slot(self) -> IntArray:
        """Row of the listing by slot."""
        rows = np.full(len(self.instruments.rows), -1, dtype=np.int64)
        rows[self.slots] = np.arange(len(self.slots))
        return rows

    @cached_property
    def greeks(self) -> ChainGreeks:
        """Greeks of every row, worked out when they are first asked for."""
        found = self.chain.greeks
        return ChainGreeks(
            delta=found.delta,
            theta=found.theta_per_day,
            gamma=found.gamma,
            vega=found.vega_per_pt,
            rho=found.rho_per_pt,
            iv=self.chain.iv,
            probability_itm=found.probability_itm,
        )


class MarketBoard:
    """Takes snapshots, and holds what can be asked of them; `before` are the last bars of index and VIX."""

    def __init__(
        self, instruments: Instruments, listing: Listing, *, before: tuple[DailyBar | None, DailyBar | None]
    ) -> None:
        self.instruments = instruments
        self.listing = listing  # of the last snapshot, or of the first before there was one
        self.options, self.indices = Track(), Track()
        self.shown: Shown | None = None
        self.frozen: dict[OptionContract, datetime] = {}  # until when
        self.frozen_since: dict[OptionContract, datetime] = {}
        self._before = before
        instruments.slots(listing)

    # --- taking ------------------------------------------------------------------------------------

    def take(self, chain: PricedChain) -> None:
        """Show a new snapshot; frozen instruments keep what they showed."""
        snapshot = chain.snapshot
        self.listing = snapshot.listing
        slots = self.instruments.slots(snapshot.listing)
        snapshot = self._held(snapshot)
        lot = self.instruments.rows[int(slots[0])].lot_size if len(slots) else 1
        self.options.take(slots, snapshot.ltp, snapshot.volume, snapshot.oi, snapshot.ts, lot)
        spot = chain.spot
        levels = np.array([spot, _percent(snapshot.vix)])
        nothing = np.zeros(2, dtype=np.int64)
        self.indices.take(np.arange(2), levels, nothing, nothing, snapshot.ts, 0)
        self.shown = Shown(
            serial=self.serial + 1,
            snapshot=snapshot,
            chain=chain,
            slots=slots,
            instruments=self.instruments,
        )

    def freeze(self, contract: OptionContract, *, now: datetime, until: datetime) -> None:
        """The quotes of a contract stand still until a moment."""
        self.frozen[contract] = until
        self.frozen_since.setdefault(contract, now)

    def thaw(self, now: datetime) -> None:
        """Let go of what was frozen until now."""
        for contract in [held for held, until in self.frozen.items() if until <= now]:
            del self.frozen[contract], self.frozen_since[contract]

    # --- what is shown -----------------------------------------------------------------------------

    @property
    def serial(self) -> int:
        """Counts the snapshots taken."""
        return self.shown.serial if self.shown is not None else 0

    @property
    def snapshot(self) -> ChainSnapshot | None:
        """The snapshot as shown; None before the first."""
        return self.shown.snapshot if self.shown is not None else None

    @property
    def keys(self) -> tuple[str, ...]:
        """The broker's key of each row of the listing."""
        return tuple(self.instruments.rows[slot].key for slot in self.instruments.slots(self.listing))

    @property
    def slots(self) -> IntArray:
        """The slot of each row of the listing: columns of `options` are by slot."""
        return self.instruments.slots(self.listing)

    def row_of(self, instrument: Instrument) -> int | None:
        """The row of an instrument in the snapshot shown; None when it is not in it."""
        if self.shown is None or instrument.slot >= len(self.shown.row_of_slot):
            return None
        row = int(self.shown.row_of_slot[instrument.slot])
        return row if row >= 0 else None

    def greeks(self) -> ChainGreeks | None:
        """Greeks of every row, once per snapshot; None before the first."""
        return self.shown.greeks if self.shown is not None else None

    def previous_close(self, slot: int) -> float | None:
        """What stands for the close before; None when nothing was ever seen."""
        value = float(self.options.open[slot]) if slot < len(self.options.open) else math.nan
        return value if math.isfinite(value) else None

    @property
    def index(self) -> IndexQuote | None:
        """The underlying's index; None when neither source, parity nor history tells it."""
        key = self.instruments.index_key
        return self._index(INDEX_SLOT, key, key.partition("|")[2])

    @property
    def vix(self) -> IndexQuote | None:
        """India VIX; None when neither source nor history tells it."""
        key = self.instruments.vix_key
        return self._index(VIX_SLOT, key, key.partition("|")[2])

    def index_of(self, key: str) -> IndexQuote | None:
        """Index or VIX by key."""
        return {self.instruments.index_key: self.index, self.instruments.vix_key: self.vix}.get(key)

    def frozen_keys(self) -> Mapping[str, datetime]:
        """Keys of what is frozen, and until when."""
        found = ((self.instruments.of_contract(contract), until) for contract, until in self.frozen.items())
        return {instrument.key: until for instrument, until in found if instrument is not None}

    def _index(self, slot: int, key: str, name: str) -> IndexQuote | None:
        track, before = self.indices, self._before[slot]
        close = before.close if before is not None else None
        if self.shown is None or not math.isfinite(track.last[slot]):
            return _as_it_closed(key, name, before)
        return IndexQuote(
            key=key,
            name=name,
            ltp=float(track.last[slot]),
            previous_close=close,
            open=float(track.open[slot]),
            high=float(track.high[slot]),
            low=float(track.low[slot]),
            at=self.shown.snapshot.ts,
            minute_open=float(track.minute_open[slot]),
            minute_high=float(track.minute_high[slot]),
            minute_low=float(track.minute_low[slot]),
        )

    def _held(self, snapshot: ChainSnapshot) -> ChainSnapshot:
        before = self.snapshot
        if not self.frozen or before is None:
            return snapshot
        pairs = [(snapshot.listing.row(held), before.listing.row(held)) for held in self.frozen]
        kept = [(new, old) for new, old in pairs if new is not None and old is not None]
        columns = {name: getattr(snapshot, name).copy() for name in COLUMNS}
        for name, column in columns.items():
            for new, old in kept:
                column[new] = getattr(before, name)[old]
        return replace(snapshot, **columns)


def _as_it_closed(key: str, name: str, bar: DailyBar | None) -> IndexQuote | None:
    # Before the first look of the day the broker shows the last session.
    if bar is None:
        return None
    return IndexQuote(
        key=key,
        name=name,
        ltp=bar.close,
        previous_close=bar.close,
        open=bar.close if bar.open is None else bar.open,
        high=bar.close if bar.high is None else bar.high,
        low=bar.close if bar.low is None else bar.low,
        at=datetime.combine(bar.day, INDEX_CLOSE, tzinfo=IST),
        minute_open=bar.close,
        minute_high=bar.close,
        minute_low=bar.close,
    )


def _percent(vix: float | None) -> float:
    return math.nan if vix is None else round(vix * PERCENT, 4)
