"""The error of modelled prices against real ones, in sample and out of it, and one day of it by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from tests.backtest.modelled import real_prices, shipped_tables
from tests.chains import NIFTY, shipped_rules
from tests.volatility.real_data import rows_of
from volguard.adapters.volatility_files import LegMoment
from volguard.backtest.model_error import ModelError, Sample, errors_of, measure
from volguard.backtest.real_prices import measure_on
from volguard.model.errors import DataError

# A Tuesday: the rest of it, Wednesday and the expiry Thursday, no holiday near.
DAY: Final = "2022-06-07"
CREDIT_ERROR_MAX: Final = 0.10  # the aim: a tenth of the credit
YEARS: Final = (2021, 2022, 2023, 2024)


@lru_cache(maxsize=1)
def measured() -> ModelError:
    """Everything, with the years left out one by one."""
    real = real_prices()
    return measure(shipped_tables().smile, real.condors, real.recorded)


@pytest.mark.parametrize("sample", list(Sample))
@pytest.mark.parametrize("moment", list(LegMoment))
@pytest.mark.parametrize("year", [None, *YEARS])
def test_the_credit_is_within_a_tenth(year: int | None, moment: LegMoment, sample: Sample) -> None:
    """Median absolute error of the condor's credit, each year, in sample and out of it."""
    errors = measured().credit(year, moment, sample)
    assert errors.median_absolute < CREDIT_ERROR_MAX
    assert errors.median_absolute < 0.075
    assert abs(errors.bias) < 0.06
    assert errors.within_tenth > 0.65


def test_out_of_sample_is_worse_than_in_sample() -> None:
    """What was fitted to its own test would look better: the split is real."""
    found = measured()
    for moment in LegMoment:
        inside, outside = (found.credit(None, moment, sample) for sample in (Sample.IN, Sample.OUT))
        assert inside.median_absolute < outside.median_absolute
        assert inside.count == outside.count == 562


def test_the_handicap_is_the_worse_of_entry_and_exit_out_of_sample() -> None:
    """The share by which a modelled credit may be doubted."""
    found = measured()
    both = [found.credit(None, moment, Sample.OUT).median_absolute for moment in LegMoment]
    assert found.handicap_share == max(both)
    real = real_prices()
    only_in = measure(shipped_tables().smile, real.condors, real.recorded, out_of_sample=False)
    assert only_in.handicap_share == max(
        only_in.credit(None, moment, Sample.IN).median_absolute for moment in LegMoment
    )
    # whatever the order of rows, all condors are not mistaken for those of one distance from expiry
    turned = replace(only_in, credits=only_in.credits[::-1])
    assert turned.credit(None, LegMoment.ENTRY, Sample.IN).count == 562
    with pytest.raises(KeyError):
        only_in.credit(None, LegMoment.ENTRY, Sample.OUT)


def test_legs_are_hardly_biased() -> None:
    """Each leg's price is off by a tenth to a fifth, its volatility is right in the middle within 2 %."""
    for row in measured().legs:
        assert row.errors.median_absolute < 0.22
        assert abs(row.errors.bias) < 0.04
        assert abs(row.volatility_bias) < 0.02
    assert len(measured().legs) == 4 * len(LegMoment) * len(Sample)


def test_the_expiry_day_is_told_apart() -> None:
    """Errors by days to expiry: largest on the day itself, and they add up to all condors."""
    rows = [
        row
        for row in measured().credits
        if row.days_to_expiry is not None and (row.moment, row.sample) == (LegMoment.ENTRY, Sample.IN)
    ]
    assert sum(row.errors.count for row in rows) == 562
    worst = max(rows, key=lambda row: row.errors.median_absolute)
    assert worst.days_to_expiry == 0
    assert 0.10 < worst.errors.median_absolute < 0.20


def test_the_recorded_day_is_measured_by_expiry_and_moneyness() -> None:
    """Monthly options at the money within 3 % of volatility; the nearest weekly was far cheaper that day."""
    rows = {(row.expiry, row.depth): row for row in measured().recorded}
    assert abs(rows[date(2025, 9, 30), 0].volatility_bias) < 0.03
    assert rows[date(2025, 9, 30), 0].errors.median_absolute < 0.03
    assert 0.10 < rows[date(2025, 9, 2), 0].volatility_bias < 0.20
    assert {row.expiry for row in measured().recorded} == set(real_prices().recorded.expiries)
    assert all(-4 <= row.depth <= 4 and row.errors.count > 0 for row in measured().recorded)


def test_the_document_says_that_prices_were_modelled() -> None:
    """JSON without loss of a row, with schema, source of VIX and what was in sample."""
    found = measured()
    document = json.loads(json.dumps(found.document(), allow_nan=False))
    assert document["schema"] == "volguard.chain_model/1"
    assert document["prices"] == "modelled"
    assert document["vix_known"].startswith("close of the session before")
    assert len(document["credits"]) == len(found.credits)
    assert document["credits"][0] == {
        "year": None,
        "days_to_expiry": None,
        "moment": "entry",
        "sample": "in",
        "count": 562,
        "median_absolute": pytest.approx(found.credits[0].errors.median_absolute, abs=1e-6),
        "bias": pytest.approx(found.credits[0].errors.bias, abs=1e-6),
        "within_tenth": pytest.approx(found.credits[0].errors.within_tenth, abs=1e-6),
    }
    assert document["recorded"][0]["expiry"] == "2025-09-02"
    assert document["handicap_share"] == pytest.approx(found.handicap_share, abs=1e-6)


def test_errors_are_summed_up_by_medians() -> None:
    """One wild price out of five moves neither figure."""
    errors = errors_of(np.array([0.02, -0.05, 0.10, 9.0, -0.2]))
    assert (errors.count, errors.median_absolute, errors.bias) == (5, 0.10, 0.02)
    assert errors.within_tenth == 0.6


def test_absent_real_prices_are_an_error(tmp_path: Path) -> None:
    """Without them no error can be printed, and the file is named."""
    with pytest.raises(DataError, match=r"nifty_condor_legs\.csv\.gz: no such file"):
        measure_on(tmp_path, tables=shipped_tables(), rules=shipped_rules(), underlying=NIFTY)


@pytest.mark.parametrize("moment", list(LegMoment))
def test_one_day_by_hand(moment: LegMoment) -> None:
    """The credit's error of 7 June 2022 from the files with nothing but the formulas written out again."""
    condors = real_prices().condors
    at = condors.days.index(date.fromisoformat(DAY))
    alone = condors.take(np.arange(len(condors.days)) == at)
    found = measure(shipped_tables().smile, alone, real_prices().recorded, out_of_sample=False)
    legs = {row["leg"]: row for row in rows_of("nifty_condor_legs.csv.gz") if row["trade_date"] == DAY}
    modelled, real = credit_by_hand(legs, moment)
    assert found.credit(2022, moment, Sample.IN).bias == pytest.approx(modelled / real - 1.0, abs=1e-5)
    assert found.credit(2022, moment, Sample.IN).median_absolute == pytest.approx(
        abs(modelled / real - 1.0), abs=1e-5
    )


def credit_by_hand(legs: dict[str, dict[str, str]], moment: LegMoment) -> tuple[float, float]:
    """Modelled and traded credit of a condor of DAY, in points."""
    m = shipped_tables().smile
    index = [row for row in rows_of("nifty_daily.csv.gz") if row["date"][:10] < DAY][-5:]
    vix = [row for row in rows_of("india_vix_daily.csv.gz") if row["date"][:10] < DAY][-1]
    assert index[-1]["date"][:10] == vix["date"][:10] == "2022-06-06"
    squares = sum(math.log(float(row["high"]) / float(row["low"])) ** 2 for row in index)
    ranged = math.sqrt(252.0 * squares / 5.0 / (4.0 * math.log(2.0)))
    known = float(vix["close"]) / 100.0
    first = legs["p_m1"]
    spot = float(first[f"{moment}_spot"])
    ts = datetime.fromisoformat(first[f"{moment}_ts"])
    close = ts.replace(hour=15, minute=30, second=0)
    assert first["expiry"] == "2022-06-09"
    years = (close + timedelta(days=2) - ts).total_seconds() / (365.0 * 86_400.0)
    tau = m.intraday_share * (close - ts).total_seconds() / 22_500.0 + 2.0
    tau_month = 30.0 * (248.0 + 117.0 * m.closed_day_share) / 365.0
    near = m.near_share * (ranged / known) ** m.range_power

    def grown(sessions: float) -> float:
        kappa = m.reversion_per_session
        return sessions - (1.0 - near) * (1.0 - math.exp(-kappa * sessions)) / kappa

    volatility = known * (float(index[-1]["close"]) / spot) ** m.return_beta / month_ratio_by_hand()
    theta = volatility**2 * 30.0 / 365.0 * grown(tau) / grown(tau_month)
    carry = 0.034
    forward, discount = spot * math.exp(carry * years), math.exp(-carry * years)
    modelled = real = 0.0
    for name, sign in (("p_m3", -1.0), ("p_m1", 1.0), ("c_p1", 1.0), ("c_p3", -1.0)):
        strike = float(legs[name]["strike"])
        w = theta * shape_by_hand(math.log(strike / forward) / math.sqrt(theta))
        call = undiscounted_call(forward, strike, math.sqrt(w))
        value = call if name[0] == "c" else call - forward + strike
        modelled += sign * discount * value
        real += sign * float(legs[name][f"{moment}_price"])
    return modelled, real


def shape_by_hand(z: float) -> float:
    m = shipped_tables().smile
    return 1.0 - m.skew * z + m.curvature * 36.0 * (math.sqrt(1.0 + (z / 6.0) ** 2) - 1.0)


def undiscounted_call(forward: float, strike: float, s: float) -> float:
    d1 = math.log(forward / strike) / s + s / 2.0
    first, second = (0.5 * math.erfc(-d / math.sqrt(2.0)) for d in (d1, d1 - s))
    return forward * first - strike * second


def month_ratio_by_hand() -> float:
    """Model-free over at-the-money volatility at 15 % and 30 days: midpoint sums of strip prices over K^2."""
    theta, count = 0.15**2 * 30.0 / 365.0, 4_000
    step = 16.0 * math.sqrt(theta) / count
    total = 0.0
    for i in range(count):
        k = (i + 0.5) * step - 8.0 * math.sqrt(theta)
        strike = math.exp(k)
        call = undiscounted_call(1.0, strike, math.sqrt(theta * shape_by_hand(k / math.sqrt(theta))))
        total += step * (call if k > 0.0 else call - 1.0 + strike) / strike
    return math.sqrt(2.0 * total / theta)
