"""The fit finds the model that prices were made with, gives the same bits again, and is what was shipped."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from tests.backtest.modelled import real_prices, shipped_tables
from tests.chains import NIFTY, shipped_rules
from tests.volatility.real_data import DATA
from volguard.backtest.chain_fit import (
    ChainFit,
    condor_prices,
    fit_chain_model,
    is_clean,
    recorded_volatility,
)
from volguard.backtest.condor_legs import CondorPrices, Condors
from volguard.backtest.real_prices import fit_on
from volguard.backtest.recorded_quotes import RecordedQuotes
from volguard.backtest.spread_model import LIQUIDITY_FIELDS
from volguard.pricing.black76 import price

TRUE = replace(shipped_tables().smile, skew=0.15, curvature=0.22, return_beta=6.0, near_share=1.2)


def as_modelled(at: CondorPrices) -> CondorPrices:
    value, sigma = condor_prices(TRUE, at)
    return replace(at, price=value, sigma=sigma)


def made() -> tuple[Condors, RecordedQuotes]:
    """The days, strikes and states of the real prices with prices of TRUE."""
    condors, quotes = real_prices().condors, real_prices().recorded
    sigma = recorded_volatility(TRUE, quotes)
    mid = price(quotes.forward, quotes.strike, quotes.left.years, sigma, quotes.is_call, quotes.discount)
    half = 0.5 * np.minimum(quotes.spread, 0.1 * mid)
    return (
        replace(condors, entry=as_modelled(condors.entry), exit=as_modelled(condors.exit)),
        replace(quotes, sigma=sigma, bid=mid - half, ask=mid + half),
    )


def test_prices_of_the_model_give_its_parameters_back() -> None:
    """All eight of them, with no shift left for the recorded day."""
    fit = fit_chain_model(*made())
    assert fit.converged
    for name, value in asdict(TRUE).items():
        assert getattr(fit.parameters, name) == pytest.approx(value, rel=2e-3)
    assert abs(fit.recorded_near_shift) < 2e-3
    assert abs(fit.recorded_vix_shift) < 2e-3
    assert fit.cost < 1e-3


def test_stale_trades_hardly_move_it() -> None:
    """Every tenth leg twice as dear as the model: the parameters stay within a few per cent."""
    condors, quotes = made()
    value, sigma = condors.entry.price.copy(), condors.entry.sigma.copy()
    value[::10, 1] *= 2.0
    sigma[::10, 1] *= 2.0
    spoiled = replace(condors, entry=replace(condors.entry, price=value, sigma=sigma))
    found = fit_chain_model(spoiled, quotes).parameters
    assert found.curvature == pytest.approx(TRUE.curvature, rel=0.05)
    assert found.return_beta == pytest.approx(TRUE.return_beta, rel=0.05)
    assert found.near_share == pytest.approx(TRUE.near_share, rel=0.10)


def test_only_quotes_that_say_something_are_fitted() -> None:
    """Out of the money, half a rupee or more, and no wider than 15 % of the mid."""
    quotes = real_prices().recorded
    clean = is_clean(quotes)
    assert quotes.mid[clean].min() >= 0.5
    assert (quotes.spread[clean] / quotes.mid[clean]).max() <= 0.15
    assert (quotes.is_call == (quotes.strike >= quotes.forward))[clean].all()
    assert 0.3 < clean.mean() < 0.7
    at = int(np.flatnonzero(clean)[0])
    silent = quotes.sigma.copy()
    silent[at] = np.nan
    assert not is_clean(replace(quotes, sigma=silent))[at]


def test_the_fit_of_the_real_prices_is_the_shipped_one_bit_for_bit_repeatable() -> None:
    """config/chain_model.toml is this fit rounded, and a second one is equal to the first."""
    real, tables = real_prices(), shipped_tables()
    fit, spreads = fit_on(DATA, tables=tables, rules=shipped_rules(), underlying=NIFTY)
    again = fit_chain_model(real.condors, real.recorded)
    assert fit == again
    assert fit.converged
    assert rounded(fit) == (
        asdict(tables.smile),
        tables.fitted_on.recorded_near_shift,
        tables.fitted_on.recorded_vix_shift,
    )
    fitted = tables.fitted_on
    assert (fitted.condors_from, fitted.condors_to) == (real.condors.days[0], real.condors.days[-1])
    assert (fitted.condors, fitted.recorded_snapshots) == (len(real.condors.days), real.recorded.snapshots)
    for found, shipped in zip(spreads.liquidity, tables.liquidity, strict=True):
        assert (found.cycle, found.rank) == (shipped.cycle, shipped.rank)
        for name in LIQUIDITY_FIELDS:
            assert getattr(found, name) == pytest.approx(getattr(shipped, name), rel=5e-3)


def rounded(fit: ChainFit) -> tuple[dict[str, float], float, float]:
    parameters = {name: round(value, 4) for name, value in asdict(fit.parameters).items()}
    return parameters, round(fit.recorded_near_shift, 4), round(fit.recorded_vix_shift, 4)
