"""What a chain shows beside its quotes; a figure that it does not give is absent with its reason."""

from __future__ import annotations

import json
import math
from datetime import date

import numpy as np
import pytest

from tests.chains import (
    FORWARD,
    MONTHLY,
    SIGMA,
    WEEKLY,
    call,
    flat_vol_snapshot,
    make_listing,
    put,
    view_of,
    with_cells,
    with_column,
)
from tests.fakes import shipped
from volguard.model.errors import UsageError
from volguard.operations.metrics_view import metrics_document

NEXT_MONTHLY = date(2025, 10, 28)
WIDE = make_listing(
    {
        WEEKLY: range(24_000, 25_601, 50),
        MONTHLY: range(22_000, 28_001, 50),
        NEXT_MONTHLY: range(20_000, 31_001, 100),
    }
)


def test_a_flat_chain_shows_its_volatility_in_term_structure_straddle_and_vix() -> None:
    document = metrics_document(view_of(flat_vol_snapshot(listing=WIDE)), None, shipped())
    assert [row["expiry"] for row in document["expiries"]] == ["2025-09-09", "2025-09-30", "2025-10-28"]
    weekly = document["expiries"][0]
    assert weekly["atm_iv"] == pytest.approx(SIGMA, abs=5e-4)
    move = FORWARD * SIGMA * math.sqrt(2.0 / math.pi * weekly["days"] / 365.0)
    assert weekly["straddle"] == pytest.approx(move, rel=5e-3)
    assert weekly["skew"]["risk_reversal"] == pytest.approx(0.0, abs=1e-3)
    points = {point["days"]: point["iv"] for point in document["term"]["points"]}
    assert [points[days] for days in (7, 14, 30)] == pytest.approx([SIGMA] * 3, abs=5e-4)
    assert points[60] is None and document["term"]["shape"] == "FLAT"
    assert document["vix"]["status"] == "ok"
    assert document["vix"]["value"] == pytest.approx(100.0 * SIGMA, abs=0.2)
    assert [document["vix"][side]["expiry"] for side in ("near", "next")] == ["2025-09-30", "2025-10-28"]


def test_walls_and_put_call_ratio_follow_open_interest() -> None:
    snapshot = flat_vol_snapshot()
    snapshot = with_cells(snapshot, call(25_300), oi=2_000_000)
    snapshot = with_cells(snapshot, put(24_400), oi=4_000_000)
    document = metrics_document(view_of(snapshot), WEEKLY, shipped())
    (weekly,) = document["expiries"]
    assert weekly["call_wall"]["strike"] == 25_300.0 and weekly["put_wall"]["strike"] == 24_400.0
    assert weekly["pcr_oi"] == pytest.approx((4_000_000 + 32 * 75_000) / (2_000_000 + 32 * 75_000))
    assert weekly["wall_distance"] == pytest.approx(1.0 - 24_400 / FORWARD, abs=1e-4)
    assert weekly["gamma_gross_inr_per_pct"] > abs(weekly["gamma_exposure_inr_per_pct"])


def test_one_monthly_expiry_makes_no_vix_and_the_status_says_so() -> None:
    document = metrics_document(view_of(flat_vol_snapshot()), None, shipped())
    assert document["vix"] == {"value": None, "status": "1 monthly expiries are listed, needs 2"}


def test_a_dead_chain_abstains_figure_by_figure() -> None:
    snapshot = flat_vol_snapshot(listing=WIDE)
    rows = len(snapshot.bid)
    dead = with_column(snapshot, bid=np.full(rows, math.nan), oi=np.zeros(rows, dtype=np.int64))
    document = metrics_document(view_of(dead), None, shipped())
    for row in document["expiries"]:
        assert row["atm_iv"] is row["straddle"] is row["max_pain"] is row["call_wall"] is None
        assert "no forward" in row["missing"] and "no open interest" in row["missing"]
    assert document["term"]["shape"] == "UNKNOWN"
    assert document["vix"]["value"] is None and document["vix"]["status"] == "no_forward"
    assert "NaN" not in json.dumps(document)


def test_an_expiry_that_is_not_listed_is_refused() -> None:
    with pytest.raises(UsageError, match="2025-09-16 is not listed"):
        metrics_document(view_of(flat_vol_snapshot()), date(2025, 9, 16), shipped())
