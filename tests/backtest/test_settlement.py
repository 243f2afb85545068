"""An option that expires is worth its intrinsic value at the official close; its holder pays STT on it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tests.fakes import call, put, shipped_rules
from volguard.backtest.settlement import settle
from volguard.model.book import Position

DAY = date(2026, 9, 22)
CHARGES = shipped_rules().charges


def positions(**units: int) -> list[Position]:
    """`c24500=65`: units of the call of that strike that expires on the day."""
    made = {"c": call, "p": put}
    return [Position(contract=made[name[0]](int(name[1:]), DAY), quantity=n) for name, n in units.items()]


def test_a_condor_inside_its_shorts_costs_nothing() -> None:
    """All four expire worthless."""
    held = positions(p24000=65, p24200=-65, c24800=-65, c25000=65)
    done = settle(held, DAY, Decimal("24510.35"), CHARGES)
    assert [(one.cash_inr, one.charges_inr) for one in done] == [(0, 0)] * 4


def test_beyond_a_short_its_writer_pays_and_beyond_a_long_its_holder_is_taxed() -> None:
    """24,890.10: the short call pays 90.10 a unit; 25,060.40: the long receives 60.40 less STT on it."""
    held = positions(c24800=-65, c25000=65)
    short, long = settle(held, DAY, Decimal("24890.10"), CHARGES)
    assert (short.cash_inr, short.charges_inr, long.cash_inr) == (Decimal("-5856.50"), 0, 0)
    short, long = settle(held, DAY, Decimal("25060.40"), CHARGES)
    assert short.cash_inr == -65 * Decimal("260.40") and short.charges_inr == 0
    assert long.cash_inr == 65 * Decimal("60.40")
    # STT on exercise of this date: 0.15 % of the intrinsic value.
    assert long.charges_inr == (65 * Decimal("60.40") * Decimal("0.0015")).quantize(Decimal("0.000001"))


def test_what_expires_later_is_left_alone() -> None:
    """Only the day's own contracts are settled."""
    later = Position(contract=call(24_000, date(2026, 9, 29)), quantity=65)
    assert settle([later], DAY, Decimal(25_000), CHARGES) == ()


@pytest.mark.parametrize("level", ["0", "-1", "NaN", "Infinity"])
def test_a_level_that_is_none_settles_nothing(level: str) -> None:
    """It is refused, not taken for zero."""
    with pytest.raises(ValueError, match="final level of 2026-09-22 was"):
        settle(positions(c24800=-65), DAY, Decimal(level), CHARGES)
