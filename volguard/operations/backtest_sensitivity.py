"""What worse fills would leave of a backtest: ticks beyond the touch, looks at which nothing fills yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from volguard.operations.backtest import Progress
from volguard.operations.backtest_jobs import Job, Workers, play_jobs

CASES: Final = ((0, 0), (1, 0), (2, 0), (0, 1), (0, 2))  # more ticks, more looks


def run_sensitivity(base: Job, workers: Workers, progress: Progress) -> list[dict[str, Any]]:
    """A row for each case on top of what the base asks; the first is the base itself."""
    asked = base.request
    jobs = [
        replace(
            base,
            request=replace(
                asked,
                slippage_ticks=asked.slippage_ticks + ticks,
                late_looks=asked.late_looks + looks,
            ),
        )
        for ticks, looks in CASES
    ]
    found = play_jobs(jobs, workers, lambda count: progress(count, len(jobs), "fills tried"))
    return [_row(document) for document in found]


def _row(document: Mapping[str, Any]) -> dict[str, Any]:
    returns, trades = document["statistics"]["returns"], document["statistics"]["trades"]
    return {
        **document["fills"],
        "value_inr": document["value_inr"],
        "total_return": returns["total_return"],
        "sharpe": returns["sharpe"],
        "max_drawdown": returns["max_drawdown"],
        "trades": trades["trades"],
        "win_rate": trades["win_rate"],
        "charges_inr": document["charges_inr"],
    }
