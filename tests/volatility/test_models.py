"""Each model forecasts the total variance of the sessions asked for; the forecast is the set's median."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from datetime import date
from functools import lru_cache

import numpy as np
import pytest

from tests.fakes import NIFTY, ROOT, shipped, shipped_rules
from tests.volatility.real_data import daily
from volguard.config import Root
from volguard.model.market import FloatArray
from volguard.volatility.forecast import ForecastReach, make_forecasts
from volguard.volatility.models import FittedSet, Model, ModelSettings, fit_har, fit_models, forecast_over
from volguard.volatility.realized import Ohlc, log_returns, ohlc_of
from volguard.volatility.variance_models import Egarch, Ewma, Garch, Har, Session
from volguard.wiring import SourceRequest, open_source

SETTINGS = ModelSettings(ewma_lambda=0.94, fit_sessions=1000, fit_sessions_min=400, student_t_dof=5.0)
NO_RANGE = math.nan


@lru_cache(maxsize=1)
def real() -> tuple[Ohlc, FittedSet]:
    bars = ohlc_of(daily("NIFTY"))
    return bars, fit_models(bars, SETTINGS, sessions_max=21)


def recent(bars: Ohlc, sessions: int) -> Ohlc:
    return Ohlc(
        open=bars.open[-sessions:],
        high=bars.high[-sessions:],
        low=bars.low[-sessions:],
        close=bars.close[-sessions:],
    )


def test_on_real_history_all_five_converge_and_the_forecast_is_their_median() -> None:
    forecast = forecast_over(real()[1], 5.0)
    assert forecast is not None
    assert set(forecast.models) == set(Model) and not forecast.left_out
    levels = list(forecast.models.values())
    assert forecast.volatility == pytest.approx(float(np.median(levels)))
    assert forecast.dispersion == pytest.approx(max(levels) - min(levels))
    assert forecast.variance == pytest.approx(forecast.volatility**2 * 5 / 252)
    assert all(0.04 < level < 0.30 for level in levels)


def arch_path(returns: FloatArray, kind: str, leverage: int, **forecasting: object) -> FloatArray:
    from arch import arch_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = arch_model(100 * returns, mean="Zero", vol=kind, p=1, o=leverage, q=1, dist="t")
        result = model.fit(disp="off", show_warning=False)
        found = result.forecast(reindex=False, **forecasting)
    return np.asarray(found.variance)[0] / 1e4


@pytest.mark.parametrize(("name", "leverage"), [(Model.GARCH_T, 0), (Model.GJR_T, 1)])
def test_garch_and_gjr_over_21_sessions_agree_with_the_analytic_forecast_of_the_library(
    name: Model, leverage: int
) -> None:
    bars, fitted = real()
    theirs = arch_path(log_returns(bars.close)[-1000:], "GARCH", leverage, horizon=21)
    assert fitted.models[name].total_variance(21.0) == pytest.approx(float(theirs.sum()), rel=1e-9)
    assert fitted.models[name].total_variance(1.0) == pytest.approx(float(theirs[0]), rel=1e-9)


def test_egarch_agrees_with_the_library_one_session_ahead_and_with_its_simulation_beyond() -> None:
    bars, fitted = real()
    returns = log_returns(bars.close)[-1000:]
    model = fitted.models[Model.EGARCH_T]
    first = arch_path(returns, "EGARCH", 1, horizon=1)
    assert model.total_variance(1.0) == pytest.approx(float(first[0]), rel=1e-9)
    random = np.random.RandomState(11)

    def shocks(size: object) -> FloatArray:
        assert isinstance(model, Egarch)
        return random.standard_t(model.dof, size) * math.sqrt((model.dof - 2) / model.dof)  # type: ignore[arg-type]

    simulated = arch_path(
        returns, "EGARCH", 1, horizon=21, method="simulation", simulations=20_000, rng=shocks
    )
    assert model.total_variance(21.0) == pytest.approx(float(simulated.sum()), rel=0.02)


def test_stepping_a_session_later_is_the_recursion_of_the_model() -> None:
    garch = Garch(omega=1e-6, alpha=0.05, gamma=0.1, beta=0.85, next_variance=1e-4)
    up, down = (
        garch.after(Session(log_return=r, range_variance=NO_RANGE)).next_variance for r in (0.02, -0.02)
    )
    assert up == pytest.approx(1e-6 + 0.05 * 4e-4 + 0.85e-4)
    assert down == pytest.approx(1e-6 + 0.15 * 4e-4 + 0.85e-4)
    egarch = Egarch(omega=-0.1, alpha=0.2, gamma=-0.1, beta=0.98, dof=6.0, next_log_variance=math.log(1e-4))
    later = egarch.after(Session(log_return=-0.01, range_variance=NO_RANGE)).next_log_variance
    news = 0.2 * (1.0 - math.sqrt(2 / math.pi)) + 0.1
    assert later == pytest.approx(-0.1 + news + 0.98 * math.log(1e-4))


@pytest.mark.parametrize(("seed", "day"), [(4, date(2026, 8, 19)), (18, date(2026, 10, 6))])
def test_a_fit_that_reacts_beyond_reason_is_left_out_and_the_others_go_on(seed: int, day: date) -> None:
    """Histories on which the optimiser calls nonsense converged: a forecast all the same, month by month."""
    root = Root(path=ROOT, is_packaged=False, config_dir=ROOT / "config")
    asked = SourceRequest(seed=seed, cadence_s=900.0, trading_date=day)
    source = open_source(asked, shipped(), root, shipped_rules())
    assert source.history is not None
    bars = source.history.daily(NIFTY, day)
    found = make_forecasts(bars, shipped().models, ForecastReach(sessions_max=45, past_sessions=252))
    assert "egarch_t" in found.left_out
    known = [value for curve in found.total_variance.values() for value in curve[1:] if value is not None]
    assert known and max(known) < 1.0  # of 45 sessions: below 100 % a year by far
    assert all(month.volatility is None or 0.0 < month.volatility < 1.0 for month in found.past_month)


def test_an_egarch_that_explodes_is_not_known_rather_than_a_warning() -> None:
    """Where beta is above one the variance outgrows every number: infinite, and left out by who asks."""
    wild = Egarch(omega=-0.1, alpha=0.2, gamma=-0.1, beta=1.3, dof=5.0, next_log_variance=-9.0)
    assert math.isfinite(wild.total_variance(5.0))
    assert wild.total_variance(45.0) == math.inf


def test_a_garch_forecast_reverts_to_its_long_run_variance() -> None:
    garch = Garch(omega=1e-6, alpha=0.05, gamma=0.0, beta=0.9, next_variance=4e-4)
    totals = [garch.total_variance(float(n)) for n in (400, 401)]
    assert totals[1] - totals[0] == pytest.approx(1e-6 / 0.05, rel=1e-6)


@pytest.mark.parametrize("name", list(Model))
def test_part_of_a_session_counts_by_its_part_and_more_time_means_more_variance(name: Model) -> None:
    model = real()[1].models[name]
    half, one, one_half, two = (model.total_variance(n) for n in (0.5, 1.0, 1.5, 2.0))
    assert half == pytest.approx(one / 2)
    assert one_half == pytest.approx((one + two) / 2)
    assert 0.0 < half < one < one_half < two


def test_har_finds_the_persistence_that_made_its_sample() -> None:
    random = np.random.default_rng(3)
    ranges = np.full(3000, 1e-4)
    for i in range(22, 3000):
        mean = 2e-5 + 0.5 * ranges[i - 1] + 0.2 * ranges[i - 5 : i].mean() + 0.1 * ranges[i - 22 : i].mean()
        ranges[i] = mean * random.gamma(4.0, 0.25)
    model = fit_har(np.sqrt(ranges), ranges, (1, 5))
    assert isinstance(model, Har)
    assert model.scale == pytest.approx(1.0)
    assert model.coefficients[0].tolist() == pytest.approx([2e-5, 0.5, 0.2, 0.1], abs=0.12)
    assert math.isnan(model.total_variance(6.0))  # beyond what it was fitted for


def test_har_says_nothing_where_its_forecast_leaves_what_the_sample_has_seen() -> None:
    _, fitted = real()
    wild = fitted.after(Session(log_return=0.3, range_variance=0.5))
    forecast = forecast_over(wild, 5.0)
    assert forecast is not None
    assert not forecast.converged(Model.HAR_RV) and Model.HAR_RV in forecast.left_out
    assert forecast.converged(Model.EWMA)


def test_without_highs_and_lows_har_abstains_with_its_reason_and_the_others_go_on() -> None:
    bars = recent(real()[0], 500)
    broken = Ohlc(open=bars.open, high=np.full(500, np.nan), low=bars.low, close=bars.close)
    fitted = fit_models(broken, SETTINGS, sessions_max=5)
    assert "without open, high and low" in fitted.left_out[Model.HAR_RV]
    assert Model.EWMA in fitted.models


def test_too_short_a_history_or_no_time_left_gives_no_forecast() -> None:
    bars, fitted = real()
    short = fit_models(recent(bars, 100), SETTINGS, sessions_max=5)
    assert set(short.left_out) == set(Model)
    assert forecast_over(short, 5.0) is None
    assert forecast_over(fitted, 0.0) is None
    assert forecast_over(fitted, math.nan) is None


def test_ewma_expects_the_same_variance_of_every_session() -> None:
    model = Ewma(lambda_=0.94, variance=1e-4)
    assert model.total_variance(10.0) == pytest.approx(1e-3)
    later = model.after(Session(log_return=0.03, range_variance=NO_RANGE))
    assert later.variance == pytest.approx(0.94e-4 + 0.06 * 9e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ewma_lambda": 1.0}, "ewma_lambda"),
        ({"fit_sessions_min": 100}, "fit_sessions_min"),
        ({"student_t_dof": 2.0}, "student_t_dof"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, float], message: str) -> None:
    good = {"ewma_lambda": 0.94, "fit_sessions": 1000, "fit_sessions_min": 400, "student_t_dof": 5.0}
    with pytest.raises(ValueError, match=message):
        ModelSettings(**{**good, **change})  # type: ignore[arg-type]


def test_the_heavy_libraries_are_not_imported_before_a_fit_is_asked_for() -> None:
    code = (
        "import sys, volguard.volatility.models, volguard.volatility.evaluate;"
        "print([m for m in ('arch', 'scipy', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
