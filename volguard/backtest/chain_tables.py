"""chain_model.toml: the fitted parameters of modelled chains, what they were fitted on, the carry by date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from volguard.backtest.chain_model import ChainModelParameters
from volguard.backtest.spread_model import LiquidityRow, SpreadParameters
from volguard.nse.dated import Confidence, Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedOn:
    """What the parameters were fitted on; the shifts as in `chain_fit`."""

    condors_from: date
    condors_to: date
    condors: int
    recorded_day: date
    recorded_snapshots: int
    recorded_near_shift: float
    recorded_vix_shift: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryRow:
    """Growth of the forward over the index, continuous per year, by trade date."""

    valid_from: date
    valid_to: date | None = None
    per_year: float
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainModelTables:
    """The whole file; raises ValueError on a gap or an overlap of the carry, or a value out of range."""

    checked_from: date
    checked_until: date
    fitted_on: FittedOn
    smile: ChainModelParameters
    liquidity: tuple[LiquidityRow, ...]
    carry: tuple[CarryRow, ...]

    def __post_init__(self) -> None:
        _ = self.spreads, self.carry_timeline

    @property
    def spreads(self) -> SpreadParameters:
        """The touch's parameters."""
        return SpreadParameters(liquidity=self.liquidity)

    @property
    def carry_timeline(self) -> Timeline[CarryRow]:
        """The carry by trade date, to be made once; it raises DateNotCovered outside the table."""
        return Timeline(
            "carry", self.carry, first=self.checked_from, last=self.checked_until, file="chain_model"
        )
