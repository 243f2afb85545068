"""Rich table of a chain's history through recorded days, and its findings in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from volguard.adapters.figure_text import number_text, percent_text
from volguard.report.smile_tables import cell, plain_table

if TYPE_CHECKING:
    from rich.console import RenderableType

NAMES: Final = {
    "atm_iv": "ATM IV",
    "risk_reversal": "25-delta risk reversal",
    "butterfly": "25-delta butterfly",
}


def history_table(document: Mapping[str, Any]) -> RenderableType:
    """A `volguard.chain-history/1` document: a row per time, then where the last values stand."""
    from rich.console import Group

    table = plain_table(
        (
            *("time", "expiry", "forward", "ATM IV", "RR25", "BF25", "straddle", "move"),
            *("slope/30 d", "VIX"),
        ),
        title=f"{document['underlying']}  a snapshot every {document['every_min']} min",
    )
    for row in document["rows"]:
        table.add_row(
            row["ts"][:16].replace("T", " "),
            row["expiry"],
            cell(number_text(row["forward"], 1)),
            cell(percent_text(row["atm_iv"], 2)),
            cell(percent_text(row["risk_reversal"], 2)),
            cell(percent_text(row["butterfly"], 2)),
            cell(number_text(row["straddle"], 1)),
            cell(percent_text(row["expected_move"], 2)),
            cell(percent_text(row["term_slope_per_30_days"], 2)),
            cell(number_text(row["vix"])),
        )
    return Group(table, "", *history_lines(document))


def history_lines(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Where the last values stand among the earlier ones, and what to keep in mind when reading them."""
    lines = [_standing_line(name, document["last"][key]) for key, name in NAMES.items()]
    lines.append(f"percentile: {document['percentile_of']}")
    if len(document["expiries"]) > 1:
        several = ", ".join(document["expiries"])
        lines.append(f"expiries {several} stand in one series: their days to expiry differ")
    return tuple(lines)


def _standing_line(name: str, standing: Mapping[str, Any]) -> str:
    head = f"{name}, last {percent_text(standing['value'], 2)}: percentile"
    if standing["missing"] is not None:
        return f"{head} not available: {standing['missing']}"
    return f"{head} {number_text(standing['percentile'], 0)} of {standing['observations']} earlier values"
