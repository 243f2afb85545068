"""What regimes and signals did over the years: against counts made again from the days themselves."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from itertools import groupby, pairwise
from statistics import fmean
from typing import Any

import pytest

from tests.fakes import shipped
from tests.volatility.real_data import DATA, real_file
from volguard.model.errors import DataError, UsageError
from volguard.operations.vol_regimes import regimes_document
from volguard.operations.vol_studies import signals_document
from volguard.operations.vol_view import DailyHistory, read_history, regimes_of

FIRST = date(2023, 1, 1)


def history() -> DailyHistory:
    real_file("nifty_daily.csv.gz")
    return read_history(DATA, shipped(), date(2025, 8, 29))


@pytest.fixture(scope="module")
def document() -> Any:
    """The last years of the real history."""
    return regimes_document(history(), shipped(), FIRST, str)


def row_of(document: Any, state: str) -> Any:
    return next(row for row in document["regimes"] if row["state"] == state)


def test_time_changes_and_stays_are_those_of_the_days(document: Any) -> None:
    """Every regime's sessions, arrivals and mean stay, counted again from the regimes in force."""
    every = regimes_of(history(), shipped())
    inside = [day for day in every if day.day >= FIRST]
    counts = Counter(day.regime for day in inside)
    entered = Counter(
        after.regime
        for before, after in pairwise(every)
        if after.day >= FIRST and before.regime != after.regime
    )
    stays: dict[object, list[int]] = {}
    for regime, group in groupby(inside, key=lambda day: day.regime):
        stays.setdefault(regime, []).append(len(list(group)))
    for row in document["regimes"]:
        state = row["state"]
        assert (row["sessions"], row["arrivals"]) == (counts[state], entered[state])
        assert row["share"] == pytest.approx(counts[state] / len(inside), abs=1e-8)
        if counts[state]:
            assert row["stay_mean"] == pytest.approx(fmean(stays[state]), abs=1e-7)
            assert row["stay_max"] == max(stays[state])
    assert document["changes"]["in_force"]["count"] == sum(entered.values())
    assert sum(row["sessions"] for row in document["regimes"]) + document["without_regime"] == len(inside)


def test_agreement_with_india_vix_is_counted_on_the_level_alone(document: Any) -> None:
    """HIGH_VOL agrees where India VIX is above 75 % of its 252 closes before, LOW_VOL below 25 %."""
    vix = history().vix
    at = {bar.day: i for i, bar in enumerate(vix)}

    def percentile(day: date) -> float:
        i = at[day]
        return 100.0 * sum(bar.close < vix[i].close for bar in vix[i - 252 : i]) / 252

    inside = [day for day in regimes_of(history(), shipped()) if day.day >= FIRST]
    high = [percentile(day.day) > 75.0 for day in inside if day.regime == "HIGH_VOL"]
    low = [percentile(day.day) < 25.0 for day in inside if day.regime == "LOW_VOL"]
    assert row_of(document, "HIGH_VOL")["agreement"] == pytest.approx(fmean(high), abs=1e-8)
    assert row_of(document, "LOW_VOL")["agreement"] == pytest.approx(fmean(low), abs=1e-8)
    assert row_of(document, "TREND")["agreement"] is None
    assert fmean(high) > 0.7 and fmean(low) > 0.7


def test_dwell_and_exit_margin_each_save_changes(document: Any) -> None:
    """With a dwell of one session and an exit margin regimes change less often than judged afresh."""
    changes = document["changes"]
    assert changes["dwell_sessions"] == 1.0
    assert (
        changes["in_force"]["count"]
        < changes["without_dwell"]["count"]
        <= changes["without_dwell_and_exit_margin"]["count"]
    )


def test_regimes_of_the_day_itself_have_no_history(document: Any) -> None:
    """GAMMA_PIN and VIX_SPIKE need the chain and the minutes: never judged, and it says what is missing."""
    pin, spike = row_of(document, "GAMMA_PIN"), row_of(document, "VIX_SPIKE")
    assert (pin["judged"], pin["missing"]) == (0, "wall_distance, days_to_expiry")
    assert (spike["judged"], spike["missing"]) == (0, "vix_change_180s")
    assert row_of(document, "TREND")["judged"] == document["sessions"]


def test_signals_are_the_ones_that_the_yearly_table_counts(document: Any) -> None:
    """Sessions by signal agree with `--signals`, and every session has one."""
    years = signals_document(history(), shipped(), FIRST, str)["years"]
    for row in document["signals"]["rows"]:
        assert row["sessions"] == sum(year["counts"][row["state"]] for year in years)
    assert sum(row["sessions"] for row in document["signals"]["rows"]) == document["signals"]["sessions"]


def test_years_add_up_to_the_whole(document: Any) -> None:
    """Sessions, changes and each regime's sessions, year by year."""
    years = document["years"]
    assert [year["year"] for year in years] == [2023, 2024, 2025]
    assert sum(year["sessions"] for year in years) == document["sessions"]
    assert sum(year["changes"] for year in years) == document["changes"]["in_force"]["count"]
    for row in document["regimes"]:
        assert sum(year["counts"][row["state"]] for year in years) == row["sessions"]


def test_without_india_vix_or_sessions_the_study_is_refused() -> None:
    """No India VIX, or nothing from the first day on: an error that says which."""
    with pytest.raises(DataError, match="no daily history of INDIA_VIX"):
        regimes_document(replace(history(), vix=()), shipped(), FIRST, str)
    with pytest.raises(UsageError, match="--from was 2026-01-01, the history of regimes ends on 2025-08-29"):
        regimes_document(history(), shipped(), date(2026, 1, 1), str)


def test_a_young_history_shows_what_could_not_be_judged() -> None:
    """Fewer than 252 closes of India VIX give no percentile: HIGH_VOL has no history, and says so."""
    whole = history()
    last = [bar.day for bar in whole.vix][-200]
    young = replace(whole, vix=tuple(bar for bar in whole.vix if bar.day >= last))
    document = regimes_document(young, shipped(), FIRST, str)
    high = row_of(document, "HIGH_VOL")
    assert (high["judged"], high["sessions"], high["missing"]) == (0, 0, "iv_percentile")
    assert row_of(document, "RISING")["judged"] == document["sessions"] - 5
