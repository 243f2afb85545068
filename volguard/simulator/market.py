"""One made-up NIFTY session behind the MarketData port: same arguments, same snapshots, to the last byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from typing import Final

import numpy as np

from volguard.model.market import Capabilities, ChainSnapshot, SourceInfo
from volguard.simulator.chain_maker import ChainMaker, snapshot_times_s
from volguard.simulator.history import SyntheticHistory
from volguard.simulator.index_path import IndexPath, Scenario, index_path
from volguard.simulator.session import SessionRules, listed_contracts
from volguard.simulator.streams import Purpose, stream

GENERATOR_VERSION: Final = 1  # raised whenever a seed comes to mean another market
LAST_CLOSE: Final = 24_500.0
LAST_CLOSE_SPREAD: Final = 0.01  # between seeds, in logs
GAP_SPREAD: Final = 0.001  # of the open against the last close


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
        self._time_s = snapshot_times_s(rules, cadence_s)
        if level <= 0.0:
            raise ValueError(f"level was {level}, must be above 0")
        self._rules = rules
        rng = stream(seed, Purpose.INDEX)
        last_close = round(level * float(np.exp(LAST_CLOSE_SPREAD * rng.uniform(-1.0, 1.0))), 2)
        self.history = SyntheticHistory(
            seed=seed,
            underlying=rules.underlying,
            trading_date=rules.trading_date,
            trading_days=rules.trading_days,
            last_close=last_close,
        )
        self._open_level = float(self.history.paths.vix_close[-1] * np.exp(0.004 * rng.standard_normal()))
        path = self._make_path(scenario, last_close, rng)
        self._info = source_of(
            rules,
            cadence_s,
            label=f"{scenario} seed {seed}",
            arguments=f"{GENERATOR_VERSION}|{seed}|{scenario}|{cadence_s}|{level}",
        )
        self._maker = ChainMaker(
            seed=seed,
            rules=rules,
            cadence_s=cadence_s,
            listing=listed_contracts(rules, float(path.spot[0])),
            path=path,
            open_level=self._open_level,
        )

    @property
    def info(self) -> SourceInfo:
        """Scenario and seed; the digest is that of all arguments."""
        return self._info

    def snapshots(self, after: datetime | None = None) -> Iterator[ChainSnapshot]:
        """Snapshots strictly later than `after` (None: from the open), the same ones each time."""
        return self._maker.snapshots(after)

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


def source_of(rules: SessionRules, cadence_s: float, *, label: str, arguments: str) -> SourceInfo:
    """What a made-up source says of itself; its digest is that of `arguments`, the rules among them."""
    given = "|".join(f"{f.name}={getattr(rules, f.name)!r}" for f in fields(rules))
    return SourceInfo(
        kind="simulator",
        label=label,
        underlying=rules.underlying,
        trading_date=rules.trading_date,
        capabilities=Capabilities(spot=True, vix=True, quote_time=True, depth=False, cadence_s=cadence_s),
        digest=hashlib.blake2b(f"{arguments}|{given}".encode(), digest_size=32).hexdigest(),
    )


__all__ = ["Scenario", "SessionRules", "SyntheticMarket"]
