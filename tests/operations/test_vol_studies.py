"""Studies over years: forecast quality, signal counts, NSE's volatility, legs; bad files are named."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.fakes import shipped
from tests.volatility.real_data import DATA, real_file
from volguard.model.errors import DataError, UsageError
from volguard.operations.vol_studies import (
    evaluation_document,
    legs_document,
    nse_document,
    signals_document,
)
from volguard.operations.vol_view import DailyHistory, read_history

VOLATILITY_HEAD = "date,symbol,spot_close,spot_prev,sigma_underlying\n"
LEGS_HEAD = "trade_date,entry_ts,leg,option_type,strike,expiry,entry_price,entry_spot\n"


def history() -> DailyHistory:
    real_file("nifty_daily.csv.gz")
    return read_history(DATA, shipped(), date(2025, 8, 29))


def test_forecasts_of_the_last_months_are_scored_by_model_and_horizon_and_progress_is_told() -> None:
    heard: list[str] = []
    document = evaluation_document(history(), shipped(), date(2024, 11, 1), heard.append)
    assert heard == ["evaluating 2024", "evaluating 2025"]
    assert {(row["name"], row["horizon"]) for row in document["rows"]} == {
        (name, horizon)
        for name in ("garch_t", "gjr_t", "egarch_t", "har_rv", "ewma", "median")
        for horizon in (1, 5, 21)
    }
    for row in document["rows"]:
        assert row["observations"] + row["left_out"] == document["forecasts"] - row["horizon"]
        assert row["qlike"] is not None and row["slope_stderr"] > 0.0


def test_an_evaluation_that_begins_after_the_history_is_refused() -> None:
    with pytest.raises(UsageError, match="--from was 2026-01-01, the history ends on 2025-08-29"):
        evaluation_document(history(), shipped(), date(2026, 1, 1), str)


def test_each_session_of_a_year_has_one_signal() -> None:
    heard: list[str] = []
    document = signals_document(history(), shipped(), date(2024, 1, 1), heard.append)
    assert heard == ["forecasting 2022", "forecasting 2023", "forecasting 2024", "forecasting 2025"]
    assert [year["year"] for year in document["years"]] == [2024, 2025]
    for year in document["years"]:
        assert sum(year["counts"].values()) == year["sessions"] > 100
        assert year["falling"] <= year["counts"]["AVOID"]


def test_the_published_volatility_is_reproduced_and_its_missing_days_are_listed() -> None:
    document = nse_document(real_file("nse_volatility.csv.gz"))
    assert [one["symbol"] for one in document["symbols"]] == ["BANKNIFTY", "NIFTY"]
    for one in document["symbols"]:
        assert one["worst_one_step"] <= 1e-4
        assert len(one["missing"]) == one["rows_by_kind"]["after_missing_day"] == 15


def test_legs_are_set_beside_india_vix_by_days_to_expiry() -> None:
    document = legs_document(real_file("nifty_condor_legs.csv.gz"), history(), shipped(), 0.06)
    every = {row["days_to_expiry"]: row for row in document["rows"] if row["name"] == "all"}
    assert sum(row["legs"] for row in every.values()) == document["legs"] == 2248
    assert 0.8 < every[2]["ratio"] < 1.15 < every[0]["ratio"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("date,symbol\n", "line 1, column spot_close: is missing"),
        (VOLATILITY_HEAD, "holds no rows"),
        (VOLATILITY_HEAD + "2025-13-01,NIFTY,1,1,0.01\n", "line 2, column date: was '2025-13-01'"),
        (VOLATILITY_HEAD + "2025-01-01,NIFTY,0,1,0.01\n", "line 2, column spot_close: was '0'"),
        (VOLATILITY_HEAD + "2025-01-01,NIFTY,1,1\n", "too few cells"),
        (
            VOLATILITY_HEAD + 2 * "2025-01-01,NIFTY,1,1,0.01\n",
            "line 3, column date: 2025-01-01 is given twice",
        ),
    ],
)
def test_a_bad_volatility_file_is_refused_by_line_and_column(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "nse.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        nse_document(path)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("2025-08-28,2025-08-28 11:15:00,p,PE,1,2025-09-02,1,1", "must carry its offset from UTC"),
        ("2025-08-28,2025-08-28 11:15:00+05:30,p,XX,1,2025-09-02,1,1", "column option_type: was XX"),
        ("2025-08-28,2025-08-28 11:15:00+05:30,p,PE,1,2025-09-07,1,1", "expiry 2025-09-07 is no trading day"),
        ("2025-08-28,2025-08-28 11:15:00+05:30,p,PE,nan,2025-09-02,1,1", "column strike: was 'nan'"),
    ],
)
def test_a_bad_leg_is_refused(tmp_path: Path, cells: str, said: str) -> None:
    path = tmp_path / "legs.csv"
    path.write_text(LEGS_HEAD + cells + "\n")
    with pytest.raises(DataError, match=said):
        legs_document(path, history(), shipped(), 0.06)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none.csv: cannot be read"):
        nse_document(tmp_path / "none.csv")
