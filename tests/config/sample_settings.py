"""Made-up settings with every kind of field, and the files that hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import Literal, NewType

from volguard.config import Section

PathText = NewType("PathText", str)


class Cycle(StrEnum):
    """Two wire values."""

    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """A nested table."""

    steps: int
    wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One field of each plain kind."""

    require_vrp: bool
    delta_max: float
    cycles: tuple[Cycle, ...]
    widths: tuple[int, ...]
    band: tuple[float, float]
    open_time: time
    account: str
    history: PathText
    mode: Literal["touch", "mid"]
    since: date | None
    ladder: Ladder

    def __post_init__(self) -> None:
        if not 0 < self.delta_max < 1:
            raise ValueError(f"delta_max was {self.delta_max}, must be in (0, 1)")
        if self.ladder.steps > 9:
            raise ValueError(f"ladder.steps was {self.ladder.steps}, must be at most 9")
        if self.band[0] > self.band[1]:
            raise ValueError("low end of the band lies above its high end")


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketLimits:
    """A row of a mapping."""

    trade_risk_inr_max: Decimal
    trades_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """A row of a table array."""

    underlying: str
    size: int
    from_date: date
    weekdays: tuple[int, ...] = ()  # a default of the class counts for nothing

    def __post_init__(self) -> None:
        if self.size <= 0:
            raise ValueError(f"size was {self.size}, must be above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contracts:
    """A whole file."""

    lot: tuple[Lot, ...]
    freeze: Mapping[int, int]

    def __post_init__(self) -> None:
        for row, (first, second) in enumerate(zip(self.lot, self.lot[1:], strict=False), start=1):
            if second.from_date <= first.from_date:
                raise ValueError(
                    f"lot[{row}].from_date was {second.from_date}, must be later than the row above"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoLadders:
    """Two sections of one file."""

    rest: Ladder
    fast: Ladder


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The composition."""

    strategy: Policy
    weekly: BucketLimits
    book: Mapping[str, BucketLimits]
    contracts: Contracts

    def __post_init__(self) -> None:
        if self.weekly.trades_max < len(self.strategy.cycles):
            raise ValueError(f"weekly.trades_max was {self.weekly.trades_max}, must be at least one a cycle")


SECTIONS = (
    Section(name="strategy", file="volguard.toml", table="strategy"),
    Section(name="weekly", file="limits.toml", table="bucket.weekly"),
    Section(name="book", file="limits.toml", table="book"),
    Section(name="contracts", file="contracts.toml"),
)

FILES: Mapping[str, str] = {
    "volguard.toml": """\
[strategy]
require_vrp = true
delta_max = 0.20
cycles = ["WEEKLY", "MONTHLY"]
widths = [100, 200]
band = [0.5, 2]
open_time = 09:15:00
account = "paper"
history = "data/history"
mode = "touch"

[strategy.ladder]
steps = 4
wait_s = 3

[preset.cautious]
"bucket.weekly.trade_risk_inr_max" = 8000
strategy.delta_max = 0.10
""",
    "limits.toml": """\
[bucket.weekly]
trade_risk_inr_max = 20000.50
trades_max = 3

[book.NIFTY]
trade_risk_inr_max = "50000"
trades_max = 5
""",
    "contracts.toml": """\
freeze = { 100 = 1800 }

[[lot]]
underlying = "NIFTY"
size = 75
from_date = 2024-11-20
weekdays = []

[[lot]]
underlying = "NIFTY"
size = 65
from_date = 2026-01-01
weekdays = [1, 3]
""",
}
