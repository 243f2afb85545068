"""Legs as an operator writes them, `-2x24500PE +24300PE@2025-09-09`, read and found in a listing.

One leg is a sign (- sold, + bought), an optional ratio with x, a strike, CE or PE, and an optional expiry
after @; legs are separated by spaces or commas.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np

from volguard.model.book import Leg
from volguard.model.errors import UsageError
from volguard.model.instrument import OptionContract, OptionType, Side
from volguard.model.market import Listing

EXAMPLE: Final = '--legs "-24500PE +24300PE -2x25000CE +2x25200CE@2025-09-09"'
COUNT_MAX: Final = 100  # more is a matter of lots, not of a structure's ratio
NEAREST: Final = 2
SIDES: Final = {"-": Side.SELL, "+": Side.BUY}
_LEG: Final = re.compile(
    r"(?P<sign>[+-])(?:(?P<count>[0-9]{1,6})x)?(?P<strike>[0-9]{1,7})(?P<type>CE|PE)(?:@(?P<expiry>[0-9-]+))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LegText:
    """One leg as written: `count` per unit of the structure; no expiry where none was written."""

    word: str
    side: Side
    count: int
    strike: int
    option_type: OptionType
    expiry: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegLine:
    """A listed leg and how many of it one unit of the structure has."""

    leg: Leg
    count: int

    @property
    def name(self) -> str:
        """Strike and type with the expiry, as messages name it."""
        contract = self.leg.contract
        return f"{contract.strike} {contract.option_type} of {contract.expiry.isoformat()}"


def legs_of(text: str, listing: Listing, expiry: date | None) -> tuple[LegLine, ...]:
    """The legs of a text in a listing; `expiry` (None: the nearest listed) is that of legs without one.

    A contract written twice on one side counts twice. Raises UsageError naming the word that cannot be read,
    is not listed, or trades a contract against itself.
    """
    words = read_legs(text)
    usual = listing.expiries[0] if expiry is None else _listed_expiry(expiry, listing, "--expiry")
    lines: dict[OptionContract, LegLine] = {}
    for word in words:
        line = _listed(word, listing, usual)
        known = lines.get(line.leg.contract)
        if known is None:
            lines[line.leg.contract] = line
        elif known.leg.side is not line.leg.side:
            raise UsageError(
                f"leg {word.word}: {line.name} is both bought and sold, write what is left of it",
                hint=f"for example {EXAMPLE}",
            )
        else:
            lines[line.leg.contract] = replace(known, count=known.count + line.count)
    return tuple(lines.values())


def read_legs(text: str) -> tuple[LegText, ...]:
    """The legs of a text, in its order. Raises UsageError naming the first word that cannot be read."""
    words = re.split(r"[\s,]+", text.strip(" \t\n,"))
    if words == [""]:
        raise UsageError("no leg was given", hint=f"for example {EXAMPLE}")
    return tuple(_read(word) for word in words)


def unit_legs(lines: Iterable[LegLine]) -> tuple[Leg, ...]:
    """The legs of one unit of the structure, a leg of ratio n standing n times."""
    return tuple(line.leg for line in lines for _ in range(line.count))


def _read(word: str) -> LegText:
    found = _LEG.fullmatch(word)
    if found is None:
        raise _unreadable(
            word, "must be + or -, an optional ratio with x, a strike, CE or PE, an optional @YYYY-MM-DD"
        )
    count = int(found["count"] or 1)
    if not 1 <= count <= COUNT_MAX:
        raise _unreadable(word, f"its ratio was {count}, must be 1 to {COUNT_MAX}; whole structures are lots")
    return LegText(
        word=word,
        side=SIDES[found["sign"]],
        count=count,
        strike=int(found["strike"]),
        option_type=OptionType(found["type"].upper()),
        expiry=None if found["expiry"] is None else _date(word, found["expiry"]),
    )


def _date(word: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _unreadable(word, f"{text} is no date, must be YYYY-MM-DD") from None


def _unreadable(word: str, reason: str) -> UsageError:
    return UsageError(f"leg {word} cannot be read: {reason}", hint=f"for example {EXAMPLE}")


def _listed(word: LegText, listing: Listing, usual: date) -> LegLine:
    expiry = usual if word.expiry is None else _listed_expiry(word.expiry, listing, f"leg {word.word}")
    contract = OptionContract(
        underlying=listing.underlying, expiry=expiry, strike=word.strike, option_type=word.option_type
    )
    if listing.row(contract) is None:
        rows = listing.rows_of(expiry)
        is_type = listing.is_call[rows] == (word.option_type is OptionType.CALL)
        strikes = [round(strike) for strike in listing.strike[rows][is_type].tolist()]
        near = _nearest(strikes, np.abs(np.array(strikes) - word.strike).tolist())
        raise UsageError(
            f"leg {word.word}: {word.option_type} {word.strike} of {expiry.isoformat()} is not listed, "
            f"nearest are {_joined(near)}"
        )
    return LegLine(leg=Leg(contract=contract, side=word.side), count=word.count)


def _listed_expiry(expiry: date, listing: Listing, place: str) -> date:
    if expiry not in listing.expiries:
        near = _nearest(listing.expiries, [abs((day - expiry).days) for day in listing.expiries])
        raise UsageError(f"{place}: expiry {expiry.isoformat()} is not listed, nearest are {_joined(near)}")
    return expiry


def _nearest(values: Sequence[object], distances: Sequence[float]) -> list[object]:
    near = sorted(range(len(values)), key=lambda i: (distances[i], i))[:NEAREST]
    return [values[i] for i in sorted(near)]


def _joined(values: Sequence[object]) -> str:
    return " and ".join(str(value) for value in values) or "none"
