"""Makes quantstats_figures.json: what the library quantstats says of the benchmark records.

    python -m tests.backtest.quantstats_figures

Run where quantstats is installed and the daily history lies beside the project.
The small record is drawn once and kept in the file; the others are told by their digest.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any, Final

import numpy as np

from tests.backtest.benchmarks import FROZEN, NAMES, Series, series

RISK_FREE: Final = 0.065
KEPT_SESSIONS: Final = 300
KEPT_FIRST: Final = date(2023, 11, 1)  # over two ends of a year


def main() -> None:
    """Write the file."""
    import quantstats

    document: dict[str, Any] = {
        "library": f"quantstats {quantstats.__version__}",
        "risk_free": RISK_FREE,
        "kept_returns": _drawn(),
        "digests": {},
        "figures": {},
    }
    FROZEN.write_text(json.dumps(document))
    for name in NAMES:
        document["digests"][name] = series(name).digest
        document["figures"][name] = figures_of(series(name))
    FROZEN.write_text(json.dumps(document, indent=1) + "\n")


def figures_of(record: Series) -> dict[str, Any]:
    """Figures of one record as the library makes them."""
    import pandas as pd
    from quantstats import stats

    returns = pd.Series(record.returns, index=pd.DatetimeIndex(record.days))
    details = stats.drawdown_details(stats.to_drawdown_series(returns))
    deepest = details.loc[details["max drawdown"].idxmin()]
    months = stats.monthly_returns(returns, eoy=False)
    return {
        "total_return": float(stats.comp(returns)),
        "cagr": float(stats.cagr(returns)),
        "volatility": float(stats.volatility(returns)),
        "sharpe": float(stats.sharpe(returns)),
        "sharpe_above_risk_free": float(stats.sharpe(returns, rf=RISK_FREE)),
        "sortino": float(stats.sortino(returns)),
        "sortino_above_risk_free": float(stats.sortino(returns, rf=RISK_FREE)),
        "calmar": float(stats.calmar(returns)),
        "max_drawdown": float(stats.max_drawdown(returns)),
        "cvar_95": float(stats.conditional_value_at_risk(returns, confidence=0.95, method="historical")),
        "cvar_99": float(stats.conditional_value_at_risk(returns, confidence=0.99, method="historical")),
        "worst_day": float(stats.worst(returns)),
        "best_day": float(stats.best(returns)),
        "worst_week": float(stats.worst(returns, aggregate="W")),
        "skew": float(stats.skew(returns)),
        "kurtosis": float(stats.kurtosis(returns)),
        "win_rate": float(stats.win_rate(returns)),
        "profit_factor": float(stats.profit_factor(returns)),
        "probabilistic_sharpe": float(stats.probabilistic_sharpe_ratio(returns)),
        "drawdown_first_day": str(deepest["start"]),
        "drawdown_trough_day": str(deepest["valley"]),
        "drawdown_last_day": str(deepest["end"]),
        "drawdown_days": int(deepest["days"]),
        "longest_drawdown_days": int(details["days"].max()),
        "first_month": float(months.iloc[0][record.days[0].strftime("%b").upper()]),
        "last_month": float(months.iloc[-1][record.days[-1].strftime("%b").upper()]),
    }


def _drawn() -> dict[str, float]:
    # Fat-tailed, some sessions flat.
    rng = np.random.default_rng(20_120_102)
    returns = np.where(
        rng.random(KEPT_SESSIONS) < 0.1, 0.0, 0.0006 + 0.008 * rng.standard_t(4, KEPT_SESSIONS)
    )
    days = (KEPT_FIRST + timedelta(days=n) for n in range(10 * KEPT_SESSIONS))
    sessions = [day for day in days if day.weekday() < 5][:KEPT_SESSIONS]
    return {str(day): round(float(value), 6) for day, value in zip(sessions, returns, strict=True)}


if __name__ == "__main__":
    main()
