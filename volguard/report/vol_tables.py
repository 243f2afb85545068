"""Rich tables of `volguard vol` and its studies, each from the command's own document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from volguard.adapters.figure_text import number_text, percent_text
from volguard.report.smile_tables import cell, plain_table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


def vol_table(document: Mapping[str, Any]) -> RenderableType:
    """A `volguard.vol/1` document on one screen."""
    from rich.console import Group

    head = (
        f"{document['underlying']} after the close of {document['as_of']}: {number_text(document['close'])}, "
        f"{document['sessions']} sessions from {document['history']}"
    )
    return Group(
        head,
        "",
        _realised(document),
        "",
        _cone(document),
        "",
        _forecasts(document),
        *_left_out(document),
        "",
        *_premium_lines(document),
        *_regime_lines(document["regime"]),
    )


def evaluation_table(document: Mapping[str, Any]) -> Table:
    """A `volguard.vol_evaluation/1` document: a row per horizon and model."""
    table = plain_table(
        ("sessions", "model", "forecasts", "left out", "QLIKE", "intercept", "+-", "slope", "+-", "R2"),
        title=f"{document['underlying']} {document['first']} to {document['last']}, out of sample; "
        "Mincer-Zarnowitz on annualised variance",
    )
    for row in document["rows"]:
        table.add_row(
            str(row["horizon"]),
            row["name"],
            str(row["observations"]),
            str(row["left_out"]),
            cell(number_text(row["qlike"], 4)),
            cell(number_text(row["intercept"], 4)),
            cell(number_text(row["intercept_stderr"], 4)),
            cell(number_text(row["slope"], 3)),
            cell(number_text(row["slope_stderr"], 3)),
            cell(number_text(row["r_squared"], 3)),
        )
    return table


def signals_table(document: Mapping[str, Any]) -> Table:
    """A `volguard.vol_signals/1` document: sessions by signal, a row per year."""
    names = list(document["years"][0]["counts"]) if document["years"] else []
    table = plain_table(
        ("year", "sessions", *names, "of AVOID: falling"),
        title=f"IV-RV signals of {document['underlying']}: "
        f"India VIX (vix_proxy) less {document['forecast_by']}",
    )
    for year in document["years"]:
        counts = [str(year["counts"][name]) for name in names]
        table.add_row(str(year["year"]), str(year["sessions"]), *counts, str(year["falling"]))
    return table


def nse_table(document: Mapping[str, Any]) -> RenderableType:
    """A `volguard.vol_nse/1` document: a row per symbol, then the sessions that the file lacks."""
    from rich.console import Group

    table = plain_table(
        (
            "symbol",
            "rows",
            "from",
            "to",
            "one step",
            "worst error",
            "restart",
            "missing days",
            "worst bridged",
        ),
        title="each row of the file from the row before it, sigma per day",
    )
    for one in document["symbols"]:
        bridged = max((gap["error"] for gap in one["missing"]), default=None)
        table.add_row(
            one["symbol"],
            str(one["rows"]),
            one["first"],
            one["last"],
            str(one["rows_by_kind"]["one_step"]),
            cell(number_text(one["worst_one_step"], 6)),
            cell(number_text(one["restart_error"], 6)),
            str(len(one["missing"])),
            cell(number_text(bridged, 6)),
        )
    gaps = (
        f"{one['symbol']}: a session is missing after {', '.join(gap['after'] for gap in one['missing'])}"
        for one in document["symbols"]
        if one["missing"]
    )
    return Group(table, *gaps)


def legs_table(document: Mapping[str, Any]) -> Table:
    """A `volguard.vol_legs/1` document: a row per days to expiry and leg."""
    table = plain_table(
        ("days", "leg", "legs", "solved", "median IV", "India VIX", "ratio"),
        title=f"{document['legs']} traded legs, carry {percent_text(document['carry'])}",
    )
    for row in document["rows"]:
        table.add_row(
            str(row["days_to_expiry"]),
            row["name"],
            str(row["legs"]),
            str(row["solved"]),
            cell(percent_text(row["iv"], 2)),
            cell(percent_text(row["vix"], 2)),
            cell(number_text(row["ratio"], 3)),
        )
    return table


def _realised(document: Mapping[str, Any]) -> Table:
    windows = [str(window) for window in document["windows"]]
    table = plain_table(("realised", *(f"{window} sessions" for window in windows)), title="")
    for name, row in document["realised"].items():
        table.add_row(name.replace("_", " "), *(cell(percent_text(row[window], 2)) for window in windows))
    return table


def _cone(document: Mapping[str, Any]) -> Table:
    quantiles = [_quantile(share) for share in document["cone_quantiles"]]
    table = plain_table(("cone", *quantiles, "now", "percentile"), title="")
    for row in document["cone"]:
        table.add_row(
            f"{row['window']} sessions",
            *(cell(percent_text(value)) for value in row["quantiles"]),
            cell(percent_text(row["latest"])),
            cell(number_text(row["percentile"], 0)),
        )
    return table


def _quantile(share: float) -> str:
    return {0.0: "lowest", 0.5: "median", 1.0: "highest"}.get(share, f"{100.0 * share:g} %")


def _forecasts(document: Mapping[str, Any]) -> Table:
    names = list(document["forecasts"][0]["models"])
    table = plain_table(("forecast", *names, "median", "dispersion"), title="")
    for row in document["forecasts"]:
        table.add_row(
            "1 session" if row["sessions"] == 1 else f"{row['sessions']} sessions",
            *(cell(percent_text(row["models"][name], 2)) for name in names),
            cell(percent_text(row["median"], 2)),
            cell(percent_text(row["dispersion"], 2)),
        )
    return table


def _left_out(document: Mapping[str, Any]) -> Iterable[str]:
    # One reason mostly holds for all horizons: say it once.
    reasons = {(name, why) for row in document["forecasts"] for name, why in row["left_out"].items()}
    return tuple(f"left out: {name}, {why}" for name, why in sorted(reasons))


def _premium_lines(document: Mapping[str, Any]) -> Iterable[str]:
    vix, premium, signal = document["india_vix"], document["premium"], document["signal"]
    if vix["level"] is None:
        yield f"India VIX: {vix['missing']}"
    else:
        tail = vix["missing"] or (
            f"rank {number_text(vix['rank'], 0)}, percentile {number_text(vix['percentile'], 0)} "
            f"of {vix['sessions']} sessions"
        )
        yield f"India VIX {number_text(vix['level'])} on {vix['day']}: {tail}"
    if premium["missing"] is not None:
        yield f"premium: none, {premium['missing']}"
    else:
        yield (
            f"premium over {number_text(premium['sessions'], 1)} sessions: implied "
            f"{percent_text(premium['implied'], 2)} (vix_proxy), forecast "
            f"{percent_text(premium['forecast'], 2)} (median), "
            f"spread {percent_text(premium['spread'], 2)}, ratio {number_text(premium['ratio'])}"
        )
    if signal["missing"] is not None:
        yield f"signal: ABSTAIN, {signal['missing']}"
    else:
        yield (
            f"signal {signal['signal']}{' (spread falls)' if signal['is_falling'] else ''}: against "
            f"{percent_text(signal['forecast'], 2)} ({signal['forecast_by']}), spread "
            f"{percent_text(signal['spread'], 2)}, z {number_text(signal['z'])}"
        )


def _regime_lines(regime: Mapping[str, Any]) -> Iterable[str]:
    if regime["regime"] is None:
        yield f"regime: none; {'; '.join(regime['missing'])}"
        return
    yield (
        f"regime {regime['regime']} for {regime['sessions_in_force']} sessions, confidence "
        f"{number_text(regime['confidence'])}"
    )
    figures = (
        f"{name} {number_text(value, 3)}" for name, value in regime["figures"].items() if value is not None
    )
    yield f"  figures: {', '.join(figures)}"
    yield f"  abstain: {'; '.join(regime['missing']) or 'none'}"
    odds = regime["transitions"]
    if odds["odds"] is None:
        yield f"  next session: no odds, {odds['sessions']} sessions are too few"
    else:
        shares = ", ".join(f"{name} {percent_text(share)}" for name, share in odds["odds"].items())
        yield f"  next session, from {odds['sessions']} like it: {shares}"
