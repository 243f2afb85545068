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
        *summary_lines(document),
        *_chain(document["chain"]),
    )


def summary_lines(document: Mapping[str, Any]) -> Iterable[str]:
    """Rank, premium, signal, regime and its odds of a `volguard.vol/1` document, a line each."""
    yield from _premium_lines(document)
    yield from _regime_lines(document["regime"])
    yield _events_line(document["events"])
    chain = document["chain"]
    if chain is not None:
        yield from _month_lines(chain)
        yield from _skew_lines(chain["skew"])


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


def _events_line(events: Mapping[str, Any]) -> str:
    if events["score"] is None:
        return f"events ahead: not available, {events['missing']}"
    parts = ", ".join(f"{event['kind']} {event['day']}" for event in events["events"]) or "none"
    unknown = f"; not known: {', '.join(events['not_known'])}" if events["not_known"] else ""
    return (
        f"events {events['first']} to {events['last']}: score {number_text(events['score'])}, "
        f"size x {number_text(events['size_multiplier'], 1)}: {parts}{unknown}"
    )


def _regime_lines(regime: Mapping[str, Any]) -> Iterable[str]:
    if regime["regime"] is None:
        yield f"regime: none; {'; '.join(regime['missing'])}"
        return
    yield (
        f"regime {regime['regime']} for {regime['sessions_in_force']} sessions, confidence "
        f"{number_text(regime['confidence'])}"
    )
    figures = (f"{name} {_figure(value)}" for name, value in regime["figures"].items() if value is not None)
    yield f"  figures: {', '.join(figures)}"
    yield f"  abstain: {'; '.join(regime['missing']) or 'none'}"
    odds = regime["transitions"]
    if odds["odds"] is None:
        yield f"  next session: no odds, {odds['sessions']} sessions are too few"
    else:
        shares = ", ".join(f"{name} {percent_text(share)}" for name, share in odds["odds"].items())
        yield f"  next session, from {odds['sessions']} like it: {shares}"


def _figure(value: float | bool) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else number_text(value, 3)


def _month_lines(chain: Mapping[str, Any]) -> Iterable[str]:
    month, term = chain["month"], chain["term"]
    why = "" if month["missing"] is None else f"; {month['missing']}"
    yield (
        f"chain at {chain['ts'][11:19]}, level {number_text(chain['level'])} ({chain['level_origin']}): "
        f"30 days {percent_text(month['implied'], 2)} ({month['implied_by']}), forecast "
        f"{percent_text(month['forecast'], 2)}, spread {percent_text(month['spread'], 2)}, z "
        f"{number_text(month['z'])}, percentile {number_text(month['percentile'], 0)} "
        f"({month['past_by']}){why}"
    )
    levels = ", ".join(
        f"{point['days']} d {percent_text(point['iv'], 2) if point['reason'] is None else point['reason']}"
        for point in term["points"]
    )
    yield (
        f"term structure {term['shape']}: {levels}; slope per 30 days "
        f"{percent_text(term['slope_per_30_days'], 2)}, curvature {percent_text(term['curvature'], 2)}"
    )


def _skew_lines(skew: Mapping[str, Any]) -> Iterable[str]:
    for cycle, one in skew.items():
        if "expiry" not in one:
            yield f"skew {cycle}: {'; '.join(one['missing'])}"
            continue
        why = f"; {'; '.join(one['missing'])}" if one["missing"] else ""
        yield (
            f"skew {cycle} {one['expiry']}, 25 delta: risk reversal {percent_text(one['risk_reversal'], 2)}, "
            f"butterfly {percent_text(one['butterfly'], 2)}, slope {number_text(one['slope'])}{why}"
        )


def _chain(chain: Mapping[str, Any] | None) -> Iterable[RenderableType]:
    if chain is None:
        return
    table = plain_table(
        (
            *("expiry", "cycle", "days", "sessions", "forward", "ATM IV", "implied", "forecast", "spread"),
            *("ratio", "signal", "fwd vol"),
        ),
        title="implied and forecast per 252 sessions; ATM IV, and forward from the expiry before, ACT/365",
    )
    ahead = {round(step["to_days"], 4): step["iv"] for step in chain["term"]["forwards"]}
    priced = [row for row in chain["expiries"] if row["forward"] is not None]
    for row in priced:
        table.add_row(
            row["expiry"],
            row["cycle"],
            cell(number_text(row["days"], 1)),
            cell(number_text(row["sessions"], 2)),
            cell(number_text(row["forward"])),
            cell(percent_text(row["atm_iv"], 2)),
            cell(percent_text(row["implied"], 2)),
            cell(percent_text(row["forecast"], 2)),
            cell(percent_text(row["spread"], 2)),
            cell(number_text(row["ratio"])),
            row["signal"],
            cell(percent_text(ahead.get(round(row["days"], 4)), 2)),
        )
    yield from ("", table)
    for reason in sorted({row["missing"] for row in chain["expiries"]} - {None}):
        named = [row["expiry"] for row in chain["expiries"] if row["missing"] == reason]
        yield f"no premium for {', '.join(named)}: {reason}"
    yield chain["z_missing"]
