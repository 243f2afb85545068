"""How the stress of a whole book compares with the same grid priced in a loop by QuantLib's binding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np
import pytest

from tests.benchmark.ratios import hold, machine, median_s, print_table, time_peer
from tests.chains import MONTHLY, WEEKLY, call, flat_vol_snapshot, put, shipped_quality, view_of
from tests.measure.stress_samples import Row, legs_in_cell, make_book, plain_grid, scipy_price, shipped_stress
from volguard.measure.stress import StressResult, portfolio_stress, stress
from volguard.measure.stress_cells import grid_shape
from volguard.model.book import Position
from volguard.pricing.black76 import price

pytestmark = pytest.mark.benchmark

RUNS, PEER_RUNS, PAIRS = 60, 3, 7
LOT = 75
FASTER_MIN = 20.0
# What the stress adds to one pricing pass over as many options as the grid has.
STRESS_TO_PRICE_MAX = 2.5
LEGS = tuple(
    (kind(middle + way * away, expiry), lots)
    for expiry, middle in ((WEEKLY, 24_800), (MONTHLY, 24_800), (MONTHLY, 24_900))
    for kind, way in ((put, -1), (call, 1))
    for away, lots in ((400, -1), (700, 1))
)
BOOK = make_book(
    *(
        Row(contract=contract, units=lots * LOT, sigma=0.11 + 0.005 * i, confidence=1.0 - 0.02 * i)
        for i, (contract, lots) in enumerate(LEGS)
    )
)
# 20 moves, 5 shifts, 2 shapes and 3 horizons: 200 cells each.
STRESS = replace(
    shipped_stress(),
    spot_move_shares=tuple(round(0.02 * step, 2) for step in range(-10, 10)),
    iv_shifts=(-0.05, 0.0, 0.05, 0.10, 0.20),
)
FLOOR = STRESS.iv_floor

# is_call, strike, forward, standard deviation, discount
Inputs = tuple[bool, float, float, float, float]


def inputs_of_the_grid() -> list[Inputs]:
    """Every option of the grid, legs last, ready to be priced."""
    rows: list[Inputs] = []
    for days in STRESS.horizons_days:
        for move in STRESS.spot_move_shares:
            for shift in STRESS.iv_shifts:
                for skew in (0.0, STRESS.skew_iv_per_spot_fall * max(-move, 0.0)):
                    legs = legs_in_cell(BOOK, move=move, shift=shift + skew, days=days, iv_floor=FLOOR)
                    rows += [(o.is_call, o.strike, o.forward, o.deviation, o.discount) for o in legs]
    return rows


def calculator_loop(rows: list[Inputs]) -> Callable[[Any], Callable[[], object]]:
    def work(ql: Any) -> Callable[[], object]:
        ready = [(ql.Option.Call if row[0] else ql.Option.Put, *row[1:]) for row in rows]

        def loop() -> list[float]:
            return [
                ql.BlackCalculator(ql.PlainVanillaPayoff(kind, strike), forward, deviation, discount).value()
                for kind, strike, forward, deviation, discount in ready
            ]

        agree(loop())
        return loop

    return work


def formula_loop(rows: list[Inputs]) -> Callable[[Any], Callable[[], object]]:
    def work(ql: Any) -> Callable[[], object]:
        ready = [(ql.Option.Call if row[0] else ql.Option.Put, *row[1:]) for row in rows]
        return lambda: [ql.blackFormula(*row) for row in ready]

    return work


def formula_of_the_grid(ql: Any) -> Callable[[], object]:
    """The grid from its book: the moved inputs are made in the loop too, as our side makes them."""
    kinds = [ql.Option.Call if call else ql.Option.Put for call in BOOK.is_call.tolist()]
    columns = (BOOK.units, BOOK.forward, BOOK.strike, BOOK.years, BOOK.sigma, BOOK.discount, BOOK.confidence)
    legs = list(zip(kinds, *(column.tolist() for column in columns), strict=True))

    def value(move: float, shift: float, days: float) -> float:
        total = 0.0
        for kind, units, forward, strike, years, sigma, discount, confidence in legs:
            doubt = 2.0 - confidence if (shift > 0.0) == (units < 0.0) else 1.0
            t = years - days / 365.0
            deviation = max(sigma + shift * doubt, min(sigma, FLOOR)) * sqrt(t)
            left = discount ** (t / years)
            total += units * ql.blackFormula(kind, strike, forward * (1.0 + move), deviation, left)
        return total

    def loop() -> list[float]:
        now = value(0.0, 0.0, 0.0)
        return [
            value(move, shift + skew, days) - now
            for days in STRESS.horizons_days
            for move in STRESS.spot_move_shares
            for shift in STRESS.iv_shifts
            for skew in (0.0, STRESS.skew_iv_per_spot_fall * max(-move, 0.0))
        ]

    found = np.array(loop()).reshape(grid_shape(STRESS))
    assert np.abs(found - stress(BOOK, STRESS).pnl_inr).max() < 1e-8 * float(np.abs(BOOK.units).sum())
    return loop


def agree(values: list[float]) -> None:
    """The peer prices the same grid: its P&L is ours to 1e-8 points a unit."""
    by_cell = np.array(values).reshape(*grid_shape(STRESS), len(BOOK)) @ BOOK.units
    at = (0, STRESS.spot_move_shares.index(0.0), STRESS.iv_shifts.index(0.0), 0)
    away = np.abs(by_cell - by_cell[at] - stress(BOOK, STRESS).pnl_inr)
    assert away.max() < 1e-8 * float(np.abs(BOOK.units).sum())


def test_the_stress_of_a_book_is_fast() -> None:
    """12 legs, 200 cells, 3 horizons: at least 20 times faster than a BlackCalculator for each option."""
    rows = inputs_of_the_grid()
    assert len(BOOK) == 12 and len(rows) == 12 * 200 * 3
    result = stress(BOOK, STRESS)
    assert result.pnl_inr.shape == (3, 20, 5, 2)
    assert np.abs(result.pnl_inr - plain_grid(BOOK, STRESS, scipy_price)).max() < 1e-8 * 12 * LOT

    print(f"\n{machine()}; 12 legs x 200 cells x 3 horizons = {len(rows)} options")
    print_table(
        "portfolio stress, with near and named cells and settlement",
        median_s(lambda: stress(BOOK, STRESS), RUNS),
        [
            time_peer("QuantLib", "QuantLib BlackCalculator loop", calculator_loop(rows), PEER_RUNS),
            time_peer(
                "QuantLib", "QuantLib blackFormula, grid made in the loop", formula_of_the_grid, PEER_RUNS
            ),
            time_peer("QuantLib", "QuantLib blackFormula loop, inputs ready", formula_loop(rows), PEER_RUNS),
        ],
        {"QuantLib BlackCalculator loop": FASTER_MIN},
    )


def test_the_stress_costs_little_beside_its_prices() -> None:
    """One whole stress, from book to worst cell, against one price pass over the options of its grid."""
    columns = [np.array(column) for column in zip(*inputs_of_the_grid(), strict=True)]
    is_call, strike, forward, deviation, discount = columns
    options = (forward, strike, np.ones(len(strike)), deviation, is_call, discount)
    ratios = [
        median_s(lambda: stress(BOOK, STRESS), RUNS) / median_s(lambda: price(*options), RUNS)
        for _ in range(PAIRS)
    ]
    hold("portfolio stress to one price pass over its grid", ratios, STRESS_TO_PRICE_MAX)


def test_a_book_is_read_from_the_market_fast() -> None:
    """From a view and positions, confidence included, against the stress itself."""
    view = view_of(flat_vol_snapshot())
    positions = [Position(contract=contract, quantity=lots * LOT) for contract, lots in LEGS]
    quality = shipped_quality()
    result = portfolio_stress(view, positions, STRESS, quality)
    assert isinstance(result, StressResult) and result.stressed_loss_inr > 0.0
    ratios = [
        median_s(lambda: portfolio_stress(view, positions, STRESS, quality), RUNS)
        / median_s(lambda: stress(BOOK, STRESS), RUNS)
        for _ in range(PAIRS)
    ]
    hold("stress from the market to stress of a book", ratios, 2.0)
