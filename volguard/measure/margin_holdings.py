"""A book's positions as the margin engine takes them: units beside the market of a snapshot."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from volguard.measure.margin import Holdings
from volguard.measure.margin_scan import Contracts
from volguard.measure.market_view import MarketView
from volguard.model.book import Position
from volguard.model.instrument import OptionType
from volguard.model.market import FloatArray


def holdings_of(view: MarketView, positions: Sequence[Position]) -> Holdings:
    """Option positions at the forward and the volatility of their strikes; nan where the view has none.

    Positions in another underlying, or in a contract that the snapshot does not list, have no market here:
    the margin is then refused by name.
    """
    contracts = [position.contract for position in positions]
    rows = [view.row(contract) for contract in contracts]
    years = view.years[view.listing.expiry_index]

    def at_rows(column: FloatArray) -> FloatArray:
        return np.array([math.nan if row is None else float(column[row]) for row in rows])

    return Holdings(
        expiries=tuple(contract.expiry for contract in contracts),
        units=np.array([float(position.quantity) for position in positions]),
        contracts=Contracts(
            is_future=np.zeros(len(contracts), dtype=np.bool_),
            is_call=np.array(
                [contract.option_type is OptionType.CALL for contract in contracts], dtype=np.bool_
            ),
            strike=np.array([float(contract.strike) for contract in contracts]),
            forward=at_rows(view.forward),
            t=at_rows(years),
            sigma=at_rows(view.sigma),
            discount=at_rows(view.discount),
        ),
    )
