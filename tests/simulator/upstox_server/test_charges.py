"""The margin and brokerage calculators of the look-alike."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.upstox_server.desk import API, CALL, FAR_CALL, Desk, open_desk


def line(desk: Desk, **changes: Any) -> dict[str, Any]:
    made = {
        **{"instrument_key": desk.key(CALL), "quantity": 65, "product": "D", "transaction_type": "SELL"},
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def margin(desk: Desk, *lines: Any) -> Any:
    return desk.http.post(f"{API}/v2/charges/margin", json={"instruments": list(lines)})


def test_a_basket_is_asked_line_by_line_and_as_one() -> None:
    """Rows come in the order asked; the sum is required, the hedged whole is final and less."""
    with open_desk() as desk:
        bought = line(desk, instrument_key=desk.key(FAR_CALL), transaction_type="BUY", price=10.0)
        data = margin(desk, line(desk), bought).json()["data"]
    first, second = data["margins"]
    assert first["span_margin"] > 0 and first["net_buy_premium"] == 0
    assert second["span_margin"] == 0 and second["net_buy_premium"] == second["total_margin"] == 650.0
    assert data["required_margin"] == round(first["total_margin"] + second["total_margin"], 2)
    assert data["final_margin"] < data["required_margin"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"instrument_key": None}, "UDAPI1099"),
        ({"instrument_key": "nothing"}, "UDAPI1098"),
        ({"instrument_key": "NSE_FO|999999"}, "UDAPI100011"),
        ({"product": "Z"}, "UDAPI1100"),
        ({"transaction_type": "HOLD"}, "UDAPI1101"),
        ({"quantity": None}, "UDAPI1097"),
        ({"quantity": 0}, "UDAPI1096"),
        ({"quantity": 64}, "UDAPI1104"),
        ({"price": -1.0}, "UDAPI1095"),
    ],
)
def test_a_bad_line_is_refused(changes: dict[str, Any], code: str) -> None:
    """Each fault of a line has its own code."""
    with open_desk() as desk:
        assert desk.refused(margin(desk, line(desk, **changes))) == (400, code)


def test_a_basket_is_neither_empty_nor_doubled_nor_too_long() -> None:
    """A basket needs a line, each instrument once, and no more lines than the cap."""
    with open_desk() as desk:
        assert desk.refused(margin(desk)) == (400, "UDAPI1099")
        assert desk.refused(margin(desk, line(desk), line(desk))) == (400, "UDAPI1103")
        assert desk.refused(margin(desk, *[line(desk)] * 21)) == (400, "UDAPI1102")


def asked(desk: Desk, **changes: Any) -> dict[str, Any]:
    made = {
        **{"instrument_token": desk.key(CALL), "quantity": 65, "product": "D"},
        **{"transaction_type": "BUY", "price": 100.0},
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def test_charges_add_up() -> None:
    """The total is the sum of brokerage, taxes and other charges; a sale pays the transaction tax."""
    with open_desk() as desk:
        bought, sold = (
            desk.data("/v2/charges/brokerage", **asked(desk, transaction_type=side))["charges"]
            for side in ("BUY", "SELL")
        )
    for charges in (bought, sold):
        parts = [*charges["taxes"].values(), *charges["other_charges"].values()]
        assert charges["total"] == pytest.approx(charges["brokerage"] + sum(parts), abs=0.05)
        assert charges["otherTaxes"] == charges["other_charges"]
    assert sold["taxes"]["stt"] > 0 == bought["taxes"]["stt"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"instrument_token": None}, "UDAPI1059"),
        ({"quantity": None}, "UDAPI1060"),
        ({"product": None}, "UDAPI1061"),
        ({"transaction_type": None}, "UDAPI1062"),
        ({"price": None}, "UDAPI1063"),
        ({"quantity": "-1"}, "UDAPI1064"),
        ({"price": "x"}, "UDAPI1065"),
        ({"instrument_token": "NSE_FO|999999"}, "UDAPI100011"),
    ],
)
def test_a_bad_question_about_charges_is_refused(changes: dict[str, Any], code: str) -> None:
    """Each field that is missing or wrong has its own code."""
    with open_desk() as desk:
        assert desk.refused(desk.get("/v2/charges/brokerage", **asked(desk, **changes))) == (400, code)
