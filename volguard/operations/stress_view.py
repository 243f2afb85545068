"""The stress of a structure or of a book as a document: grid, worst cell, settlement, scenarios."""

from __future__ import annotations

from typing import Any, Final

from volguard.measure.stress import StressOutcome, StressResult, stress
from volguard.measure.stress_book import StressBook, StressUnavailable, stress_book
from volguard.measure.stress_cells import SHAPES, Cell, CellKind, cell_columns
from volguard.measure.stress_settings import StressScenario, StressSettings
from volguard.model.errors import UsageError
from volguard.model.units import figure, money_text, rupees
from volguard.operations.portfolio import Portfolio, head_document

SCHEMA: Final = "volguard.stress/1"
WORST_CELLS: Final = 5


def stress_document(portfolio: Portfolio, horizon_days: int | None) -> dict[str, Any]:
    """Every cell; `horizon_days` (None: all) says which part of the grid is to be shown.

    `grid.pnl_inr` has the axes horizon, spot move, IV shift, shape, all of them whatever is shown. Without a
    stress the figures are None, the reasons under `missing`. Raises UsageError on a horizon that is no axis'.
    """
    settings = portfolio.settings.stress
    shown = _shown(horizon_days, settings)
    missing: dict[str, str] = {}
    return {
        **head_document(SCHEMA, portfolio),
        "shown_horizons_days": list(shown),
        **stress_figures(portfolio, missing),
        "missing": missing,
    }


def stress_figures(portfolio: Portfolio, missing: dict[str, str]) -> dict[str, Any]:
    """The figures of a stress; None with the reason under `stress` in `missing` where there is none."""
    settings = portfolio.settings.stress
    book = stress_book(portfolio.view, portfolio.positions, portfolio.settings.quality)
    if isinstance(book, StressUnavailable):
        missing["stress"] = book.text
        return {
            **dict.fromkeys(("value_inr", "worst", "stressed_loss_inr", "near_loss_inr", "settlement")),
            "grid": _grid(settings, None),
            "worst_cells": [],
            "near": [],
            "scenarios": [],
            "legs": [],
        }
    result = stress(book, settings)
    return {
        "value_inr": _inr(result.value_inr),
        "worst": None if result.worst is None else _outcome(result.worst),
        "stressed_loss_inr": _inr(result.stressed_loss_inr),
        "near_loss_inr": _inr(result.near_loss_inr),
        "settlement": _settlement(result, book),
        "grid": _grid(settings, result),
        "worst_cells": _worst_cells(result, book, settings),
        "near": [_outcome(one) for one in result.near],
        "scenarios": [
            {**_outcome(one), **_origin(scenario)}
            for one, scenario in zip(result.named, settings.scenarios, strict=True)
        ],
        "legs": _legs(book),
    }


def _shown(horizon_days: int | None, settings: StressSettings) -> tuple[int, ...]:
    if horizon_days is None:
        return settings.horizons_days
    if horizon_days not in settings.horizons_days:
        known = ", ".join(str(days) for days in settings.horizons_days)
        raise UsageError(f"--horizon was {horizon_days}, must be one of {known} days")
    return (horizon_days,)


def _grid(settings: StressSettings, result: StressResult | None) -> dict[str, Any]:
    pnl = None
    if result is not None:
        pnl = [
            [[[figure(value) for value in shapes] for shapes in shifts] for shifts in moves]
            for moves in result.pnl_inr.tolist()
        ]
    return {
        "horizons_days": list(settings.horizons_days),
        "spot_move_shares": list(settings.spot_move_shares),
        "iv_shifts": list(settings.iv_shifts),
        "shapes": [shape.value for shape in SHAPES],
        "pnl_inr": pnl,
    }


def _worst_cells(result: StressResult, book: StressBook, settings: StressSettings) -> list[dict[str, Any]]:
    # Grid, near, named and settlement together, the least first; ties in the order of the cells.
    if not len(book):
        return []
    values = result.pnl_inr.reshape(-1).tolist()
    cells = cell_columns(settings).cells[1 : 1 + len(values)]
    every = [
        StressOutcome(cell=cell, pnl_inr=figure(value)) for cell, value in zip(cells, values, strict=True)
    ]
    every += [*result.near, *result.named, *_settled(result, book)]
    return [_outcome(one) for one in sorted(every, key=lambda one: one.pnl_inr)[:WORST_CELLS]]


def _settled(result: StressResult, book: StressBook) -> list[StressOutcome]:
    expiry = result.settlement_expiry
    if expiry is None:
        return []
    forward = _first_forward(book)
    outcomes = []
    for move, value in zip(result.settlement_moves.tolist(), result.settlement_pnl_inr.tolist(), strict=True):
        label = f"settlement of {expiry.isoformat()} at {forward * (1.0 + move):.0f}"
        cell = Cell(kind=CellKind.SETTLEMENT, label=label, spot_move_share=move)
        outcomes.append(StressOutcome(cell=cell, pnl_inr=figure(value)))
    return outcomes


def _settlement(result: StressResult, book: StressBook) -> dict[str, Any] | None:
    if result.settlement_expiry is None:
        return None
    forward = _first_forward(book)
    return {
        "expiry": result.settlement_expiry.isoformat(),
        "forward": figure(forward),
        "rows": [
            {
                "spot_move_share": figure(one.cell.spot_move_share),
                "level": figure(forward * (1.0 + one.cell.spot_move_share)),
                "pnl_inr": one.pnl_inr,
            }
            for one in _settled(result, book)
        ],
    }


def _first_forward(book: StressBook) -> float:
    return next(
        float(forward)
        for contract, forward in zip(book.contracts, book.forward, strict=True)
        if contract.expiry == book.first_expiry
    )


def _outcome(outcome: StressOutcome) -> dict[str, Any]:
    cell = outcome.cell
    is_settled = cell.kind is CellKind.SETTLEMENT
    return {
        "name": cell.name,
        "kind": cell.kind.value,
        "pnl_inr": _inr(outcome.pnl_inr),
        "spot_move_share": figure(cell.spot_move_share),
        "iv_shift": None if is_settled else cell.iv_shift,
        "shape": None if is_settled else cell.shape.value,
        "horizon_days": None if is_settled else cell.horizon_days,
    }


def _origin(scenario: StressScenario) -> dict[str, Any]:
    return {"basis": scenario.basis.value, "day": None if scenario.day is None else scenario.day.isoformat()}


def _legs(book: StressBook) -> list[dict[str, Any]]:
    return [
        {
            "contract": contract.symbol,
            "units": round(float(book.units[i])),
            "sigma": figure(float(book.sigma[i])),
            "confidence": figure(float(book.confidence[i])),
            "by_neighbours": contract in book.by_neighbours,
        }
        for i, contract in enumerate(book.contracts)
    ]


def _inr(amount: float) -> str:
    return money_text(rupees(amount))
