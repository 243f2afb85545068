"""Two ways to catch a backtest lying: another future changes nothing before it, and signals must matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final

from volguard.backtest.foresight import Difference, first_difference
from volguard.backtest.play import PlayedDay
from volguard.config.loader import Loaded
from volguard.config.roots import Root
from volguard.config.settings import Settings
from volguard.model.decision import Decision
from volguard.model.errors import DataError, UsageError
from volguard.nse.calendar import Session
from volguard.nse.rules import Rules
from volguard.operations.backtest import CHAINS, BacktestRequest, Progress, open_days, player_of
from volguard.operations.backtest_jobs import Job, Workers, play_jobs
from volguard.operations.backtest_rules import past_rules

LOOKAHEAD_SCHEMA: Final = "volguard.backtest.lookahead/1"
PLACEBO_SCHEMA: Final = "volguard.backtest.placebo/1"
CUTS: Final = 4


def run_lookahead(
    request: BacktestRequest, loaded: Loaded[Settings], root: Root, progress: Progress
) -> dict[str, Any]:
    """A `volguard.backtest.lookahead/1` document: for each cut, whether a decision before it changed.

    Plays the days up to each of a few cuts anew, with another future from there on (`backtest/foresight`).
    Raises UsageError without a day, DataError where no cut day could be played.
    """
    opened = open_days(request, loaded, root)
    days = opened.days
    if not days:
        raise UsageError("there is no session to be checked")
    rules = past_rules(loaded.settings).rules
    cuts = sorted({days[(len(days) * place) // CUTS - 1] for place in range(1, CUTS + 1)})
    total = len(days) + sum(days.index(cut) + 1 for cut in cuts)
    done = 0

    def heard(words: str) -> None:
        nonlocal done
        done += 1
        progress(done, total, words)

    hashes: dict[date, str] = {}
    kept: dict[date, PlayedDay] = {}
    for day in _played(request, loaded, root):
        heard("as it was")
        hashes[day.trading_date] = day.decisions_hash
        if day.trading_date in cuts:
            kept[day.trading_date] = day
    rows: list[dict[str, Any]] = []
    for cut in (cut for cut in cuts if cut in kept):
        other = []
        for day in _played(replace(request, cut=cut), loaded, root):
            heard(f"another future from {cut.isoformat()}")
            other.append(day)
        until = opened.same_until(_session(rules, cut))
        rows.append(_row(kept[cut], until, first_difference(hashes, other, kept[cut], until)))
    if not rows:
        raise DataError("every day at which the record would be cut was left out", hint="ask for other days")
    if not any(row["decisions"] for row in rows):
        raise DataError("no decision was made before a cut: nothing was checked", hint="ask for other days")
    return {
        "schema": LOOKAHEAD_SCHEMA,
        "source": request.source,
        "sessions": len(hashes),
        "cuts": rows,
        "cuts_left_out": [cut.isoformat() for cut in cuts if cut not in kept],
        "ok": all(row["same"] for row in rows),
    }


def run_placebo(base: Job, count: int, workers: Workers, progress: Progress) -> dict[str, Any]:
    """A `volguard.backtest.placebo/1` document: the result beside those with forecasts dealt out anew.

    `p_value` is the share of all results, its own among them, that are as good as it or better (Phipson and
    Smyth, 2010): small where what was forecast of a day mattered. Raises UsageError on recorded days.
    """
    if base.request.source == CHAINS:
        raise UsageError("a recorded day has one forecast: there is nothing to deal out anew")
    seeds = range(1, count + 1)
    jobs = [base, *(replace(base, request=replace(base.request, placebo=seed)) for seed in seeds)]
    found = play_jobs(jobs, workers, lambda done: progress(done, len(jobs), "dealt out anew"))
    own, *others = [_made(document) for document in found]
    known = [made for made in others if made is not None]
    as_good = None if own is None or not known else 1 + sum(made >= own for made in known)
    return {
        "schema": PLACEBO_SCHEMA,
        "prices": found[0]["prices"],
        "underlying": found[0]["underlying"],
        "model_error": found[0]["model_error"],
        "model_error_missing": found[0]["model_error_missing"],
        "first_day": found[0]["first_day"],
        "last_day": found[0]["last_day"],
        "trades": found[0]["statistics"]["trades"]["trades"],
        "made_inr": _text(own),
        "placebos": [
            {"seed": seed, "made_inr": _text(made), "trades": document["statistics"]["trades"]["trades"]}
            for seed, (made, document) in enumerate(zip(others, found[1:], strict=True), start=1)
        ],
        "p_value": None if as_good is None else round(as_good / (1 + len(known)), 6),
    }


def _played(request: BacktestRequest, loaded: Loaded[Settings], root: Root) -> Iterator[PlayedDay]:
    player = player_of(request, loaded)
    opened = open_days(request, loaded, root)
    return (day for day in player.play_all(opened.plans(player.attention)) if isinstance(day, PlayedDay))


def _session(rules: Rules, day: date) -> Session:
    session = rules.calendar.session(day)
    if session is None:
        raise ValueError(f"{day} was played and has no session")
    return session


def _row(cut: PlayedDay, until: datetime, difference: Difference | None) -> dict[str, Any]:
    return {
        "cut": cut.trading_date.isoformat(),
        "until": until.isoformat(),
        "decisions": sum(decision.ts <= until for decision in cut.decisions),
        "same": difference is None,
        "difference": None
        if difference is None
        else {
            "day": difference.day.isoformat(),
            "known": _decision(difference.known),
            "other": _decision(difference.other),
        },
    }


def _decision(decision: Decision | None) -> str | None:
    if decision is None:
        return None
    return f"{decision.ts:%H:%M:%S} {decision.action.value} {decision.reason}: {decision.text}"


def _made(document: Mapping[str, Any]) -> float | None:
    value = document["value_inr"]
    return None if value is None else float(value) - float(document["capital_inr"])


def _text(amount: float | None) -> str | None:
    return None if amount is None else f"{amount:.2f}"
