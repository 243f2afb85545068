"""The signals that a day's session noted last: what each says, or why it abstains."""

from __future__ import annotations

from typing import Any

import msgspec

from volguard.model.event import SignalsNoted
from volguard.model.signal import Signal
from volguard.report.elements import Column, table


def signals_section(noted: SignalsNoted | None) -> dict[str, Any] | None:
    """As part of the day's document; None where a session noted none."""
    if noted is None:
        return None
    return {
        "ts": noted.ts.isoformat(),
        "cause": noted.cause.value,
        "signals": [msgspec.to_builtins(signal) for signal in noted.signals],
    }


def signals_table(noted: SignalsNoted | None) -> str:
    """One row per signal."""
    columns = (
        Column(name="Signal"), Column(name="Expiry"), Column(name="Says"),
        Column(name="Figures, age, confidence", is_long=True),
    )  # fmt: skip
    rows = [_row(signal) for signal in noted.signals] if noted is not None else []
    said = "" if noted is None else f"<p>Of the look at {noted.ts:%H:%M:%S}.</p>"
    return said + table(columns, rows, none="No signals were noted in this session.")


def _row(signal: Signal) -> tuple[object, ...]:
    said = f"abstains: {signal.missing}" if signal.abstains else signal.says
    expiry = "" if signal.expiry is None else signal.expiry.isoformat()
    return signal.name.replace("_", " "), expiry, said, signal.about
