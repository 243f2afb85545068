"""What a book is stressed with: the grid of moves, the near cells and the named scenarios."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise


class ScenarioBasis(StrEnum):
    """Where the move of a named scenario comes from."""

    CLOSE_TO_CLOSE = "close_to_close"
    OPEN_GAP = "open_gap"  # open against the close before
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StressScenario:
    """One named move; `iv_shift` in volatility per year, parallel.

    `day` is the day it happened, None for an assumed one.
    """

    name: str
    basis: ScenarioBasis
    spot_move_share: float
    iv_shift: float
    horizon_days: int
    day: date | None = None

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError(f"name was {self.name!r}, must be words")
        if not -1 < self.spot_move_share <= 1:
            raise ValueError(f"spot_move_share was {self.spot_move_share}, must be above -1, at most 1")
        if not -1 <= self.iv_shift <= 1:
            raise ValueError(f"iv_shift was {self.iv_shift}, must be in [-1, 1], volatility per year")
        if self.horizon_days < 0:
            raise ValueError(f"horizon_days was {self.horizon_days}, must be 0 or more")
        if (self.day is None) != (self.basis is ScenarioBasis.ASSUMED):
            raise ValueError(f"day was {self.day}, must be given unless basis is assumed, not {self.basis}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StressSettings:
    """Axes of the grid and what stands beside it; shares of the level, volatility per year, calendar days.

    A skewed shift is the parallel one plus `skew_iv_per_spot_fall` times the share by which the level falls.
    """

    spot_move_shares: tuple[float, ...]
    iv_shifts: tuple[float, ...]
    skew_iv_per_spot_fall: float
    horizons_days: tuple[int, ...]
    iv_floor: float
    near_spot_move_share: float
    near_iv_shift: float
    scenarios: tuple[StressScenario, ...]

    def __post_init__(self) -> None:
        for name in ("spot_move_shares", "iv_shifts", "horizons_days"):
            values = getattr(self, name)
            if not all(low < high for low, high in pairwise(values)) or 0 not in values:
                raise ValueError(f"{name} was {values}, must ascend and hold 0, the market as it is")
        for name, lowest in (("spot_move_shares", -0.99), ("iv_shifts", -1.0)):
            values = getattr(self, name)
            if not (lowest <= values[0] and values[-1] <= 1):
                raise ValueError(f"{name} was {values}, must be in [{lowest}, 1]")
        if self.horizons_days[0] < 0:
            raise ValueError(f"horizons_days was {self.horizons_days}, must be 0 or more")
        if not 0 <= self.skew_iv_per_spot_fall < math.inf:
            raise ValueError(f"skew_iv_per_spot_fall was {self.skew_iv_per_spot_fall}, must be 0 or more")
        for name in ("iv_floor", "near_spot_move_share", "near_iv_shift"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise ValueError(f"{name} was {value}, must be above 0 and below 1")
        names = [scenario.name for scenario in self.scenarios]
        if len(set(names)) < len(names):
            raise ValueError(f"scenarios had the names {', '.join(names)}, each may stand once")
