"""The parity report: one day as journaled, replayed and run again, and why the figures differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from volguard.adapters.code_version import code_version
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.recovery import beginning_of
from volguard.model.decision import Decision
from volguard.model.units import money, money_text
from volguard.operations.parity_accounts import Told, as_journaled, as_replayed, as_run_again
from volguard.operations.parity_causes import Account, Cause, DecisionRow, explain_difference
from volguard.wiring import platform_text

PARITY_SCHEMA: Final = "volguard.journal_parity/1"
NO_BACKTEST: Final = "not available: there is no backtest yet"
_SHOWN_FIGURES: Final = 5  # of a decision's figures that differ, by name


def parity_document(path: Path, progress: Callable[[str], None]) -> dict[str, Any]:
    """A journal's day in three columns, and the differences of the other two to the journaled one.

    `progress` hears what begins. Raises JournalDamaged, UsageError on a journal without a market, ConfigError
    when its settings do not fit this version.
    """
    with JournalReader.open(path) as reader:
        beginning = beginning_of(reader)
        journaled = as_journaled(reader)
        progress("stepping the journal's events again")
        replayed = as_replayed(reader)
        progress("running the recorded market again")
        again = as_run_again(reader)
    started = beginning.started
    return {
        "schema": PARITY_SCHEMA,
        "journal": str(path),
        "trading_date": started.trading_date.isoformat(),
        "session": started.session_id,
        "phase": started.phase.value,
        "broker": started.broker,
        "ended": beginning.ended,
        "settings_hash": started.settings_hash,
        "written_by": f"{started.code_version} on {started.platform}",
        "compared_by": f"{code_version()} on {platform_text()}",
        "columns": {
            "journaled": _column(journaled),
            "replayed": _column(replayed),
            "run_again": _column(again),
            "backtest": {"missing": NO_BACKTEST},
        },
        "differences": {
            "replayed": _difference(journaled, replayed),
            "run_again": _difference(journaled, again),
        },
    }


def is_replayed_alike(document: Mapping[str, Any]) -> bool:
    """Whether stepping the journal again came to its very decisions and rupees."""
    difference = document["differences"]["replayed"]
    pnl = difference["pnl"]
    return bool(difference["decisions"]["identical"] and pnl["missing"] is None and not pnl["causes"])


def _column(told: Told) -> dict[str, Any]:
    account = told.account
    actions = Counter(row.decision.action.value for row in account.decisions)
    gross, charges = account.gross_inr, money(account.charges_inr)
    return {
        "missing": told.broke_off,
        "failed_steps": told.failed_steps,
        "decisions": len(account.decisions),
        "by_action": dict(sorted(actions.items())),
        "orders": len(account.sent),
        "fills": len(account.fills),
        "units": sum(fill.quantity for fill in account.fills),
        "realised_inr": money_text(account.realised_inr),
        "gross_inr": _text(gross),
        "charges_inr": money_text(charges),
        "net_inr": _text(account.net_inr),
        "unmarked": [contract.symbol for contract in account.unmarked],
    }


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else money_text(amount)


def _difference(base: Told, other: Told) -> dict[str, Any]:
    is_whole = other.broke_off is None
    return {
        "decisions": _decisions(base.account.decisions, other.account.decisions, is_whole=is_whole),
        "pnl": _pnl(base.account, other.account, other.broke_off),
    }


def _decisions(
    base: Sequence[DecisionRow], other: Sequence[DecisionRow], *, is_whole: bool
) -> dict[str, Any]:
    first = _first(base, other, lambda row: row.body, is_whole=is_whole)
    word = _first(base, other, lambda row: _word(row.decision), is_whole=is_whole)
    return {"identical": first is None, "first": first, "first_other_act": word}


# Where the two first say something else: the journal's row, both words, and what in them differs.
def _first(
    base: Sequence[DecisionRow],
    other: Sequence[DecisionRow],
    view: Callable[[DecisionRow], object],
    *,
    is_whole: bool,
) -> dict[str, Any] | None:
    together = min(len(base), len(other))
    at = next((i for i in range(together) if view(base[i]) != view(other[i])), together)
    one = base[at] if at < len(base) else None
    two = other[at] if at < len(other) else None
    if (one is None and two is None) or (two is None and not is_whole):
        return None
    seen = one or two
    return {
        "number": at + 1,
        "row": None if one is None else one.seq,
        "ts": None if seen is None else seen.decision.ts.isoformat(),
        "journaled": None if one is None else _said(one.decision),
        "other": None if two is None else _said(two.decision),
        "differs": [] if one is None or two is None else _differing(one.decision, two.decision),
    }


def _word(decision: Decision) -> object:
    return (
        *(decision.ts, decision.action, decision.bucket, decision.reason),
        *(decision.trade_id, decision.structure),
    )


def _said(decision: Decision) -> dict[str, Any]:
    return {
        "action": decision.action.value,
        "bucket": None if decision.bucket is None else decision.bucket.value,
        "trade_id": decision.trade_id,
        "reason": decision.reason,
        "text": decision.text,
    }


def _differing(one: Decision, two: Decision) -> list[str]:
    names = [field.name for field in fields(Decision) if getattr(one, field.name) != getattr(two, field.name)]
    if "figures" not in names:
        return names
    every = sorted({*one.figures, *two.figures})
    unlike = [name for name in every if one.figures.get(name) != two.figures.get(name)]
    return [
        *(name for name in names if name != "figures"),
        *(f"figures.{n}" for n in unlike[:_SHOWN_FIGURES]),
    ]


def _pnl(base: Account, other: Account, broke_off: str | None) -> dict[str, Any]:
    explained = None if broke_off is not None else explain_difference(base, other)
    if explained is None:
        unmarked = ", ".join(contract.symbol for contract in (*base.unmarked, *other.unmarked))
        return {"missing": broke_off or f"nobody quotes {unmarked} at the close"}
    counts = Counter(line.cause for line in explained.lines)
    return {
        "missing": None,
        "difference_inr": money_text(explained.difference_inr),
        "causes": [
            {"cause": cause.value, "lines": counts[cause], "inr": money_text(explained.amount_inr(cause))}
            for cause in Cause
            if counts[cause]
        ],
        "rounding_inr": money_text(explained.rounding_inr),
        "unexplained_inr": f"{explained.unexplained_inr:f}",
        "lines": [
            {
                "cause": line.cause.value,
                "tag": line.tag,
                "contract": line.contract.symbol,
                "text": line.text,
                "inr": f"{line.amount_inr:f}",
            }
            for line in explained.lines
        ],
    }
