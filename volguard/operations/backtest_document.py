"""`volguard.backtest/1`: everything that a backtest says of itself, its prices first."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from volguard.adapters.code_version import code_version
from volguard.backtest.bootstrap import Resampling
from volguard.backtest.document import Record, attribution_document, statistics_document
from volguard.backtest.ledger import Ledger, Note, SessionRow
from volguard.backtest.path_statistics import Conventions
from volguard.backtest.ruin import Ruin, RuinSettings, ruin
from volguard.backtest.statistics import curve_statistics
from volguard.backtest.trades import ClosedTrade
from volguard.config.loader import Loaded
from volguard.config.settings import Settings
from volguard.model.book import ZERO, Fill
from volguard.model.units import figure, money_text
from volguard.operations.backtest_assumptions import Tested, assumptions
from volguard.report.refused_json import by_reason

SCHEMA: Final = "volguard.backtest/1"
HASH_BYTES: Final = 32


def backtest_document(
    tested: Tested, ledger: Ledger, loaded: Loaded[Settings], resampling: Resampling
) -> dict[str, Any]:
    """The document; statistics and intervals take some seconds."""
    conventions = Conventions()
    curve = ledger.curve
    record = Record(
        curve=curve,
        trades=tuple(ledger.trades),
        activity=ledger.activity,
        regimes=tuple(row.regime for row in ledger.sessions),
        attribution=ledger.attribution,
        ruin=_ruin(ledger, resampling),
    )
    return {
        "schema": SCHEMA,
        "source": tested.source,
        "prices": str(tested.prices),
        "fills": {"slippage_ticks": tested.slippage_ticks, "late_looks": tested.late_looks},
        "underlying": loaded.settings.market.underlying,
        "first_day": _day(ledger.sessions, 0),
        "last_day": _day(ledger.sessions, -1),
        "sessions": len(ledger.sessions),
        "capital_inr": money_text(ledger.capital_inr),
        "value_inr": _last_value(ledger),
        "charges_inr": money_text(sum((row.charges_inr for row in ledger.sessions), ZERO)),
        "model_error": None if tested.model_error is None else tested.model_error.document(),
        "model_error_missing": tested.model_error_missing,
        "handicap": _handicap(tested, ledger, conventions),
        "return_on_margin": _return_on_margin(ledger, conventions),
        "statistics": statistics_document(record, conventions, resampling),
        "left_out": [_note(note) for note in ledger.left_out],
        "notes": [_note(note) for note in ledger.notes],
        "failed_steps": ledger.failed_steps,
        "open_trades": len(ledger.open_trades),
        "assumptions": assumptions(tested),
        "refused": by_reason(ledger.refused),
        "decisions": [
            {"action": action, "reason": reason, "count": count}
            for (action, reason), count in sorted(ledger.decisions.items(), key=_often_first)
        ],
        "decisions_hash": decisions_hash(ledger.hashes),
        "settings_hash": loaded.digest,
        "data_digest": tested.data_digest,
        "code_version": code_version(),
        "trades": [_trade(trade) for trade in ledger.trades],
        "curve": [_session(row) for row in ledger.sessions],
    }


def decisions_hash(hashes: Sequence[str]) -> str:
    """Of one day that day's own, as its report says it; of several the hash of theirs in order."""
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.blake2b("\n".join(hashes).encode(), digest_size=HASH_BYTES).hexdigest()


def _often_first(item: tuple[tuple[str, str], int]) -> tuple[int, tuple[str, str]]:
    return -item[1], item[0]


def _handicap(tested: Tested, ledger: Ledger, conventions: Conventions) -> dict[str, Any] | None:
    # What is left were every modelled premium, at entry and at exit, worse by the model's median error.
    if tested.model_error is None:
        return None
    share = tested.model_error.handicap_share
    doubted = ledger.curve_doubted(share)
    lost = sum((row.premium_inr for row in ledger.sessions), ZERO) * Decimal(repr(share))
    statistics = curve_statistics(doubted, conventions)
    return {
        "share": figure(share),
        "lost_inr": money_text(lost),
        "value_inr": _text(float(doubted.values[-1])) if doubted.sessions else None,
        **{
            str(name): None if at.value is None else figure(at.value)
            for name, at in statistics.figures.items()
        },
    }


def _return_on_margin(ledger: Ledger, conventions: Conventions) -> dict[str, Any]:
    held = [row.margin_inr for row in ledger.sessions if row.was_held]
    unknown = sum(margin is None for margin in held)
    known = [margin for margin in held if margin is not None and margin > 0.0]
    made = _made(ledger)
    if not known or unknown or made is None:
        why = (
            "nothing was held"
            if not held
            else f"the margin of {unknown} of {len(held)} sessions is not known"
        )
        return {"mean_margin_inr": None, "max_margin_inr": None, "per_year": None, "missing": why}
    mean = sum(known) / len(known)
    years = len(ledger.sessions) / conventions.sessions_per_year
    return {
        "mean_margin_inr": _text(mean),
        "max_margin_inr": _text(max(known)),
        "per_year": figure(float(made) / mean / years),
        "missing": "",
    }


def _ruin(ledger: Ledger, resampling: Resampling) -> Ruin:
    margins = [row.margin_inr for row in ledger.sessions]
    values = [ledger.capital_inr, *(row.value_inr for row in ledger.sessions)]
    changes = [
        float("nan") if now is None or then is None else float(now - then) for then, now in pairwise(values)
    ]
    return ruin(
        changes,
        [float("nan") if margin is None else margin for margin in margins],
        capital_inr=float(ledger.capital_inr),
        settings=RuinSettings(),
        resampling=resampling,
    )


def _made(ledger: Ledger) -> Decimal | None:
    last = ledger.sessions[-1].value_inr if ledger.sessions else None
    return None if last is None else last - ledger.capital_inr


def _last_value(ledger: Ledger) -> str | None:
    made = _made(ledger)
    return None if made is None else money_text(ledger.capital_inr + made)


def _trade(trade: ClosedTrade) -> dict[str, Any]:
    return {
        "trade_id": trade.trade_id,
        "opened_on": trade.opened_on.isoformat(),
        "closed_on": trade.closed_on.isoformat(),
        "structure": trade.structure,
        "bucket": trade.bucket,
        "regime": trade.regime,
        "exit_reason": trade.exit_reason,
        "gross_inr": money_text(trade.gross_inr),
        "charges_inr": money_text(trade.charges_inr),
        "net_inr": money_text(trade.net_inr),
        "fills": [_fill(fill) for fill in trade.fills],
        "settled": [
            {
                "contract": one.contract.symbol,
                "quantity": one.quantity,
                "intrinsic": str(one.intrinsic),
                "charges_inr": str(one.charges_inr),
            }
            for one in trade.settled
        ],
    }


def _fill(fill: Fill) -> dict[str, Any]:
    return {
        "ts": fill.ts.isoformat(),
        "contract": fill.contract.symbol,
        "side": fill.side.value,
        "quantity": fill.quantity,
        "price": str(fill.price),
        "charges_inr": str(fill.charges_inr),
    }


def _session(row: SessionRow) -> dict[str, Any]:
    return {
        "day": row.day.isoformat(),
        "value_inr": None if row.value_inr is None else money_text(row.value_inr),
        "cash_inr": money_text(row.cash_inr),
        "charges_inr": money_text(row.charges_inr),
        "margin_inr": None if row.margin_inr is None else _text(row.margin_inr),
        "held": row.was_held,
        "regime": row.regime,
        "attribution": attribution_document(row.attribution),
    }


def _note(note: Note) -> dict[str, str]:
    return {"day": note.day.isoformat(), "text": note.text}


def _text(amount: float) -> str:
    return money_text(Decimal(repr(amount)))


def _day(rows: Sequence[SessionRow], at: int) -> str | None:
    day: date | None = rows[at].day if rows else None
    return None if day is None else day.isoformat()
