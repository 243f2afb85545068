"""Candles: oldest first, each start once, and what cannot have traded is refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.times import iso_text
from volguard.adapters.upstox.wire import success_body
from volguard.adapters.upstox.wire_candles import Candle, candles_of, joined, merged
from volguard.model.units import IST

START = datetime(2026, 9, 16, 9, 15, tzinfo=IST)
ROW = ["2025-01-01T00:00:00+05:30", 53.1, 53.95, 51.6, 52.05, 235519861, 0]
PRICES = st.integers(min_value=1, max_value=5_000_000)


def body(*rows: list[Any]) -> bytes:
    """A reply of candles."""
    return success_body({"candles": list(rows)})


def candle(minute: int, close: float = 100.0) -> Candle:
    """One minute's candle that ends at a price."""
    return Candle(
        starts_at=START + timedelta(minutes=minute),
        open=100.0,
        high=max(100.0, close),
        low=min(100.0, close),
        close=close,
        volume=75,
        oi=0,
    )


def test_the_candle_of_the_reference() -> None:
    """Start in IST, prices, volume and open interest."""
    assert candles_of(body(ROW), endpoints.CANDLES) == (
        Candle(
            starts_at=datetime(2025, 1, 1, tzinfo=IST),
            open=53.1,
            high=53.95,
            low=51.6,
            close=52.05,
            volume=235519861,
            oi=0,
        ),
    )
    assert candles_of(body(), endpoints.CANDLES) == ()


@given(
    paise=st.lists(st.tuples(PRICES, PRICES, PRICES, PRICES), max_size=8),
    order=st.randoms(use_true_random=False),
)
def test_candles_come_back_oldest_first_whatever_the_order(
    paise: list[tuple[int, int, int, int]], order: Any
) -> None:
    """Newest first, as the broker writes them, or shuffled: the same candles are read, sorted."""
    made = tuple(
        Candle(
            starts_at=START + timedelta(minutes=number),
            open=inner[0] / 100,
            high=max(four) / 100,
            low=min(four) / 100,
            close=inner[1] / 100,
            volume=number,
            oi=number,
        )
        for number, four in enumerate(paise)
        for inner in [sorted(four)[1:3]]
    )
    rows = [
        [iso_text(one.starts_at), one.open, one.high, one.low, one.close, one.volume, one.oi] for one in made
    ]
    assert candles_of(body(*reversed(rows)), "candles") == made
    order.shuffle(rows)
    assert candles_of(body(*rows), "candles") == made


def test_noise_is_taken_off_and_more_columns_are_passed_over() -> None:
    """Prices stand on the paisa, an index without volume has none, and a longer row is read all the same."""
    row = ["2026-09-16 09:15:00", 52.04999923706055, 53, 52, "52.5", None, None, "new"]
    (found,) = candles_of(body(row), endpoints.CANDLES)
    assert (found.open, found.close, found.volume, found.oi) == (52.05, 52.5, 0, 0)
    assert found.starts_at == START


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (["", 1, 1, 1, 1, 0, 0], "candles[0]: it has no start"),
        (["noon", 1, 1, 1, 1, 0, 0], "candles[0]: 'noon' is not a time"),
        ([ROW[0], 1, 2, 3, 1, 0, 0], "do not fit"),
        ([ROW[0], 5, 2, 1, 1, 0, 0], "do not fit"),
        ([ROW[0], 1, 2, 1, 0.5, 0, 0], "do not fit"),
        ([ROW[0], 0, 2, 1, 1, 0, 0], "must be above 0"),
        ([ROW[0], 1, "nan", 1, 1, 0, 0], "must be above 0"),
        ([ROW[0], 1, "inf", 1, 1, 0, 0], "must be above 0"),
        ([ROW[0], 1, 2, 1], "Expected `array` of at least length 5, got 4"),
    ],
)
def test_a_candle_that_cannot_have_traded_is_refused(row: list[Any], why: str) -> None:
    """A range that does not hold its own prices, or no price at all, makes the whole answer unreadable."""
    with pytest.raises(ApiFailure, match="candles: the answer cannot be read") as caught:
        candles_of(body(row), endpoints.CANDLES)
    assert why in caught.value.message


def test_pieces_of_history_are_put_together() -> None:
    """Spans that overlap give each start once; where they differ nothing is known to be right."""
    first, second = [candle(0), candle(1)], [candle(1), candle(2)]
    assert merged(second, first) == (candle(0), candle(1), candle(2))
    with pytest.raises(ApiFailure, match=r"two candles of 2026-09-16T09:16:00\+05:30 differ"):
        merged(first, [candle(1, close=101.0)])
    with pytest.raises(ApiFailure, match="candles: the answer cannot be read"):
        candles_of(body(ROW, [*ROW[:4], 52.0, 1, 0]), "candles")


def test_todays_candles_join_history() -> None:
    """History does not hold today; where both know a start the finished candle counts."""
    history, today = (candle(0), candle(1)), (candle(1, close=99.0), candle(2))
    assert joined(history, today) == (candle(0), candle(1), candle(2))
