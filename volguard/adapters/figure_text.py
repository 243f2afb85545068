"""Figures as a person on an Indian desk reads them: lakh grouping, a real minus, n/a for what is absent."""

from __future__ import annotations

import math
from typing import Final

ABSENT: Final = "n/a"
MINUS: Final = "\u2212"


def amount_text(amount: str | None, *, is_signed: bool = False) -> str:
    """A plain decimal text ("1234567.50") grouped by lakh and crore ("12,34,567.50"); None as "n/a"."""
    if amount is None:
        return ABSENT
    whole, _, decimals = amount.lstrip("+-").partition(".")
    grouped = _lakh_groups(whole) + (f".{decimals}" if decimals else "")
    return f"{_sign(amount, is_signed=is_signed)}{grouped}"


def number_text(value: float | None, decimals: int = 2, *, is_signed: bool = False) -> str:
    """A figure with so many decimals, grouped; None and nan as "n/a"."""
    if value is None or not math.isfinite(value):
        return ABSENT
    return amount_text(f"{value:.{decimals}f}", is_signed=is_signed)


def percent_text(share: float | None, decimals: int = 1) -> str:
    """A decimal share as percent: 0.0912 as "9.1 %"; None and nan as "n/a"."""
    if share is None or not math.isfinite(share):
        return ABSENT
    return f"{number_text(100.0 * share, decimals)} %"


def _sign(amount: str, *, is_signed: bool) -> str:
    if not any(digit in amount for digit in "123456789"):
        return ""  # no minus zero
    if amount.startswith("-"):
        return MINUS
    return "+" if is_signed else ""


def _lakh_groups(whole: str) -> str:
    head, tail = whole[:-3], whole[-3:]
    pairs: list[str] = []
    while head:
        pairs.insert(0, head[-2:])
        head = head[:-2]
    return ",".join([*pairs, tail])
