"""The benchmark records measured here and by the library quantstats: the same figures."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from itertools import accumulate

import pytest

from tests.backtest.benchmarks import DATA, FILES, NAMES, Series, frozen, series
from tests.backtest.quantstats_figures import figures_of
from volguard.backtest.curve import EquityCurve, curve_of_returns
from volguard.backtest.deflated_sharpe import SharpeRecord, probabilistic_sharpe, sharpe_record
from volguard.backtest.path_statistics import Conventions, Statistic
from volguard.backtest.statistics import by_month, curve_statistics
from volguard.backtest.trades import ClosedTrade, TradeStatistic, trade_statistics

CLOSE = 1e-10
SAME_NAME = [name for name in Statistic if name is not Statistic.DRAWDOWN_SESSIONS]


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """Each benchmark whose data are there."""
    if request.param != "kept" and not all((DATA / file).exists() for file in FILES):
        pytest.skip("the daily history is not beside the project")
    return str(request.param)


def curve_of(name: str) -> EquityCurve:
    record = series(name)
    return curve_of_returns(record.days, record.returns)


def test_the_records_are_those_the_library_measured(name: str) -> None:
    """Figures are compared on the very returns they were made from."""
    assert series(name).digest == frozen()["digests"][name]


@pytest.mark.parametrize("statistic", SAME_NAME)
def test_a_statistic_is_that_of_the_library(name: str, statistic: Statistic) -> None:
    """Every figure of a curve equals the library's; CVaR is its historical one."""
    found = curve_statistics(curve_of(name), Conventions()).figures[statistic].value
    assert found == pytest.approx(frozen()["figures"][name][statistic.value], rel=CLOSE)


def test_ratios_above_a_risk_free_rate_are_those_of_the_library(name: str) -> None:
    """The yearly risk-free rate becomes that of a session by compounding, in both."""
    conventions = Conventions(risk_free=frozen()["risk_free"])
    figures, theirs = curve_statistics(curve_of(name), conventions).figures, frozen()["figures"][name]
    assert figures[Statistic.SHARPE].value == pytest.approx(theirs["sharpe_above_risk_free"], rel=CLOSE)
    assert figures[Statistic.SORTINO].value == pytest.approx(theirs["sortino_above_risk_free"], rel=CLOSE)


def test_the_deepest_drawdown_has_the_days_of_the_library(name: str) -> None:
    """First and last session below the peak, the trough, and calendar days counted with both ends."""
    statistics, theirs = curve_statistics(curve_of(name), Conventions()), frozen()["figures"][name]
    stretch = statistics.deepest
    assert stretch is not None and statistics.longest is not None
    assert stretch.first_day == date.fromisoformat(theirs["drawdown_first_day"])
    assert stretch.trough_day == date.fromisoformat(theirs["drawdown_trough_day"])
    assert stretch.days == theirs["drawdown_days"]
    days = series(name).days
    last = date.fromisoformat(theirs["drawdown_last_day"])
    after = days.index(last) + 1
    # Where the record ends under water the library's last day is the last of the record.
    assert stretch.recovery_day == (days[after] if stretch.recovery_day else None)
    assert stretch.sessions == days.index(last) - days.index(stretch.first_day) + 1


def test_the_longest_drawdown_has_the_days_of_the_library(name: str) -> None:
    """The longest by sessions is, in these records, the longest by calendar days as well."""
    stretch = curve_statistics(curve_of(name), Conventions()).longest
    assert stretch is not None
    assert stretch.days == frozen()["figures"][name]["longest_drawdown_days"]


def test_months_are_those_of_the_library(name: str) -> None:
    """First and last month of the record, which are not whole."""
    months = list(by_month(curve_of(name)).values())
    assert months[0] == pytest.approx(frozen()["figures"][name]["first_month"], rel=CLOSE)
    assert months[-1] == pytest.approx(frozen()["figures"][name]["last_month"], rel=CLOSE)


def test_the_probabilistic_sharpe_ratio_is_that_of_the_library(name: str) -> None:
    """The same ratio per session, adjusted skew and kurtosis, and number of sessions."""
    record = sharpe_record(curve_of(name), Conventions())
    assert isinstance(record, SharpeRecord)
    theirs = frozen()["figures"][name]["probabilistic_sharpe"]
    assert probabilistic_sharpe(record, 0.0) == pytest.approx(theirs, rel=CLOSE)


def test_win_rate_and_profit_factor_are_those_of_the_library(name: str) -> None:
    """A trade a session that made its return: won over won and lost, gains over losses."""
    statistics = trade_statistics([trade_of(series(name), row) for row in range(len(series(name).days))])
    theirs = frozen()["figures"][name]
    for ours, key in ((TradeStatistic.WIN_RATE, "win_rate"), (TradeStatistic.PROFIT_FACTOR, "profit_factor")):
        assert statistics.figures[ours].value == pytest.approx(theirs[key], rel=CLOSE)


def test_the_kept_figures_are_what_the_library_says_now(name: str) -> None:
    """Where the library is installed it says today what was written down."""
    pytest.importorskip("quantstats", reason="quantstats is compared by the figures kept from it")
    found, kept = figures_of(series(name)), frozen()["figures"][name]
    assert found.keys() == kept.keys()
    for key, value in found.items():
        assert value == (pytest.approx(kept[key], rel=CLOSE) if isinstance(value, float) else kept[key])


def test_the_wealth_of_the_kept_record_is_that_of_plain_compounding() -> None:
    """A curve made of returns begins at one and multiplies."""
    record = series("kept")
    plain = list(accumulate(record.returns, lambda worth, r: worth * (1.0 + r), initial=1.0))
    assert curve_of("kept").wealth == pytest.approx(plain, rel=1e-12)
    assert math.isclose(frozen()["figures"]["kept"]["total_return"], plain[-1] - 1.0, rel_tol=1e-9)


def trade_of(record: Series, row: int) -> ClosedTrade:
    day, made = record.days[row], Decimal(repr(float(record.returns[row])))
    return ClosedTrade(
        trade_id=f"T{row:04d}",
        opened_on=day,
        closed_on=day,
        gross_inr=made,
        charges_inr=Decimal(0),
        traded_inr=Decimal(1),
        regime="NEUTRAL",
        bucket="WEEKLY",
        structure="IRON_CONDOR",
        exit_reason="",
    )
