"""Every kind of row comes back from the journal as it went in; only figures of records are rounded."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.adapters.journal_samples import (
    CONTRACT,
    STARTED,
    STATE,
    TS,
    SmallState,
    entry_decision,
    small_snapshot,
)
from volguard.adapters.journal_codec import (
    EFFECT_KINDS,
    EVENT_KINDS,
    RECORD_KINDS,
    SnapshotReference,
    decode,
    decode_as,
    encode,
    encode_exact,
)
from volguard.model.errors import InvariantBroken, JournalDamaged
from volguard.model.event import DecisionMade, Effect, Event, FeedGap, MarketSeen, MarketSnapshot, Record
from volguard.model.units import IST, figure

KINDS = [
    kind for union in (Event, Record, Effect) for kind in get_args(union) if kind is not MarketSnapshot
] + [SnapshotReference]
LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    float: st.floats(allow_nan=False, allow_infinity=False).map(figure),
    int: st.integers(-(2**53), 2**53),
    str: st.text(max_size=8),
    bool: st.booleans(),
    type(None): st.none(),
    Any: st.one_of(st.none(), st.booleans(), st.text(max_size=4), st.lists(st.integers(0, 9), max_size=2)),
    Decimal: st.decimals(-(10**7), 10**7, places=6) | st.decimals(0, 10**5, places=2),
    datetime: st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(IST)),  # noqa: DTZ001
    date: st.dates(),
}


def any_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of an annotation, however deep."""
    if kind in LEAVES:
        return LEAVES[kind]
    if isinstance(kind, NewType):
        return any_of(kind.__supertype__)
    if get_origin(kind) in (Union, types.UnionType):
        return st.one_of([any_of(arm) for arm in get_args(kind)])
    if get_origin(kind) is tuple:
        if get_args(kind)[-1] is not Ellipsis:
            return st.tuples(*map(any_of, get_args(kind)))
        return st.lists(any_of(get_args(kind)[0]), max_size=3).map(tuple)
    if get_origin(kind) is Mapping:
        return st.dictionaries(st.text(max_size=6), any_of(get_args(kind)[1]), max_size=4)
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    assert is_dataclass(kind)
    hints = get_type_hints(kind)
    return st.builds(kind, **{field.name: any_of(hints[field.name]) for field in fields(kind)})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_row_survives_the_journal(kind: type[Any]) -> None:
    @settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    @given(any_of(kind))
    def round_trip(row: Any) -> None:
        name, body = encode(row)
        back = decode(name, body)
        assert back == row and type(back) is kind
        assert encode(back) == (name, body)

    round_trip()


def test_every_row_is_an_event_a_record_or_an_effect_and_never_two_of_them() -> None:
    assert len(EVENT_KINDS) + len(RECORD_KINDS) + len(EFFECT_KINDS) == len(
        EVENT_KINDS | RECORD_KINDS | EFFECT_KINDS
    )
    assert {kind.__name__ for kind in KINDS} >= RECORD_KINDS | EFFECT_KINDS


def test_figures_of_a_record_keep_nine_significant_digits_and_nan_becomes_null() -> None:
    _, body = encode(DecisionMade(decision=entry_decision()))
    assert b'"iv":0.0951234568' in body and b'"missing":null' in body
    decision = decode("DecisionMade", body).decision
    assert decision.figures == {"iv": 0.0951234568, "label": "ewma", "lots": 2, "missing": None}


def test_what_the_engine_was_told_keeps_every_bit_so_that_a_replay_sees_the_same() -> None:
    exact = 0.1 + 0.2
    assert decode(*encode(FeedGap(ts=TS, last_ts=TS, limit_s=exact))).limit_s == exact
    assert decode_as(SmallState, encode_exact(STATE)) == STATE


def test_keys_are_sorted_and_prices_keep_their_text() -> None:
    kind, body = encode(replace(STARTED, settings={"b": Decimal("24.50"), "a": 1}))
    assert kind == "SessionStarted"
    assert b'"settings":{"a":1,"b":"24.50"}' in body
    assert body.index(b'"code_version"') < body.index(b'"phase"') < body.index(b'"ts"')


def test_times_are_written_in_ist_whatever_their_zone() -> None:
    gap = FeedGap(ts=TS.astimezone(UTC), last_ts=TS, limit_s=1.0)
    assert encode(gap) == encode(replace(gap, ts=TS))
    assert b"2025-08-29T09:22:45+05:30" in encode(gap)[1]


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InvariantBroken, match="without a zone"):
        encode(FeedGap(ts=TS.replace(tzinfo=None), last_ts=TS, limit_s=1.0))


def test_a_required_figure_that_is_not_finite_is_refused_not_lost() -> None:
    with pytest.raises(InvariantBroken, match=r"MarketSeen.*not finite.*quality"):
        encode(MarketSeen(ts=TS, quality=float("nan"), figures={}))


def test_figures_may_be_numpy_scalars_in_a_read_only_mapping() -> None:
    held = types.MappingProxyType({"n": np.int64(3), "f": np.float64(1 / 3), "b": np.bool_(True)})
    back = decode(*encode(MarketSeen(ts=TS, quality=1.0, figures=held)))
    assert back.figures == {"b": True, "f": 0.333333333, "n": 3}


def test_arrays_have_no_place_in_a_row() -> None:
    with pytest.raises(TypeError, match="ndarray has no place"):
        encode(MarketSnapshot(ts=TS, snapshot=small_snapshot()))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("Teleported", b"{}"),
        ("KillSwitchSeen", b'{"ts":"2025-08-29T09:22:45+05:30"}'),
        ("KillSwitchSeen", b"{"),
    ],
)
def test_a_row_that_does_not_fit_its_kind_is_damage(kind: str, body: bytes) -> None:
    with pytest.raises(JournalDamaged, match=kind):
        decode(kind, body)


def test_a_contract_is_readable_in_the_body() -> None:
    assert encode_exact(CONTRACT) == (
        b'{"expiry":"2025-09-02","option_type":"CE","strike":24500,"underlying":"NIFTY"}'
    )
