"""Rich tables of a stress, from a `volguard.stress/1` document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from volguard.adapters.figure_text import amount_text, number_text, percent_text
from volguard.report.smile_tables import cell, plain_table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

WORST_MARK: Final = "*"


def stress_table(document: Mapping[str, Any]) -> RenderableType:
    """The grid of each horizon shown, the worst cell of all, the row of settlement, the scenarios."""
    from rich.console import Group

    return Group(
        *head_lines(document),
        "",
        *worst_lines(document),
        "",
        *_grids(document),
        _settlement(document["settlement"]),
        "",
        outcome_table(document["scenarios"], title="scenarios"),
        outcome_table(document["near"], title="near cells"),
        *reason_lines(document),
    )


def head_lines(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Whose positions, when, and each of them."""
    held = "  ".join(position_text(one) for one in document["positions"])
    return (
        f"{document['underlying']} {document['name']} at {document['ts']}",
        f"level {number_text(document['level'])} ({document['level_origin']})",
        held or "nothing is held",
    )


def worst_lines(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The stressed loss with its cell, in words."""
    worst = document["worst"]
    if worst is None:
        loss = amount_text(document["stressed_loss_inr"])
        return (f"worst cell: none; stressed loss {loss}",)
    doubtful = [leg for leg in document.get("legs", ()) if leg["by_neighbours"] or leg["confidence"] < 1.0]
    told = "; ".join(_doubt_text(leg) for leg in doubtful)
    lines = (
        f"worst cell: {worst['name']}: {amount_text(worst['pnl_inr'], is_signed=True)} rupees",
        f"stressed loss {amount_text(document['stressed_loss_inr'])}, of near cells "
        f"{amount_text(document['near_loss_inr'])}; rupees before costs, against "
        f"{amount_text(document['value_inr'], is_signed=True)} now",
    )
    return (*lines, f"doubt widens the shifts of {told}") if told else lines


def outcome_table(outcomes: Sequence[Mapping[str, Any]], *, title: str) -> Table:
    """Named cells with what the positions make there."""
    table = plain_table(("cell", "P&L, rupees"), title=title)
    for one in outcomes:
        table.add_row(one["name"], amount_text(one["pnl_inr"], is_signed=True))
    return table


def position_text(position: Mapping[str, Any]) -> str:
    """One position: "-225 24250 PE 2025-09-02"."""
    units = number_text(position["units"], 0, is_signed=True)
    return f"{units} {position['strike']} {position['option_type']} {position['expiry']}"


def reason_lines(document: Mapping[str, Any]) -> tuple[str, ...]:
    """What is not available and why."""
    return tuple(f"{name}: not available: {reason}" for name, reason in document["missing"].items())


def worst_grid_cell(document: Mapping[str, Any]) -> tuple[int, float, float, str] | None:
    """Horizon, move, shift and shape of the worst grid cell of the horizons shown; None without a loss."""
    grid, shown = document["grid"], document["shown_horizons_days"]
    if grid["pnl_inr"] is None:
        return None
    least, found = 0.0, None
    for days in shown:
        by_move = grid["pnl_inr"][grid["horizons_days"].index(days)]
        for move, by_shift in zip(grid["spot_move_shares"], by_move, strict=True):
            for shift, values in zip(grid["iv_shifts"], by_shift, strict=True):
                for shape, pnl in zip(grid["shapes"], values, strict=True):
                    if pnl < least:
                        least, found = pnl, (days, move, shift, shape)
    return found


def horizon_text(days: int) -> str:
    """Days ahead in words."""
    return "now" if days == 0 else f"{days} day{'' if days == 1 else 's'} ahead"


def _grids(document: Mapping[str, Any]) -> list[RenderableType]:
    grid = document["grid"]
    if grid["pnl_inr"] is None:
        return []
    drawn: list[RenderableType] = []
    for days in document["shown_horizons_days"]:
        drawn += [_grid(document, grid["horizons_days"].index(days)), ""]
    return drawn


def _grid(document: Mapping[str, Any], i: int) -> Table:
    grid, worst = document["grid"], worst_grid_cell(document)
    days = grid["horizons_days"][i]
    shapes = ", then ".join(grid["shapes"])
    table = plain_table(
        ("spot", *(f"{100.0 * shift:+.0f} pt" for _ in grid["shapes"] for shift in grid["iv_shifts"])),
        title=f"{horizon_text(days)}: P&L in rupees by IV shift, {shapes}; * worst of the grid",
    )
    for move, by_shift in zip(grid["spot_move_shares"], grid["pnl_inr"][i], strict=True):
        cells = []
        for k, shape in enumerate(grid["shapes"]):
            for shift, values in zip(grid["iv_shifts"], by_shift, strict=True):
                mark = WORST_MARK if worst == (days, move, shift, shape) else ""
                cells.append(mark + number_text(values[k], 0, is_signed=True))
        table.add_row(f"{100.0 * move:+.0f} %", *cells)
    return table


def _settlement(settlement: Mapping[str, Any] | None) -> RenderableType:
    if settlement is None:
        return "settlement: none"
    table = plain_table(
        ("settlement at", "move", "P&L, rupees"),
        title=f"settlement of {settlement['expiry']}",
    )
    for row in settlement["rows"]:
        table.add_row(
            number_text(row["level"], 0),
            percent_text(row["spot_move_share"]),
            cell(number_text(row["pnl_inr"], 0, is_signed=True)),
        )
    return table


def _doubt_text(leg: Mapping[str, Any]) -> str:
    by = ", priced by its neighbours" if leg["by_neighbours"] else ""
    return f"{leg['contract']} (confidence {leg['confidence']:.2f}{by})"
