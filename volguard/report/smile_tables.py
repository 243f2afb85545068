"""Rich tables of a chain's smile, surface and metrics, each from its command's own document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from volguard.adapters.figure_text import ABSENT, number_text, percent_text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

CRORE: Final = 1e7
MONEYNESS_SHOWN: Final = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)


def smile_table(document: Mapping[str, Any]) -> RenderableType:
    """A `volguard.smile/1` document: both fits with their errors, then quote, fits and residuals by strike.

    Strikes without a liquid quote are left out; the JSON document holds them.
    """
    from rich.console import Group

    table = plain_table(
        ("strike", "quoted IV", "+-", "SABR", "pts", "ticks", "SVI", "pts", "ticks"),
        title=f"{document['liquid_strikes']} liquid strikes; residual = fit minus quote",
    )
    for row in document["strikes"]:
        if row["is_liquid"]:
            table.add_row(
                str(row["strike"]),
                cell(percent_text(row["iv"], 2)),
                cell(percent_text(row["iv_error"], 2)),
                *_fit_cells(row, "sabr"),
                *_fit_cells(row, "svi"),
            )
    return Group(_smile_head(document), "", _fits_table(document), "", table)


def surface_table(document: Mapping[str, Any]) -> RenderableType:
    """A `volguard.surface/1` document: volatility by standardised moneyness, then sources and checks."""
    from rich.console import Group

    places = [document["moneyness"].index(z) for z in MONEYNESS_SHOWN]
    table = plain_table(
        ("expiry", "days", *(f"{z:+g} sd" if z else "forward" for z in MONEYNESS_SHOWN), "fwd vol", "smile"),
        title=f"{document['underlying']} {document['ts']}  IV by ln(K/F) in standard deviations",
    )
    for row in document["expiries"]:
        table.add_row(
            row["expiry"],
            cell(number_text(row["days"], 1)),
            *(cell(percent_text(row["iv"][place], 2)) for place in places),
            cell(percent_text(_root(row["forward_variance"]), 2)),
            row["source"],
        )
    return Group(table, "", _sources_table(document), "", *_check_lines(document["checks"]))


def metrics_table(document: Mapping[str, Any]) -> RenderableType:
    """A `volguard.metrics/1` document: a row per expiry, the term structure, the model-free VIX."""
    from rich.console import Group

    table = plain_table(
        (
            *("expiry", "ATM IV", "straddle", "PCR OI", "PCR vol", "max pain", "put wall", "call wall"),
            *("GEX cr/1 %", "RR25", "BF25", "slope"),
        ),
        title=f"{document['underlying']} {document['ts']}  level {number_text(document['level'])}",
    )
    for row in document["expiries"]:
        lean = row["skew"]
        table.add_row(
            row["expiry"],
            cell(percent_text(row["atm_iv"], 2)),
            cell(number_text(row["straddle"], 1)),
            cell(number_text(row["pcr_oi"])),
            cell(number_text(row["pcr_volume"])),
            cell(number_text(row["max_pain"], 0)),
            _wall(row["put_wall"]),
            _wall(row["call_wall"]),
            cell(number_text(_crores(row["gamma_exposure_inr_per_pct"]), 0)),
            cell(percent_text(lean["risk_reversal"], 2)),
            cell(percent_text(lean["butterfly"], 2)),
            cell(number_text(lean["slope"])),
        )
    return Group(table, "", *_term_lines(document["term"]), *_vix_lines(document["vix"]))


def plain_table(columns: Sequence[str], *, title: str) -> Table:
    """A table without a box, its first column left and the others right."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim")
    for i, name in enumerate(columns):
        table.add_column(name, justify="right" if i else "left", no_wrap=True)
    return table


def cell(text: str) -> str:
    """A figure's cell: a dash where there is none, quieter than the usual word."""
    return "-" if text == ABSENT else text


def fitted_text(document: Mapping[str, Any]) -> str:
    """Whether the smile of a document (`ts`, `fitted_at`) was fitted on its own snapshot or carried to it."""
    fitted = document["fitted_at"]
    if fitted is None:
        return "not fitted"
    return "fitted on this snapshot" if fitted == document["ts"] else f"calibrated {fitted[11:16]}, carried"


def _smile_head(doc: Mapping[str, Any]) -> str:
    reason = f" ({doc['reason']})" if doc["reason"] else ""
    return (
        f"{doc['underlying']} {doc['expiry']} at {doc['ts']}  {number_text(doc['days'], 2)} days  "
        f"forward {number_text(doc['forward'])}  ATM IV {percent_text(doc['atm_iv'], 2)}\n"
        f"drawn by {doc['source']}{reason}, {fitted_text(doc)}, "
        f"butterfly g {number_text(doc['butterfly'], 4)} (below 0: arbitrage)"
    )


def _fits_table(document: Mapping[str, Any]) -> Table:
    table = plain_table(
        ("fit", "status", "near rms", "max pts", "rms ticks", "all rms pts", "least g", "parameters"),
        title="near: within 1.5 standard deviations of the forward",
    )
    for name in ("sabr", "svi"):
        fit, error = document[name], document[name]["error"]
        table.add_row(
            name.upper(),
            fit["status"],
            cell(number_text(error["near_rms_pt"], 3)),
            cell(number_text(error["near_max_pt"], 3)),
            cell(number_text(error["near_rms_ticks"], 1)),
            cell(number_text(error["rms_pt"], 3)),
            cell(number_text(fit["butterfly"], 4)),
            " ".join(f"{key} {cell(number_text(fit[key], 4))}" for key in fit["stderr"]),
        )
    return table


def _fit_cells(row: Mapping[str, Any], name: str) -> tuple[str, str, str]:
    return (
        cell(percent_text(row[name], 2)),
        cell(number_text(row[f"{name}_residual_pt"], 2, is_signed=True)),
        cell(number_text(row[f"{name}_residual_ticks"], 1, is_signed=True)),
    )


def _sources_table(document: Mapping[str, Any]) -> Table:
    table = plain_table(
        ("expiry", "smile", "SABR rms", "SVI rms", "least g", "growth to next", "reason"),
        title="near rms in volatility points; growth of total variance, below 0: calendar arbitrage",
    )
    for row in document["expiries"]:
        table.add_row(
            row["expiry"],
            row["source"],
            cell(number_text(row["sabr_near_rms_pt"], 3)),
            cell(number_text(row["svi_near_rms_pt"], 3)),
            cell(number_text(row["butterfly"], 4)),
            cell(number_text(row["calendar_growth"], 6)),
            row["reason"] or "",
        )
    return table


def _check_lines(checks: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        f"{name} arbitrage: {', '.join(checks[key]) or 'none where it could be checked'}"
        for name, key in (("butterfly", "butterfly_arbitrage"), ("calendar", "calendar_arbitrage"))
    )


def _term_lines(term: Mapping[str, Any]) -> tuple[str, ...]:
    points = "  ".join(
        f"{point['days']} d {point['reason'] or percent_text(point['iv'], 2)}" for point in term["points"]
    )
    slope = percent_text(term["slope_per_30_days"], 2)
    return (f"term {term['shape']}: {points}  slope {slope} per 30 days",)


def _vix_lines(vix: Mapping[str, Any]) -> tuple[str, ...]:
    if vix["value"] is None:
        return (f"VIX, model-free: none ({vix['status']})",)
    parts = (
        f"{vix[side]['expiry']} {percent_text(vix[side]['iv'], 2)} from {vix[side]['strikes_used']} strikes, "
        f"{vix[side]['strikes_replaced']} by spline"
        for side in ("near", "next")
    )
    return (f"VIX, model-free, 30 days: {number_text(vix['value'])} ({vix['status']}; {'; '.join(parts)})",)


def _wall(wall: Mapping[str, Any] | None) -> str:
    return "-" if wall is None else f"{wall['strike']:.0f} {100.0 * wall['share']:.0f}%"


def _crores(rupees: float | None) -> float | None:
    return None if rupees is None else rupees / CRORE


def _root(variance: float | None) -> float | None:
    return None if variance is None or variance < 0.0 else variance**0.5
