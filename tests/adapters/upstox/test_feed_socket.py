"""Subscriptions as frames: capped by us, the same bytes each time, changed without a reconnect."""

from __future__ import annotations

import json

import pytest

from tests.adapters.upstox.feed_samples import key_of
from volguard.adapters.upstox.feed_socket import Subscription

KEYS = tuple(key_of(row) for row in range(1200))


def made(keys_max: int = 2000) -> Subscription:
    subscription = Subscription(keys_max=keys_max)
    subscription.look_at(KEYS)
    return subscription


def read(frames: tuple[bytes, ...]) -> list[tuple[str, list[str]]]:
    documents = [json.loads(frame) for frame in frames]
    assert all(document["data"]["mode"] == "full" for document in documents)
    return [(document["method"], document["data"]["instrumentKeys"]) for document in documents]


def test_all_keys_go_out_in_chunks() -> None:
    """As the broker's documents show the message, each with a name of its own of 20 characters."""
    frames = made().hello()
    assert [(method, len(keys)) for method, keys in read(frames)] == [
        ("sub", 500),
        ("sub", 500),
        ("sub", 200),
    ]
    assert [key for _, keys in read(frames) for key in keys] == list(KEYS)
    names = {json.loads(frame)["guid"] for frame in frames}
    assert len(names) == 3 and all(len(name) == 20 for name in names)
    assert all(isinstance(frame, bytes) for frame in frames)


def test_a_reconnect_subscribes_identically() -> None:
    """The same bytes in the same order."""
    subscription = made()
    assert subscription.hello() == subscription.hello() == made().hello()


def test_what_is_over_the_cap_is_refused_here() -> None:
    """The server would ignore it in silence."""
    with pytest.raises(ValueError, match="1200 keys are too many for one connection, limit 1199"):
        made(keys_max=1199)


def test_only_the_difference_is_sent_on_an_open_connection() -> None:
    """What is let go first, so that the cap is never passed in between; then nothing more."""
    subscription = made()
    subscription.hello()
    assert subscription.changes() == ()
    subscription.look_at((*KEYS[10:], key_of(5000)))
    assert read(subscription.changes()) == [("unsub", list(KEYS[:10])), ("sub", [key_of(5000)])]
    assert subscription.changes() == ()
    assert [key for _, keys in read(subscription.hello()) for key in keys] == [*KEYS[10:], key_of(5000)]
