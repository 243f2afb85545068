"""Rich tables of `volguard vol --regimes`, from the command's own document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from volguard.adapters.figure_text import number_text, percent_text
from volguard.report.smile_tables import cell, plain_table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

NO_HISTORY = "no history"


def regimes_table(document: Mapping[str, Any]) -> RenderableType:
    """A `volguard.vol_regimes/1` document: regimes, signals, regimes by year, and what is not known."""
    from rich.console import Group

    signals = document["signals"]
    return Group(
        _states(
            document["regimes"],
            document,
            title=f"regimes of {document['underlying']}, {document['first']} to {document['last']}: "
            f"{document['sessions']} sessions, India VIX as vix_proxy",
        ),
        *_change_lines(document["changes"]),
        *_unknown_lines(document),
        "",
        _states(
            signals["rows"],
            document,
            title=f"IV-RV signals, {signals['first']} to {signals['last']}: {signals['sessions']} sessions, "
            f"India VIX less {signals['forecast_by']}",
        ),
        f"changes: {_changes(signals['changes'])}",
        "",
        _years(document),
        "",
        *_legend(document),
    )


def _states(rows: Sequence[Mapping[str, Any]], document: Mapping[str, Any], *, title: str) -> Table:
    low, high = (number_text(document["vix_percentiles"][end], 0) for end in ("low", "high"))
    table = plain_table(
        (
            *("", "sessions", "time", "came/year", "stay", "longest", "VIX mean", "median"),
            *(f"> p{high}", f"< p{low}", "agrees", "RV after", "VIX > RV"),
        ),
        title=title,
    )
    for row in rows:
        if row.get("judged") == 0:
            table.add_row(row["state"], NO_HISTORY)
            continue
        table.add_row(
            row["state"],
            str(row["sessions"]),
            percent_text(row["share"]),
            number_text(row["arrivals_per_year"], 1),
            cell(number_text(row["stay_mean"], 1)),
            str(row["stay_max"]) if row["sessions"] else "-",
            cell(number_text(row["vix_mean"])),
            cell(number_text(row["vix_median"])),
            *(cell(percent_text(row[name], 0)) for name in ("above_high", "below_low", "agreement")),
            cell(number_text(row["realised_after"])),
            cell(percent_text(row["above_realised"], 0)),
        )
    return table


def _change_lines(changes: Mapping[str, Any]) -> Iterable[str]:
    dwell = f"the dwell of {number_text(changes['dwell_sessions'], 0)} session"
    yield f"changes: {_changes(changes['in_force'])} in force"
    yield f"  {_changes(changes['without_dwell'])} without {dwell}"
    yield (
        f"  {_changes(changes['without_dwell_and_exit_margin'])} without {dwell} and the exit margin of "
        f"{percent_text(changes['exit_margin'], 0)}"
    )


def _changes(counted: Mapping[str, Any]) -> str:
    return f"{counted['count']}, {number_text(counted['per_year'], 1)} a year"


def _unknown_lines(document: Mapping[str, Any]) -> Iterable[str]:
    for row in document["regimes"]:
        if not row["judged"]:
            yield f"{row['state']}: {NO_HISTORY}, daily history has no {row['missing']}"
        elif row["judged"] < document["sessions"]:
            yield f"{row['state']}: could be judged on {row['judged']} of {document['sessions']} sessions"
    if document["left_out"]:
        yield f"{document['left_out']} sessions of India VIX have no high and low of the index: left out"
    if document["without_regime"]:
        yield f"no regime on {document['without_regime']} sessions"


def _years(document: Mapping[str, Any]) -> Table:
    names = [row["state"] for row in document["regimes"] if row["judged"]]
    table = plain_table(("year", "sessions", "changes", *names), title="sessions by regime and year")
    for year in document["years"]:
        counts = (str(year["counts"][name]) for name in names)
        table.add_row(str(year["year"]), str(year["sessions"]), str(year["changes"]), *counts)
    return table


def _legend(document: Mapping[str, Any]) -> Iterable[str]:
    low, high = (number_text(document["vix_percentiles"][end], 0) for end in ("low", "high"))
    yield "came/year: changes into it per 252 sessions; stay, longest: sessions in a row"
    yield f"> p{high}, < p{low}: share of its sessions with India VIX beyond that percentile of 252"
    yield "agrees: share of its sessions on which India VIX of that day meets the rule by itself"
    yield (
        f"RV after, VIX > RV: mean volatility of the {document['after_sessions']} sessions that followed, "
        "and how often India VIX had been above it"
    )
