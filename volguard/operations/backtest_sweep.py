"""Sweeps: the same days under many settings, judged as the many trials that they are; and walk-forward.

The best of many trials looks good by luck alone. Its Sharpe ratio is set beside what the best of so many
settings without an edge would show (`backtest/deflated_sharpe`); a walk-forward chooses on one stretch and is
paid on the next.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import numpy as np

from volguard.backtest.curve import curve_of_values
from volguard.backtest.deflated_sharpe import SharpeRecord, deflated_sharpe, sharpe_record
from volguard.backtest.document import deflated_document
from volguard.backtest.path_statistics import Conventions
from volguard.backtest.statistics import curve_statistics
from volguard.model.errors import UsageError
from volguard.model.units import figure
from volguard.operations.backtest import CHAINS, open_days
from volguard.operations.backtest_jobs import Job, Workers, play_jobs

SCHEMA: Final = "volguard.backtest.sweep/1"
WALK_SCHEMA: Final = "volguard.backtest.walk/1"
SHOWN: Final = (
    "total_return",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "cvar_95",
)
Said = Callable[[float, float, str], None]


@dataclass(frozen=True, slots=True)
class Axis:
    """One setting and the values that are tried for it, as typed."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WalkForward:
    """Sessions to choose on, and sessions after them to be paid on; windows move on by the latter."""

    train: int
    test: int


def axis_of(text: str) -> Axis:
    """From "key=a,b,c". Raises UsageError on anything else."""
    key, sign, values = text.partition("=")
    tried = tuple(value.strip() for value in values.split(","))
    if not key.strip() or not sign or not all(tried) or len(set(tried)) < len(tried):
        raise UsageError(
            f"--sweep {text!r} is not key=a,b,c with different values",
            hint="--sweep strategy.short_delta_max=0.15,0.20,0.25",
        )
    return Axis(key.strip(), tried)


def walk_of(text: str) -> WalkForward:
    """From "train:test" in sessions. Raises UsageError on anything else."""
    train, _, test = text.partition(":")
    if not (train.strip().isdecimal() and test.strip().isdecimal() and int(train) > 0 and int(test) > 0):
        raise UsageError(
            f"--walk-forward {text!r} is not train:test in sessions", hint="--walk-forward 250:60"
        )
    return WalkForward(int(train), int(test))


def sweep_jobs(base: Job, axes: Sequence[Axis]) -> list[tuple[dict[str, str], Job]]:
    """Every combination in the order of the axes, with its job. Raises ConfigError on a bad setting."""
    keys = [axis.key for axis in axes]
    if len(set(keys)) < len(keys):
        raise UsageError(f"one setting is swept twice: {', '.join(keys)}")
    jobs: list[tuple[dict[str, str], Job]] = []
    for values in itertools.product(*(axis.values for axis in axes)):
        tried = dict(zip(keys, values, strict=True))
        overrides = (*base.overrides, *(f"{key}={value}" for key, value in tried.items()))
        job = replace(base, overrides=overrides)
        job.settings()
        jobs.append((tried, job))
    return jobs


def run_sweep(base: Job, axes: Sequence[Axis], workers: Workers, said: Said) -> dict[str, Any]:
    """A `volguard.backtest.sweep/1` document: a row a setting, the best one and how far it is luck."""
    tried = sweep_jobs(base, axes)
    documents = play_jobs(
        [job for _, job in tried], workers, lambda count: said(count, len(tried), "settings played")
    )
    conventions = Conventions()
    records = [_record(document, conventions) for document in documents]
    best = _best(records)
    return {
        "schema": SCHEMA,
        **_what(documents[0]),
        "axes": [{"key": axis.key, "values": list(axis.values)} for axis in axes],
        "variants": [
            {"settings": settings, **_row(document)}
            for (settings, _), document in zip(tried, documents, strict=True)
        ],
        "best": best,
        "deflated_sharpe": None
        if best is None
        else deflated_document(deflated_sharpe(records[best], [_sharpe(record) for record in records])),
    }


def run_walk(
    base: Job, axes: Sequence[Axis], walk: WalkForward, workers: Workers, said: Said
) -> dict[str, Any]:
    """A `volguard.backtest.walk/1` document: per window what was chosen and what it then made.

    Chosen is the highest Sharpe ratio of the training stretch, the first of equals; every stretch begins
    flat. Raises UsageError where the days hold no window.
    """
    if base.request.source == CHAINS:
        raise UsageError(
            "recorded days are not walked through", hint="--source modelled with --from and --to"
        )
    tried = sweep_jobs(base, axes)
    windows = _windows(open_days(base.request, base.settings(), base.root).days, walk)
    training = [_over(job, days[0]) for days in windows for _, job in tried]
    total = len(training) + len(windows)
    found = play_jobs(training, workers, lambda count: said(count, total, "trainings played"))
    conventions = Conventions()
    chosen: list[int] = []
    for place in range(len(windows)):
        records = [
            _record(document, conventions)
            for document in found[place * len(tried) : (place + 1) * len(tried)]
        ]
        best = _best(records)
        chosen.append(0 if best is None else best)
    tests = [_over(tried[pick][1], days[1]) for pick, days in zip(chosen, windows, strict=True)]
    paid = play_jobs(tests, workers, lambda count: said(len(training) + count, total, "tests played"))
    return {
        "schema": WALK_SCHEMA,
        **_what(paid[0]),
        "axes": [{"key": axis.key, "values": list(axis.values)} for axis in axes],
        "train_sessions": walk.train,
        "test_sessions": walk.test,
        "windows": [
            {
                "train": [day.isoformat() for day in days[0]],
                "test": [day.isoformat() for day in days[1]],
                "settings": tried[pick][0],
                "trained": _row(found[place * len(tried) + pick]),
                "paid": _row(document),
            }
            for place, (pick, days, document) in enumerate(zip(chosen, windows, paid, strict=True))
        ],
        "paid": _joined(paid, conventions),
    }


def _windows(days: Sequence[date], walk: WalkForward) -> list[tuple[tuple[date, date], tuple[date, date]]]:
    whole = walk.train + walk.test
    starts = range(0, len(days) - whole + 1, walk.test)
    if not starts:
        raise UsageError(
            f"{len(days)} sessions hold no window of {walk.train} and {walk.test}",
            hint="ask for more days, or for shorter stretches",
        )
    return [
        (
            (days[first], days[first + walk.train - 1]),
            (days[first + walk.train], days[first + whole - 1]),
        )
        for first in starts
    ]


def _over(job: Job, days: tuple[date, date]) -> Job:
    return replace(job, request=replace(job.request, first=days[0], last=days[1]))


def _what(document: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("source", "prices", "underlying", "capital_inr", "model_error", "model_error_missing",
            "assumptions", "code_version", "data_digest")  # fmt: skip
    return {name: document[name] for name in kept}


def _row(document: Mapping[str, Any]) -> dict[str, Any]:
    returns, trades, handicap = (
        document["statistics"]["returns"],
        document["statistics"]["trades"],
        document["handicap"],
    )
    return {
        "first_day": document["first_day"],
        "last_day": document["last_day"],
        "sessions": document["sessions"],
        "value_inr": document["value_inr"],
        "doubted_value_inr": None if handicap is None else handicap["value_inr"],
        "doubted_sharpe": None if handicap is None else handicap["sharpe"],
        **{name: returns[name] for name in SHOWN},
        "trades": trades["trades"],
        "win_rate": trades["win_rate"],
        "charges_inr": document["charges_inr"],
        "failed_steps": document["failed_steps"],
        "left_out": len(document["left_out"]),
        "settings_hash": document["settings_hash"],
        "decisions_hash": document["decisions_hash"],
    }


def _values(document: Mapping[str, Any]) -> list[float]:
    values = [row["value_inr"] for row in document["curve"]]
    return [math.nan if value is None else float(value) for value in values]


def _record(document: Mapping[str, Any], conventions: Conventions) -> SharpeRecord | str:
    days = [date.fromisoformat(row["day"]) for row in document["curve"]]
    curve = curve_of_values(days, _values(document), start=float(document["capital_inr"]))
    return sharpe_record(curve, conventions)


def _sharpe(record: SharpeRecord | str) -> float | None:
    return None if isinstance(record, str) else record.sharpe


def _best(records: Sequence[SharpeRecord | str]) -> int | None:
    known = [(record.sharpe, place) for place, record in enumerate(records) if not isinstance(record, str)]
    return max(known, key=lambda one: (one[0], -one[1]))[1] if known else None


def _joined(documents: Sequence[Mapping[str, Any]], conventions: Conventions) -> dict[str, Any]:
    # The stretches that were paid on, one after the other: what each made is added to the capital.
    capital = float(documents[0]["capital_inr"])
    days: list[date] = []
    values: list[float] = []
    begun = capital
    for document in documents:
        days += [date.fromisoformat(row["day"]) for row in document["curve"]]
        values += [begun + value - capital for value in _values(document)]
        begun = values[-1] if values else begun
    curve = curve_of_values(days, np.array(values), start=capital)
    figures = curve_statistics(curve, conventions).figures
    return {
        "sessions": len(days),
        "value_inr": f"{values[-1]:.2f}" if values and math.isfinite(values[-1]) else None,
        **{
            str(name): None if at.value is None else figure(at.value)
            for name, at in figures.items()
            if str(name) in SHOWN
        },
    }
