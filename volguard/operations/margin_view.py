"""The margin of a structure or of a book: components, what they were measured from, after moves of the index.

Also beside the exchange's own risk arrays, and two studies: published margins, and price scans by year.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, Final

from volguard.adapters.margin_files import read_published_scans
from volguard.adapters.span_file import SpanFile, margin_by_file, read_span_file
from volguard.measure.book_risk import margin_at_move
from volguard.measure.margin import Margin, NoMargin
from volguard.measure.margin_price_scan import price_scan_errors
from volguard.measure.margin_published import TOLERANCE, PublishedRow, published_margin_table
from volguard.measure.market_view import reference_level
from volguard.model.errors import DateNotCovered
from volguard.model.instrument import Underlying
from volguard.model.units import figure, money_text, rupees
from volguard.nse.margin_rules import MarginRule, MarginRules
from volguard.operations.portfolio import Portfolio, head_document

SCHEMA: Final = "volguard.margin/1"
PUBLISHED_SCHEMA: Final = "volguard.margin_published/1"
PRICE_SCAN_SCHEMA: Final = "volguard.margin_price_scan/1"
MOVES: Final = (-0.03, -0.02, -0.01, 0.01, 0.02, 0.03)
COMPONENTS: Final = (
    "scan_risk_inr",
    "calendar_spread_inr",
    "short_option_minimum_inr",
    "net_option_value_inr",
    "span_inr",
    "exposure_inr",
    "deep_otm_inr",
    "expiry_day_inr",
    "total_inr",
    "upfront_premium_inr",
)
RULE_ROWS: Final = (
    "price_scan",
    "vol_scan",
    "scenarios",
    "short_option_minimum",
    "calendar_spread",
    "exposure",
    "deep_otm",
    "expiry_day",
    "upfront_premium",
)
_NOT_FIGURES: Final = ("underlying", "valid_from", "valid_to", "source", "confidence")


def margin_document(portfolio: Portfolio, span_file: Path | None) -> dict[str, Any]:
    """Margin now and after moves; with `span_file` also by its arrays, ours less the file's beside it.

    What is not available is None with its reason under `missing`. Raises DataError on a bad file.
    """
    missing: dict[str, str] = {}
    return {
        **head_document(SCHEMA, portfolio),
        "inputs": _inputs(portfolio),
        **margin_figures(portfolio, missing),
        "span_file": None if span_file is None else _by_file(portfolio, span_file, missing),
        "missing": missing,
    }


def margin_figures(portfolio: Portfolio, missing: dict[str, str]) -> dict[str, Any]:
    """`margin` and `moves` of a portfolio; reasons are put under `margin` and `moves` in `missing`."""
    now = margin_at(portfolio, 0.0)
    moved = [(move, margin_at(portfolio, move)) for move in MOVES]
    if isinstance(now, NoMargin):
        missing["margin"] = now.reason
    reasons = sorted({found.reason for _, found in moved if isinstance(found, NoMargin)})
    if reasons:
        missing["moves"] = "; ".join(reasons)
    return {"margin": components_of(now), "moves": [_move(move, found) for move, found in moved]}


def margin_at(portfolio: Portfolio, move_share: float) -> Margin | NoMargin:
    """The margin after a move of the index (0: now); nothing held asks for nothing, whatever is known."""
    source = portfolio.margin
    if source.reason and portfolio.positions:
        return NoMargin(reason=source.reason)
    return margin_at_move(portfolio.view, portfolio.positions, source.inputs, move_share)


def components_of(margin: Margin | NoMargin) -> dict[str, Any] | None:
    """Every component in rupees with the scenarios of the scan; None without a margin."""
    if isinstance(margin, NoMargin):
        return None
    return {
        **{name: _inr(getattr(margin, name)) for name in COMPONENTS},
        "worst_scenario": margin.worst_scenario,
        "scan": [{"loss_inr": _inr(one.loss_inr), "scenario": one.scenario} for one in margin.scan],
    }


def published_document(rules: MarginRules) -> dict[str, Any]:
    """Published margins beside ours, with what was assumed. Raises DateNotCovered."""
    rows = published_margin_table(rules)
    scenes = {row.margin.scene.day: row.margin.scene.assumed for row in rows}
    return {
        "schema": PUBLISHED_SCHEMA,
        "tolerance": TOLERANCE,
        "rows": [_published(row) for row in rows],
        "assumed": {day.isoformat(): text for day, text in scenes.items()},
    }


def price_scan_document(scans: Path, volatility: Path, rules: MarginRules) -> dict[str, Any]:
    """The error of our price scan by year and symbol. Raises DataError, DateNotCovered."""
    published = read_published_scans(scans, volatility)
    return {
        "schema": PRICE_SCAN_SCHEMA,
        "file": str(scans),
        "volatility_file": str(volatility),
        "symbols": {
            symbol: [
                {name: _plain(value) for name, value in asdict(row).items()}
                for row in price_scan_errors(one, rules)
            ]
            for symbol, one in published.items()
        },
    }


def _move(move: float, margin: Margin | NoMargin) -> dict[str, Any]:
    if isinstance(margin, NoMargin):
        return {"move_share": move, "span_inr": None, "total_inr": None, "worst_scenario": None}
    return {
        "move_share": move,
        "span_inr": _inr(margin.span_inr),
        "total_inr": _inr(margin.total_inr),
        "worst_scenario": margin.worst_scenario,
    }


def _inputs(portfolio: Portfolio) -> dict[str, Any]:
    source, sigma = portfolio.margin, portfolio.margin.inputs.sigma_daily
    level, _ = reference_level(portfolio.view)
    rule = _rule(portfolio)
    vol_scan = scan = None
    if isinstance(rule, MarginRule) and sigma is not None:
        vol_scan = figure(rule.vol_scan.points(sigma_daily=sigma))
        scan = figure(rule.price_scan.fraction(sigma_daily=sigma))
    return {
        "trade_date": source.inputs.trade_date.isoformat(),
        "previous_close": source.inputs.previous_close,
        "previous_close_day": None if source.close_day is None else source.close_day.isoformat(),
        "sigma_daily": None if sigma is None else figure(sigma),
        "sigma_origin": source.sigma_origin,
        "price_scan_share": scan,
        "price_scan_points": None if scan is None or level is None else figure(scan * level),
        "vol_scan": vol_scan,
        "rules": _rule_rows(rule) if isinstance(rule, MarginRule) else [],
    }


def _rule(portfolio: Portfolio) -> MarginRule | str:
    inputs = portfolio.margin.inputs
    try:
        return inputs.rules.on(Underlying(portfolio.view.listing.underlying), inputs.trade_date)
    except DateNotCovered as error:
        return error.message


def _rule_rows(rule: MarginRule) -> list[dict[str, Any]]:
    rows = []
    for name in RULE_ROWS:
        row = asdict(getattr(rule, name))
        rows.append(
            {
                "rule": name,
                "figures": {key: value for key, value in row.items() if key not in _NOT_FIGURES},
                "valid_from": row["valid_from"].isoformat(),
                "source": row["source"],
                "confidence": str(row["confidence"]),
            }
        )
    return rows


def _by_file(portfolio: Portfolio, path: Path, missing: dict[str, str]) -> dict[str, Any]:
    file = read_span_file(path, Underlying(portfolio.view.listing.underlying))
    theirs, ours = _file_margin(portfolio, file), margin_at(portfolio, 0.0)
    if isinstance(theirs, NoMargin):
        missing["span_file"] = theirs.reason
    difference = None
    if isinstance(theirs, Margin) and isinstance(ours, Margin):
        difference = {name: _inr(getattr(ours, name) - getattr(theirs, name)) for name in COMPONENTS}
    return {
        "path": str(path),
        "day": file.day.isoformat(),
        "is_settlement": file.is_settlement,
        "level": figure(file.level),
        "margin": components_of(theirs),
        "difference": difference,
    }


def _file_margin(portfolio: Portfolio, file: SpanFile) -> Margin | NoMargin:
    rule, close = _rule(portfolio), portfolio.margin.inputs.previous_close
    if isinstance(rule, str):
        return NoMargin(reason=rule)
    if close is None and portfolio.positions:
        return NoMargin(reason=portfolio.margin.reason)
    return margin_by_file(
        file, portfolio.positions, futures={}, previous_close=math.nan if close is None else close, rule=rule
    )


def _published(row: PublishedRow) -> dict[str, Any]:
    margin = row.margin
    return {
        "name": margin.name,
        "component": margin.component,
        "day": margin.scene.day.isoformat(),
        "published_inr": _inr(margin.published_inr),
        "ours_inr": _inr(row.ours_inr) if math.isfinite(row.ours_inr) else None,
        "difference": figure(row.difference) if math.isfinite(row.difference) else None,
        "is_held": margin.is_held,
        "reason": row.reason,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return figure(value)
    return value.isoformat() if isinstance(value, date) else value


def _inr(amount: float) -> str:
    return money_text(rupees(amount))
