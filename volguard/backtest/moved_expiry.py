"""Expiries that are not what they were when the contract was listed: a holiday declared later, a new weekday.

The exchange re-dates what is listed; who holds it holds the same contract with another last day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from volguard.engine.state import Desk
from volguard.model.book import Trade
from volguard.model.errors import DataError
from volguard.model.instrument import OptionContract
from volguard.nse.expiries import ListedExpiry


def moved_expiries(held: Sequence[date], listed: Sequence[ListedExpiry], day: date) -> dict[date, date]:
    """Where expiries of `day` or later that are held are listed on another day now, by the day they were.

    It is the one listed in the same week, or the only monthly one of the same month. Raises DataError where
    there is none: nobody knows what became of it.
    """
    days = {one.day for one in listed}
    return {one: _moved(one, listed) for one in sorted(set(held)) if one >= day and one not in days}


def _moved(expiry: date, listed: Sequence[ListedExpiry]) -> date:
    week = [one.day for one in listed if one.day.isocalendar()[:2] == expiry.isocalendar()[:2]]
    month = [one.day for one in listed if (one.day.year, one.day.month) == (expiry.year, expiry.month)]
    found = week or month[-1:]
    if not found:
        raise DataError(
            f"contracts of {expiry.isoformat()} are held, and none is listed in that month any more",
            hint="the expiry rules in config/contracts.toml should say when and where it was moved",
        )
    return found[-1]


def desk_with_moved(desk: Desk, moved: Mapping[date, date]) -> Desk:
    """The desk with the contracts of its trades re-dated."""
    trades = tuple(_trade(trade, moved) for trade in desk.book.trades)
    return replace(desk, book=replace(desk.book, trades=trades))


def _trade(trade: Trade, moved: Mapping[date, date]) -> Trade:
    return replace(
        trade,
        legs=tuple(replace(leg, contract=_contract(leg.contract, moved)) for leg in trade.legs),
        fills=tuple(replace(fill, contract=_contract(fill.contract, moved)) for fill in trade.fills),
    )


def _contract(contract: OptionContract, moved: Mapping[date, date]) -> OptionContract:
    return replace(contract, expiry=moved.get(contract.expiry, contract.expiry))
