"""Refusals on paper as plain values: a section of the day's document, and of many journals'."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from volguard.model.units import money_text
from volguard.report.refused import ByReason, OnPaper, RefusedDay


def refused_section(day: RefusedDay) -> dict[str, Any]:
    """One session's; `net_inr` of those that one book could have held, a loss is what refusing saved."""
    return {
        "marked_at": None if day.marked_at is None else day.marked_at.isoformat(),
        "held": len(day.held),
        "net_inr": text_of(day.net_inr),
        "by_reason": by_reason(day.by_reason),
        "structures": [_structure(one) for one in day.structures],
        "no_candidate_was_made": [
            {"bucket": bucket.value, "reason": reason, "waits": count}
            for (bucket, reason), count in (day.waits or {}).items()
        ],
    }


def by_reason(lines: Iterable[ByReason]) -> list[dict[str, Any]]:
    """A row each; `net_inr` as if each structure had been traded alone."""
    return [
        {
            "reason": line.reason,
            "structures": line.structures,
            "not_available": line.not_available,
            "net_inr": text_of(line.net_inr),
            "held": line.held,
            "held_net_inr": text_of(line.held_net_inr),
        }
        for line in lines
    ]


def text_of(amount: Decimal | None) -> str | None:
    """Rupees with two decimals, no minus before a zero."""
    if amount is None:
        return None
    text = money_text(amount)
    return "0.00" if text == "-0.00" else text


def _structure(one: OnPaper) -> dict[str, Any]:
    refusal = one.refusal
    return {
        "ts": refusal.ts.isoformat(),
        "bucket": refusal.bucket.value,
        "structure": refusal.structure.value,
        "expiry": refusal.expiry.isoformat(),
        "strikes": list(refusal.strikes),
        "lots": refusal.lots,
        "reason": refusal.reason,
        "is_held": one.is_held,
        "gross_inr": text_of(one.gross_inr),
        "charges_inr": text_of(one.charges_inr),
        "net_inr": text_of(one.net_inr),
        "missing": one.missing or None,
    }
