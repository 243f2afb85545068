"""Why an order was sent, or a trade was not made: the story of one tag, from the journal alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from volguard.adapters.journal_reader import JournalReader
from volguard.model.book import Bucket
from volguard.model.errors import UsageError
from volguard.model.signal import Signal

SCHEMA: Final = "volguard.why/1"
SIGNALS: Final = "SignalsNoted"
KINDS: Final = (
    SIGNALS,
    "DecisionMade",
    "Place",
    "Modify",
    "Cancel",
    "OrderChanged",
    "FillBooked",
    "TradeChanged",
    "TradeSplit",
)


def explain(journal: Path, tag: str) -> dict[str, Any]:
    """The document behind `volguard why`. Raises UsageError when the journal knows nothing of the tag."""
    with JournalReader.open(journal) as reader:
        rows = [(row.seq, row.kind, json.loads(row.body)) for row in reader.rows(kinds=KINDS)]
    bucket, _, clock = tag.upper().partition("@")
    if bucket in {b.value for b in Bucket}:
        return _of_bucket(journal, rows, bucket, clock)
    tag = _whole_tag(rows, tag)
    trade_id = _trade_of(rows, tag)
    if trade_id is None:
        hint = "give an order's tag, a trade such as T001, or a bucket such as WEEKLY@10:15"
        raise UsageError(f"journal {journal} knows nothing of {tag}", hint=hint)
    only = None if tag == trade_id else tag
    return _of_trade(journal, rows, trade_id, only)


def explanation_lines(found: dict[str, Any]) -> Iterator[str]:
    """The document as a screen of text."""
    yield f"{found['tag']} in {found['journal']}"
    for decision in found["decisions"]:
        yield from _decision_lines(decision)
    for title in ("orders", "fills", "trade_states"):
        if found[title]:
            yield title.replace("_", " ")
            yield from (f"  {_flat(item)}" for item in found[title])
    if found["charges_inr"] is not None:
        yield f"charges {found['charges_inr']}"


def _of_bucket(journal: Path, rows: list[tuple[int, str, Any]], bucket: str, clock: str) -> dict[str, Any]:
    last = None
    for seq, kind, body in rows:
        if kind != "DecisionMade" or body["decision"]["bucket"] != bucket:
            continue
        if clock and body["decision"]["ts"][11 : 11 + len(clock)] > clock:
            break
        last = {"seq": seq, **body["decision"]}
    if last is None:
        raise UsageError(f"journal {journal} has no decision of {bucket} up to {clock or 'its end'}")
    tag = f"{bucket}@{clock}" if clock else bucket
    return _document(journal, tag, _with_signals(rows, [last]), [], [], [])


def _of_trade(
    journal: Path, rows: list[tuple[int, str, Any]], trade_id: str, only: str | None
) -> dict[str, Any]:
    decisions, orders, fills, states = [], [], [], []
    tags = {body["approved"]["request"]["tag"] for _, kind, body in rows if _places(kind, body, trade_id)}
    wanted = {only} if only is not None else tags
    for seq, kind, body in rows:
        if kind == "DecisionMade" and body["decision"]["trade_id"] == trade_id:
            decisions.append({"seq": seq, **body["decision"]})
        elif kind in ("Place", "Modify") and body["approved"]["request"]["tag"] in wanted:
            orders.append({"seq": seq, "what": kind, **_approval(body["approved"])})
        elif kind in ("OrderChanged", "Cancel") and body["tag"] in wanted:
            orders.append({"seq": seq, "what": kind, **body})
        elif kind == "FillBooked" and body["fill"]["tag"] in wanted:
            fills.append({"seq": seq, **body["fill"]})
        elif kind == "TradeChanged" and body["trade_id"] == trade_id:
            states.append({"seq": seq, **body})
        elif kind == "TradeSplit" and only is None:
            fills = _after_split(fills, seq, body, trade_id)
    return _document(journal, only or trade_id, _with_signals(rows, decisions), orders, fills, states)


def _with_signals(rows: list[tuple[int, str, Any]], decisions: list[Any]) -> list[Any]:
    # What was noted last before a decision: of the same step, or what has not changed its word since.
    noted = [(seq, body) for seq, kind, body in rows if kind == SIGNALS]
    found = []
    for decision in decisions:
        before = [{"seq": seq, **body} for seq, body in noted if seq < decision["seq"]]
        found.append({**decision, "signals": before[-1] if before else None})
    return found


def _document(
    journal: Path,
    tag: str,
    decisions: list[Any],
    orders: list[Any],
    fills: list[Any],
    states: list[Any],
) -> dict[str, Any]:
    from decimal import Decimal

    from volguard.model.units import money_text

    charges = sum((Decimal(fill["charges_inr"]) for fill in fills), Decimal(0))
    return {
        "schema": SCHEMA,
        "journal": str(journal),
        "tag": tag,
        "decisions": decisions,
        "orders": orders,
        "fills": fills,
        "trade_states": states,
        "charges_inr": money_text(charges) if fills else None,
    }


# An order may be named without its session's code, as `volguard journal orders` shows it.
def _whole_tag(rows: list[tuple[int, str, Any]], tag: str) -> str:
    placed = (body["approved"]["request"]["tag"] for _, kind, body in rows if kind == "Place")
    return next((one for one in placed if one.partition("-")[2] == tag), tag)


def _trade_of(rows: list[tuple[int, str, Any]], tag: str) -> str | None:
    for _, kind, body in rows:
        if kind == "DecisionMade" and body["decision"]["trade_id"] == tag:
            return tag
        if kind == "Place" and body["approved"]["request"]["tag"] == tag:
            trade_id: str = body["approved"]["request"]["trade_id"]
            return trade_id
        if kind == "TradeSplit" and body["rest"]["trade_id"] == tag:
            return tag
    return None


def _after_split(fills: list[Any], seq: int, body: Any, trade_id: str) -> list[Any]:
    # Fills go with their legs to the trade that the rest became.
    moved = body["rest"]["fills"]
    if body["rest"]["trade_id"] == trade_id:
        return [{"seq": seq, **fill} for fill in moved]
    if body["trade_id"] != trade_id:
        return fills
    gone = {fill["fill_id"] for fill in moved}
    return [fill for fill in fills if fill["fill_id"] not in gone]


def _places(kind: str, body: Any, trade_id: str) -> bool:
    return kind == "Place" and body["approved"]["request"]["trade_id"] == trade_id


def _approval(approved: Any) -> dict[str, Any]:
    request = approved["request"]
    contract = request["contract"]
    return {
        "tag": request["tag"],
        "side": request["side"],
        "quantity": request["quantity"],
        "contract": f"{contract['expiry']} {contract['strike']} {contract['option_type']}",
        "limit_price": request["limit_price"],
        "approved_at": approved["approved_at"],
        "valid_until": approved["valid_until"],
        "review": approved["review_sequence"],
        "quotes": approved["quote_digest"],
    }


def _decision_lines(decision: Any) -> Iterator[str]:
    yield f"{decision['ts']} {decision['action']} {decision['reason']}: {decision['text']}"
    for key, value in decision["figures"].items():
        yield f"    {key} = {'not available' if value is None else value}"
    yield from _signal_lines(decision)
    for breach in decision["breaches"]:
        yield f"  refused by {breach['rule']}: {breach['text']}"
    for candidate in decision["candidates"]:
        strikes = "/".join(str(strike) for strike in candidate["strikes"])
        verdict = candidate["refusal"] or "may be traded"
        yield f"  candidate {candidate['structure']} {strikes} {candidate['lots']} lots: {verdict}"
        yield f"    {_flat(candidate['figures'])}"


def _signal_lines(decision: Any) -> Iterator[str]:
    noted = decision["signals"]
    if noted is None:
        yield "  signals: none were noted before"
        return
    is_same = noted["ts"] == decision["ts"]
    yield "  signals of this look" if is_same else f"  signals, as noted last at {noted['ts'][11:19]}"
    yield from (f"    {msgspec.convert(signal, Signal).line}" for signal in noted["signals"])


def _flat(item: Any) -> str:
    return ", ".join(f"{key} {_value(value)}" for key, value in item.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(str(part) for part in value.values())
    return "n/a" if value is None else str(value)
