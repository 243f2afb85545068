"""What the figures of a backtest rest on, in words: whose prices, which fills, what no record can say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from volguard.backtest.closing_market import SEEN_AT, VOLUME_SHARE
from volguard.backtest.model_error import ModelError

FILLS: Final = (
    "limit orders fill on paper at a later look, at its touch and for no more than its size: "
    "what the program's paper sessions do"
)
SIZE: Final = "size follows the configured capital; what was made is not put to work again"
RUIN: Final = "ruin is drawn from the sessions of this record: what it never saw is not in it"
SPREADS: Final = "spreads and sizes at the touch are those of one recorded day in all years"
CARRY: Final = (
    "the forward's growth over the index is the median of its own year: its first days cannot know it"
)
MIDS: Final = "the handicap is of mids alone"
ROLLED: Final = "a condor whose tested side was rolled counts as two trades"
NO_LADDER: Final = (
    "with looks so far apart an order crosses the spread at once: a live session starts nearer the middle"
)
PATH: Final = (
    "daily bars do not say when their extremes came: which is taken to come first is told by a hash of the "
    "date, and they come at a third and at two thirds of the session"
)
FITS: Final = "volatility models are fitted at the first session of each month, their state moves on daily"
MODELLED_PRICES: Final = (
    "every option price is modelled from the index and India VIX of the session before; open interest is "
    "not, so signals made of it abstain"
)


CLOSING_PRICES: Final = (
    "prices are one a contract and day, of its last half hour's trades, else of its last trade, whenever "
    f"that was; they are shown as if at {SEEN_AT:%H:%M}, decided on once and filled at, with the modelled "
    "spread around them: nobody could have traded at them all"
)
CLOSING_KNOWN: Final = (
    f"what is decided at {SEEN_AT:%H:%M} knows the close of its day: index, India VIX, volume and open "
    "interest, on the day of an expiry the level that it is settled at"
)
CLOSING_SIZES: Final = (
    f"of a contract no more than {VOLUME_SHARE:.0%} of a day's lots can be had; one of which "
    "that is less than a lot is not quoted, so a position in it cannot be left"
)
CLOSING_EXITS: Final = (
    "within a day nothing is seen: an exit waits for the close, however far prices went, and for days on "
    "which its contracts are quoted"
)


class Prices(StrEnum):
    """Whose prices were played."""

    MODELLED = "modelled"
    RECORDED = "recorded"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What was played, looked at every `every_s` where prices are modelled.

    `model_error`: None with the reason why it is not known, or why there is none.
    """

    source: str
    prices: Prices
    every_s: float
    slippage_ticks: int
    late_looks: int
    data_digest: str
    model_error: ModelError | None
    model_error_missing: str
    bounds: tuple[str, ...]  # what is said of rules that are known by a bound alone


def assumptions(tested: Tested) -> list[str]:
    """In the order of their weight."""
    said = [FILLS, SIZE, ROLLED, RUIN]
    if tested.prices is Prices.CLOSING:
        said = [CLOSING_PRICES, CLOSING_KNOWN, CLOSING_SIZES, CLOSING_EXITS, SPREADS, NO_LADDER, FITS, *said]
    if tested.prices is Prices.MODELLED:
        looks = (
            f"the market is looked at every {tested.every_s / 60.0:.0f} minutes, and every few seconds while "
            "an order is under way or an exit waits to be seen again"
        )
        said = [MODELLED_PRICES, SPREADS, MIDS, CARRY, looks, PATH, NO_LADDER, FITS, *said]
    said += tested.bounds
    if tested.slippage_ticks or tested.late_looks:
        said.append(
            f"fills are made worse: {tested.slippage_ticks} ticks beyond the touch, and none at the first "
            f"{tested.late_looks} looks at which an order could fill"
        )
    return said
