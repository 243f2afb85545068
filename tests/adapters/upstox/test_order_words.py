"""The broker's status words: what each means with its fills, and which of two updates is the later."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volguard.adapters.upstox.order_words import WORDS, recency_of, state_of
from volguard.model.order import OrderState

S = OrderState
REFERENCE = Path(__file__).resolve().parents[4] / "shared" / "reference" / "upstox_api.md"
LIVE = sorted(word for word, known in WORDS.items() if not known.is_final)
ENDS = sorted(word for word, known in WORDS.items() if known.is_final)


@pytest.mark.parametrize(
    ("word", "filled", "state"),
    [
        ("open", 0, S.OPEN),
        ("open", 25, S.PARTIAL),
        ("open", 75, S.FILLED),
        ("put order req received", 0, S.OPEN),
        ("modify pending", 25, S.PARTIAL),
        ("not modified", 0, S.OPEN),
        ("not cancelled", 0, S.OPEN),
        ("not cancelled", 25, S.PARTIAL),
        ("cancel pending", 25, S.PARTIAL),
        ("complete", 75, S.FILLED),
        ("complete", 50, None),  # its own fills deny it
        ("cancelled", 0, S.CANCELLED),
        ("cancelled", 50, S.CANCELLED),
        ("cancelled after market order", 0, S.CANCELLED),
        ("rejected", 0, S.REJECTED),
        ("rejected", 25, S.CANCELLED),  # what was filled stays
        ("  OPEN ", 0, S.OPEN),
        ("frozen by the exchange", 0, None),
        ("", 0, None),
    ],
)
def test_a_word_and_its_fills_are_a_state(word: str, filled: int, state: S | None) -> None:
    """Of an order for 75 units: the word says where it is, the fills say how much of it is done."""
    assert state_of(word, quantity=75, filled_quantity=filled) is state


@pytest.mark.parametrize("word", LIVE)
def test_what_the_broker_holds_may_fill(word: str) -> None:
    """Every word but an end is a live order: a refused modify or cancel leaves it as it was."""
    state = state_of(word, quantity=75, filled_quantity=0)
    assert state is not None
    assert state.may_fill


@pytest.mark.parametrize("word", ENDS)
def test_an_end_is_final(word: str) -> None:
    """Only complete, rejected and cancelled end an order."""
    state = state_of(word, quantity=75, filled_quantity=75 if word == "complete" else 0)
    assert state is not None
    assert state.is_final


def test_the_table_has_the_words_of_the_reference() -> None:
    """The broker documents seventeen words; all are known, and no other is made up."""
    assert len(WORDS) == 17
    if not REFERENCE.is_file():
        pytest.skip("the broker's reference is not beside the project")
    text = REFERENCE.read_text()
    table = text[text.index("### 4.8") : text.index("### 4.9")]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    told = {word.strip().strip("`") for row in rows for word in row.split(",")}
    assert told == set(WORDS)


# The paths that the broker describes: words of one order as they come about, with its request numbers.
PATHS = [
    [("put order req received", 1), ("validation pending", 1), ("open pending", 1), ("open", 1)],
    [("put order req received", 1), ("validation pending", 1), ("rejected", 1)],
    [("put order req received", 1), ("trigger pending", 1), ("open pending", 1), ("open", 1)],
    [("open", 1), ("modify validation pending", 2), ("modify pending", 2), ("modified", 2), ("open", 2)],
    [("open", 1), ("modify validation pending", 2), ("modify pending", 2), ("not modified", 2), ("open", 2)],
    [("open", 1), ("cancel pending", 1), ("not cancelled", 1), ("complete", 1)],
    [("open", 1), ("cancel pending", 1), ("cancelled", 1)],
    [("after market order req received", 1), ("cancelled after market order", 1)],
]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[-1][0])
def test_each_step_of_a_path_is_later_than_the_one_before(path: list[tuple[str, int]]) -> None:
    """In whatever order two steps arrive, the later one is known."""
    steps = [recency_of(word, filled_quantity=0, request_number=number) for word, number in path]
    for earlier, later in itertools.combinations(steps, 2):
        assert earlier < later


@given(data=st.data())
def test_the_last_word_wins_in_any_order_of_arrival(data: st.DataObject) -> None:
    """Shuffled and doubled updates of one order leave what the last of them said."""
    length = data.draw(st.integers(1, 8))
    fills = sorted(data.draw(st.lists(st.integers(0, 74), min_size=length, max_size=length)))
    requests = sorted(data.draw(st.lists(st.integers(1, 4), min_size=length, max_size=length)))
    updates = [
        recency_of("open", filled_quantity=filled, request_number=request)
        for filled, request in zip(fills, requests, strict=True)
    ]
    end = data.draw(st.sampled_from(ENDS))
    updates.append(recency_of(end, filled_quantity=fills[-1], request_number=requests[-1]))
    arrived = data.draw(st.permutations([*updates, *updates]))
    assert max(arrived) == updates[-1]


def test_an_unknown_word_is_older_than_any_known_one() -> None:
    """Of two updates alike in fills and requests the one that can be read counts; fills count above all."""
    strange = recency_of("frozen", filled_quantity=0, request_number=1)
    assert strange < recency_of("put order req received", filled_quantity=0, request_number=1)
    assert recency_of("open", filled_quantity=0, request_number=1) < recency_of(
        "frozen", filled_quantity=25, request_number=1
    )
