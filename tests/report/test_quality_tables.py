"""Execution quality in the terminal: orders as lines, a summary per urgency, nothing absent as a number."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.report.conftest import book_of, condor, sent_of
from volguard.execution.quality import SentOrder
from volguard.model.order import OrderState, Purpose, Urgency
from volguard.report.quality_json import orders_document
from volguard.report.quality_tables import orders_table, price_text, signed_percent

FIRST, SECOND, THIRD, FOURTH = sent_of(book_of(condor()))


def document(*orders: SentOrder) -> dict[str, Any]:
    return orders_document(Path("journal/day.db"), orders)


def lines_of(*orders: SentOrder, width: int = 120) -> list[str]:
    console = Console(width=width, force_terminal=False)
    with console.capture() as captured:
        console.print(orders_table(document(*orders)))
    return [" ".join(line.split()) for line in captured.get().splitlines()]


def tagged(order: SentOrder, tag: str = "VG12ab34cd-T001-X1c-000", **changes: Any) -> SentOrder:
    return replace(order, request=replace(order.request, tag=tag, **changes))


def test_an_order_is_a_line() -> None:
    """When, its name, what, how urgent, its end, mid, price, slippage in rupees and of mid, time, steps."""
    (head, line, *_) = lines_of(tagged(FIRST, "VG12ab34cd-T001-E-000"))
    assert head == "sent, order, urgency contract outcome mid price slip INR of mid s steps"
    assert line == (
        "10:04:58 T001-E-000 entry LOW BUY 75 02 Sep 24200 PE FILLED 8.075 8.10 +1.88 +0.3 % 1.5 0"
    )


def test_on_a_narrow_screen_words_fold_and_figures_stay_whole() -> None:
    """A part of a big exit that turned urgent on 80 columns: figures in full, words on more lines."""
    order = replace(
        tagged(SECOND, quantity=1800, urgency=Urgency.MEDIUM, purpose=Purpose.CLOSE),
        last_urgency=Urgency.HIGH,
        state=OrderState.CANCELLED,
        price_steps=12,
        arrival_mid=Decimal("1021.325"),
    )
    figures = "PART 1,021.325 21.35 +74,998.12 +97.9 % 1.5 12"
    lines = lines_of(order, width=80)
    first = next(line for line in lines if line.startswith("10:04:59"))
    assert first.endswith(figures)
    assert "HIGH" in " ".join(lines[: lines.index("")])
    assert lines_of(order)[1] == (
        f"10:04:59 T001-X1c-000 exit MEDIUM>HIGH SELL 75/1800 02 Sep 24300 PE {figures}"
    )


def test_what_was_not_measured_is_not_a_number() -> None:
    """No mid: n/a and counted; no fill: no price, no time."""
    unquoted, unfilled = (
        replace(FIRST, arrival_mid=None),
        replace(THIRD, fills=(), state=OrderState.CANCELLED),
    )
    lines = lines_of(unquoted, unfilled)
    assert lines[1].endswith("FILLED n/a 8.10 n/a n/a 1.5 0")
    assert lines[2].endswith("CANCELLED 26.375 n/a n/a n/a n/a 0")
    assert lines[6] == "LOW 2 50.0 % n/a n/a n/a n/a n/a 1.5 1.5 1"


def test_each_urgency_has_its_line_and_all_orders_theirs() -> None:
    """Median and worst, rupees, seconds; the last line adds all up."""
    lines = lines_of(FIRST, SECOND, tagged(FOURTH, urgency=Urgency.HIGH, purpose=Purpose.CLOSE))
    assert lines[7:10] == [
        "LOW 2 100.0 % 0.00 +0.025 +0.1 % +0.3 % 0.00 1.5 1.5 0",
        "HIGH 1 100.0 % +0.025 +0.025 +0.3 % +0.3 % +1.88 1.5 1.5 0",
        "all 3 100.0 % +0.025 +0.025 +0.3 % +0.3 % +1.88 1.5 1.5 0",
    ]


def test_no_order_is_said_in_words() -> None:
    """A day of waiting is one sentence."""
    assert lines_of() == ["no order was sent: journal/day.db"]
    assert document()["execution"]["by_urgency"] == []
    assert document()["execution"]["all"]["slippage_inr"] is None


def test_prices_show_the_decimals_that_say_something() -> None:
    """Two at least, a half tick in full; shares carry their sign and no minus zero."""
    assert [price_text(text) for text in ("8.0750", "8.1000", "1200.0000", None)] == [
        "8.075", "8.10", "1,200.00", "n/a"
    ]  # fmt: skip
    assert price_text("0.0250", is_signed=True) == "+0.025"
    assert [signed_percent(share) for share in (0.0123, -0.0123, 0.0, 0.00001, -0.00001, None)] == [
        "+1.2 %", "\u22121.2 %", "0.0 %", "0.0 %", "0.0 %", "n/a"
    ]  # fmt: skip
