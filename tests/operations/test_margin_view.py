"""The margin document: components by hand, what is missing named, the exchange's arrays beside ours."""

from __future__ import annotations

import json
import math
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.test_span_file import CALL_LOSS, array
from tests.chains import DAY, LOT, WEEKLY
from tests.fakes import shipped_rules
from tests.operations.portfolios import (
    CLOSE,
    SIGMA_DAILY,
    black_call,
    of_legs,
    session,
    steady_bars,
    two_trades,
)
from volguard.model.errors import DataError
from volguard.operations.margin_view import margin_document, published_document
from volguard.operations.portfolio import Portfolio, portfolio_of_book

NAKED = "-25000CE"


def document(portfolio: Portfolio, span: Path | None = None) -> dict[str, Any]:
    found = margin_document(portfolio, span)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


@pytest.fixture(scope="module")
def naked() -> dict[str, Any]:
    return document(of_legs(NAKED))


def inr(found: dict[str, Any], name: str) -> float:
    return float(found["margin"][name])


def test_the_components_of_a_naked_call_add_up(naked: dict[str, Any]) -> None:
    level = naked["level"]
    portfolio = of_legs(NAKED)
    row = portfolio.view.row(portfolio.positions[0].contract)
    assert row is not None
    value = float(portfolio.view.mid[row])
    assert inr(naked, "net_option_value_inr") == pytest.approx(-LOT * value, abs=0.01)
    assert inr(naked, "exposure_inr") == pytest.approx(0.02 * LOT * level, abs=0.01)
    assert inr(naked, "span_inr") == pytest.approx(
        inr(naked, "scan_risk_inr") - inr(naked, "net_option_value_inr"), abs=0.02
    )
    assert inr(naked, "total_inr") == pytest.approx(
        inr(naked, "span_inr") + inr(naked, "exposure_inr"), abs=0.02
    )
    assert naked["margin"]["worst_scenario"] == "price +3/3, volatility up"


def test_the_scan_risk_of_a_naked_call_is_blacks_formula_after_the_whole_scan(naked: dict[str, Any]) -> None:
    """Up by max(6 sigma sqrt 2, 9.3 %) of the index, volatility up by 4 points, a day older: priced here."""
    portfolio = of_legs(NAKED)
    view, level = portfolio.view, naked["level"]
    row = view.row(portfolio.positions[0].contract)
    assert row is not None
    forward, sigma = float(view.forward[row]), float(view.sigma[row])
    years, discount = float(view.years[0]), float(view.discount[row])
    scan = max(6.0 * math.sqrt(2.0) * SIGMA_DAILY, 0.093) * level
    shift = max(0.25 * SIGMA_DAILY * math.sqrt(365.0), 0.04)
    now = black_call(forward, 25_000.0, years, sigma, discount)
    then = black_call(forward + scan, 25_000.0, years - 1.0 / 365.0, sigma + shift, discount)
    assert inr(naked, "scan_risk_inr") == pytest.approx(LOT * (then - now), rel=1e-6)


def test_the_inputs_are_told_with_their_origin(naked: dict[str, Any]) -> None:
    inputs = naked["inputs"]
    assert inputs["previous_close"] == pytest.approx(CLOSE) and inputs["previous_close_day"] == "2025-09-02"
    assert inputs["sigma_daily"] == pytest.approx(SIGMA_DAILY, rel=1e-6)
    assert "until 2025-09-02, lambda 0.995, from 400 sessions" in inputs["sigma_origin"]
    assert inputs["price_scan_share"] == pytest.approx(0.093)
    assert inputs["vol_scan"] == pytest.approx(max(0.25 * SIGMA_DAILY * math.sqrt(365.0), 0.04))
    rules = {row["rule"]: row for row in inputs["rules"]}
    assert len(rules) == 9 and rules["exposure"]["figures"] == {"rate": 0.02}
    assert all(row["source"] and row["confidence"] for row in rules.values())


def test_margin_after_moves_is_of_the_moved_index(naked: dict[str, Any]) -> None:
    moves = {row["move_share"]: row for row in naked["moves"]}
    assert sorted(moves) == [-0.03, -0.02, -0.01, 0.01, 0.02, 0.03]
    totals = [float(moves[move]["total_inr"]) for move in sorted(moves)]
    assert totals == sorted(totals)  # a short call asks more the higher the index
    assert totals[2] < inr(naked, "total_inr") < totals[3]


def test_two_lots_ask_twice_as_much(naked: dict[str, Any]) -> None:
    both = document(of_legs(NAKED, lots=2))
    assert inr(both, "total_inr") == pytest.approx(2.0 * inr(naked, "total_inr"), abs=0.02)


@pytest.mark.parametrize(
    ("bars", "reason"),
    [
        ((), "no daily history"),
        (steady_bars(last=date(2025, 9, 1)), "ends on 2025-09-01, the session before was 2025-09-02"),
        (steady_bars(count=100), "too short for NSE's EWMA"),
    ],
    ids=["none", "old", "short"],
)
def test_without_its_history_there_is_no_margin(bars: Any, reason: str) -> None:
    found = document(of_legs(NAKED, bars=bars))
    assert found["margin"] is None and reason in found["missing"]["margin"]
    assert all(row["total_inr"] is None for row in found["moves"]) and reason in found["missing"]["moves"]
    assert found["inputs"]["sigma_daily"] is None


def test_an_empty_book_asks_for_nothing() -> None:
    found = document(portfolio_of_book(session()))
    assert found["positions"] == [] and found["missing"] == {}
    assert {found["margin"][name] for name in ("span_inr", "exposure_inr", "total_inr")} == {"0.00"}
    assert found["margin"]["worst_scenario"] == "nothing held"


def test_a_book_takes_its_history_from_the_journal_unless_one_is_given() -> None:
    known = portfolio_of_book(session(*two_trades()))
    assert known.margin.inputs.sigma_daily == SIGMA_DAILY and "the journal" in known.margin.sigma_origin
    given = portfolio_of_book(session(*two_trades()), steady_bars())
    assert "400 sessions" in given.margin.sigma_origin


def span_file(folder: Path, day: str = "20250903") -> Path:
    """A file of one index and one call, its losses those of another test's call."""
    path = folder / "nsccl.spn"
    path.write_text(
        f"""<spanFile><pointInTime><date>{day}</date><isSetl>0</isSetl><clearingOrg><exchange>
        <phyPf><pfCode>NIFTY</pfCode><phy><p>24780.00</p></phy></phyPf>
        <oopPf><pfCode>NIFTY</pfCode><series><pe>{WEEKLY:%Y%m%d}</pe>
        <opt><o>C</o><k>25000.00</k><p>80.0</p>{array(CALL_LOSS, 0.3)}</opt></series></oopPf>
        </exchange><ccDef><cc>NIFTY</cc></ccDef></clearingOrg></pointInTime></spanFile>"""
    )
    return path


def test_the_exchanges_arrays_stand_beside_ours_with_the_difference(
    tmp_path: Path, naked: dict[str, Any]
) -> None:
    found = document(of_legs(NAKED), span_file(tmp_path))
    theirs, difference = found["span_file"]["margin"], found["span_file"]["difference"]
    assert float(theirs["span_inr"]) == pytest.approx((1750.0 + 80.0) * LOT)
    assert float(theirs["exposure_inr"]) == pytest.approx(0.02 * LOT * 24_780.0)
    assert found["margin"] == naked["margin"]
    for name in ("span_inr", "total_inr"):
        gap = float(found["margin"][name]) - float(theirs[name])
        assert float(difference[name]) == pytest.approx(gap, abs=0.011)
    assert (found["span_file"]["day"], found["span_file"]["level"]) == (DAY.isoformat(), 24_780.0)


def test_a_file_of_another_day_or_without_the_contract_gives_no_margin(tmp_path: Path) -> None:
    other = document(of_legs(NAKED), span_file(tmp_path, "20250902"))
    assert other["span_file"]["margin"] is None and other["span_file"]["difference"] is None
    assert "the SPAN file is of 2025-09-02" in other["missing"]["span_file"]
    absent = document(of_legs("-25050CE"), span_file(tmp_path))
    assert absent["span_file"]["margin"] is None and "25050 CE" in absent["missing"]["span_file"]
    with pytest.raises(DataError, match="cannot be read"):
        document(of_legs(NAKED), tmp_path / "absent.spn")


def test_published_margins_stand_beside_ours() -> None:
    found = published_document(shipped_rules().margin)
    held = [row for row in found["rows"] if row["is_held"]]
    assert len(held) == 7 and len(found["rows"]) > len(held)
    for row in found["rows"]:
        ratio = float(row["ours_inr"]) / float(row["published_inr"])
        assert row["difference"] == pytest.approx(ratio - 1.0, abs=1e-5)
    assert all(abs(row["difference"]) < found["tolerance"] for row in held)
    assert set(found["assumed"]) == {"2026-05-29", "2023-07-04"}
