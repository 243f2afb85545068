"""Volatility as of one session: what history says, what is left out and why."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from tests.fakes import shipped
from tests.volatility.real_data import DATA, real_file
from volguard.model.errors import DataError, UsageError
from volguard.model.market import DailyBar
from volguard.operations.vol_view import DailyHistory, read_history, vol_document
from volguard.volatility.models import Model

DAY = date(2025, 8, 29)


@lru_cache(maxsize=1)
def real() -> DailyHistory:
    real_file("nifty_daily.csv.gz")
    return read_history(DATA, shipped(), DAY)


def bars(closes: list[float]) -> tuple[DailyBar, ...]:
    first = date(2025, 1, 1).toordinal()
    return tuple(
        DailyBar(day=date.fromordinal(first + i), open=None, high=None, low=None, close=close)
        for i, close in enumerate(closes)
    )


def short_history(vix: tuple[DailyBar, ...] = ()) -> DailyHistory:
    index = bars([100.0 * math.exp(0.01 * (i % 2)) for i in range(80)])
    return DailyHistory(origin="test", name="NIFTY", index=index, vix=vix)


def test_nothing_after_the_date_is_seen() -> None:
    assert real().index[-1].day == real().vix[-1].day == DAY
    saturday = read_history(DATA, shipped(), date(2025, 8, 30))
    assert saturday.index == real().index


def test_realised_volatility_of_the_real_day_is_that_of_its_returns() -> None:
    document = vol_document(real(), shipped())
    assert document["as_of"] == "2025-08-29"
    returns = np.diff(np.log([bar.close for bar in real().index[-21:]]))
    expected = math.sqrt(float(np.mean(returns**2)) * 252)
    assert document["realised"]["close_to_close"]["20"] == pytest.approx(expected, rel=1e-8)
    assert set(document["realised"]) == {
        *("close_to_close", "parkinson", "garman_klass", "rogers_satchell", "yang_zhang")
    }
    for row in document["cone"]:
        assert row["quantiles"] == sorted(row["quantiles"])
        assert row["quantiles"][0] <= row["latest"] <= row["quantiles"][-1]


def test_the_forecast_is_the_median_of_the_models_that_converged() -> None:
    for row in vol_document(real(), shipped())["forecasts"]:
        levels = [level for level in row["models"].values() if level is not None]
        assert row["median"] == pytest.approx(float(np.median(levels)), rel=1e-8)
        assert row["dispersion"] == pytest.approx(max(levels) - min(levels), rel=1e-6)
        assert {name for name, level in row["models"].items() if level is None} == set(row["left_out"])


def test_rank_percentile_premium_and_regime_of_the_real_day() -> None:
    document = vol_document(real(), shipped())
    past = [bar.close for bar in real().vix[-253:-1]]
    vix = document["india_vix"]
    assert vix["level"] == 11.75 and vix["sessions"] == 252
    assert vix["percentile"] == pytest.approx(100.0 * sum(level < 11.75 for level in past) / 252)
    assert vix["rank"] == pytest.approx(100.0 * (11.75 - min(past)) / (max(past) - min(past)))
    premium = document["premium"]
    assert premium["implied"] == pytest.approx(0.1175, rel=1e-6)
    assert premium["spread"] == pytest.approx(premium["implied"] - premium["forecast"], abs=1e-8)
    regime = document["regime"]
    assert regime["regime"] == "LOW_VOL"
    assert regime["figures"]["event_passed"] is False  # none is listed on that Friday
    assert [said.partition(":")[0] for said in regime["missing"]] == ["VIX_SPIKE", "GAMMA_PIN"]
    assert sum(regime["transitions"]["odds"].values()) == pytest.approx(1.0, abs=1e-6)
    assert "NaN" not in json.dumps(document)


def test_a_short_history_leaves_every_model_out_with_its_reason() -> None:
    document = vol_document(short_history(), shipped())
    for row in document["forecasts"]:
        assert row["median"] is None
        assert row["left_out"] == {model.value: "79 sessions, needs 400" for model in Model}
    assert document["realised"]["parkinson"]["5"] is None
    assert document["realised"]["close_to_close"]["5"] == pytest.approx(0.01 * math.sqrt(252), rel=1e-6)
    assert "NaN" not in json.dumps(document)


def test_without_india_vix_rank_premium_signal_and_regime_abstain() -> None:
    document = vol_document(short_history(), shipped())
    said = "India VIX is not there, NIFTY ends on 2025-03-21"
    assert document["india_vix"] == {"level": None, "missing": said}
    assert document["premium"] == {"missing": said}
    assert document["signal"] == {"signal": "ABSTAIN", "missing": said}
    assert document["regime"] == {"regime": None, "missing": [said]}


def test_an_india_vix_that_ends_early_is_shown_but_compared_with_nothing() -> None:
    behind = replace(real(), vix=real().vix[:-1])
    document = vol_document(behind, shipped())
    assert document["india_vix"]["day"] == "2025-08-28"
    said = "India VIX ends on 2025-08-28, NIFTY ends on 2025-08-29"
    assert document["premium"]["missing"] == document["signal"]["missing"] == said
    assert document["regime"]["regime"] is None


def test_a_missing_folder_a_folder_without_history_and_a_date_before_it_are_refused(
    tmp_path: Path,
) -> None:
    with pytest.raises(DataError, match="no such folder of daily history") as missing:
        read_history(tmp_path / "none", shipped(), None)
    assert "--history DIR" in (missing.value.hint or "")
    with pytest.raises(DataError, match="no daily history of NIFTY"):
        read_history(tmp_path, shipped(), None)
    real_file("nifty_daily.csv.gz")
    with pytest.raises(UsageError, match="--date was 2001-01-01, the history of NIFTY begins on 2010-01-04"):
        read_history(DATA, shipped(), date(2001, 1, 1))
