"""One made-up NIFTY session behind the MarketData port: same arguments, same snapshots, to the last byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from volguard.model.market import Capabilities, ChainSnapshot, FloatArray, IntArray, SourceInfo
from volguard.simulator.history import SyntheticHistory
from volguard.simulator.index_path import IndexPath, Scenario, index_path, variance_clock
from volguard.simulator.quotes import Makers, Touch, hire_makers, make_touch
from volguard.simulator.session import SessionRules, listed_contracts
from volguard.simulator.streams import Purpose, stream
from volguard.simulator.valuation import Theory, Valuation

GENERATOR_VERSION: Final = 1  # raised whenever a seed comes to mean another market
BLOCK: Final = 32  # snapshots made at once; every re-quoting period divides it
LAST_CLOSE: Final = 24_500.0
LAST_CLOSE_SPREAD: Final = 0.01  # between seeds, in logs
GAP_SPREAD: Final = 0.001  # of the open against the last close
VENDOR_IV_DEPTH: Final = 3.5  # no vendor gives a volatility further out


class SyntheticMarket:
    """A session of one seed and scenario, with the history that leads to it in `history`.

    A snapshot every `cadence_s` seconds from the open to just before the close. Gives spot, VIX and quote
    ages; no depth. Raises ValueError for arguments that make no session.
    """

    def __init__(
        self,
        *,
        seed: int,
        rules: SessionRules,
        scenario: Scenario = Scenario.CALM,
        cadence_s: float = 15.0,
        level: float = LAST_CLOSE,
    ) -> None:
        if not 0.0 < cadence_s <= rules.session_s:
            raise ValueError(f"cadence_s was {cadence_s}, must be above 0 and at most {rules.session_s}")
        if level <= 0.0:
            raise ValueError(f"level was {level}, must be above 0")
        self._seed, self._rules, self._cadence_s = seed, rules, cadence_s
        rng = stream(seed, Purpose.INDEX)
        last_close = round(level * float(np.exp(LAST_CLOSE_SPREAD * rng.uniform(-1.0, 1.0))), 2)
        self.history = SyntheticHistory(
            seed=seed,
            underlying=rules.underlying,
            trading_date=rules.trading_date,
            trading_days=rules.trading_days,
            last_close=last_close,
        )
        self._time_s = np.arange(0.0, rules.session_s, cadence_s)
        self._open_level = float(self.history.paths.vix_close[-1] * np.exp(0.004 * rng.standard_normal()))
        self._path = self._make_path(scenario, last_close, rng)
        self._info = self._described(scenario, level)
        self._listing = listed_contracts(rules, float(self._path.spot[0]))
        self._valuation = Valuation(self._listing, rules, self._open_level)
        self._makers = self._hire()

    @property
    def info(self) -> SourceInfo:
        """Scenario and seed; the digest is that of all arguments."""
        return self._info

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

    def _make_path(self, scenario: Scenario, last_close: float, rng: np.random.Generator) -> IndexPath:
        gap = GAP_SPREAD * float(np.clip(rng.standard_normal(), -2.0, 2.0))
        return index_path(
            scenario,
            elapsed=self._time_s / self._rules.session_s,
            session_s=self._rules.session_s,
            open_spot=last_close * float(np.exp(gap)),
            open_level=self._open_level,
            daily_vol=float(self.history.paths.vol[-1]),
            rng=rng,
        )

    def _described(self, scenario: Scenario, level: float) -> SourceInfo:
        rules = "|".join(f"{f.name}={getattr(self._rules, f.name)!r}" for f in fields(self._rules))
        arguments = f"{GENERATOR_VERSION}|{self._seed}|{scenario}|{self._cadence_s}|{level}|{rules}"
        return SourceInfo(
            kind="simulator",
            label=f"{scenario} seed {self._seed}",
            underlying=self._rules.underlying,
            trading_date=self._rules.trading_date,
            capabilities=Capabilities(
                spot=True, vix=True, quote_time=True, depth=False, cadence_s=self._cadence_s
            ),
            digest=hashlib.blake2b(arguments.encode(), digest_size=32).hexdigest(),
        )

    def _hire(self) -> Makers:
        theory = self._theory(slice(0, 1))
        days = np.array([(day - self._rules.trading_date).days for day in self._listing.expiries])
        of_row = self._listing.expiry_index
        return hire_makers(
            days[of_row].astype(np.float64),
            np.repeat(theory.depth[0], 2),
            stream(self._seed, Purpose.LISTING),
        )

    def _theory(self, rows: slice) -> Theory:
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


__all__ = ["Scenario", "SessionRules", "SyntheticMarket"]
