"""Schedules of faults: by chance, by count, by time, where, how often; the same seed, the same strikes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.simulator.upstox_server.desk import START
from volguard.simulator.upstox_server.faults import SHIPPED, FaultName, FaultRule, Faults

DROP = FaultName.DROPPED_REPLY


def strikes(faults: Faults, count: int = 400, where: str = "place") -> list[int]:
    at = (START + timedelta(seconds=n) for n in range(count))
    return [n for n, now in enumerate(at) if faults.strikes(DROP, now, where)]


def test_the_same_seed_strikes_the_same() -> None:
    """Another seed does not; the share is about the probability."""
    rule = FaultRule(name=DROP, probability=0.1)
    first, again, other = (strikes(Faults([rule], seed=seed)) for seed in (7, 7, 8))
    assert first == again != other
    assert 20 <= len(first) <= 65


def test_one_fault_does_not_shift_another() -> None:
    """Each has a stream of its own."""
    rule = FaultRule(name=DROP, probability=0.1)
    alone = strikes(Faults([rule], seed=7))
    beside = Faults([rule, FaultRule(name=FaultName.LATENCY, probability=0.5)], seed=7)
    found = []
    for n in range(400):
        beside.strikes(FaultName.LATENCY, START, "place")
        found += [n] if beside.strikes(DROP, START + timedelta(seconds=n), "place") else []
    assert found == alone


def test_counted_timed_and_limited_strikes() -> None:
    """Every third asking; at moments, once each; after a while, once; at most so many times."""
    assert strikes(Faults([FaultRule(name=DROP, every=3)], seed=1), 9) == [2, 5, 8]
    assert strikes(Faults([FaultRule(name=DROP, every=3, times_max=2)], seed=1), 99) == [2, 5]
    at = (START + timedelta(seconds=2.5), START + timedelta(seconds=2.7), START + timedelta(seconds=9))
    assert strikes(Faults([FaultRule(name=DROP, at=at)], seed=1)) == [3, 4, 9]
    assert strikes(Faults([FaultRule(name=DROP, after_s=20.0)], seed=1)) == [20]


def test_a_rule_may_name_the_calls_that_it_strikes() -> None:
    """Others pass, and do not count."""
    faults = Faults([FaultRule(name=DROP, every=2, where=frozenset({"cancel"}))], seed=1)
    assert strikes(faults, where="place") == []
    assert strikes(faults, 4, where="cancel") == [1, 3]
    assert [(one.name, one.where) for one in faults.fired] == [(DROP, "cancel")] * 2
    assert faults.names(DROP, "cancel") and not faults.names(DROP, "place")


def test_without_rules_nothing_goes_wrong() -> None:
    """And nothing is recorded."""
    faults = Faults.none()
    assert strikes(faults) == [] == faults.fired
    assert faults.size_of(DROP) == 0.0


def test_every_name_has_a_shipped_schedule() -> None:
    """What `--fault NAME` takes; a name that is not known is an error."""
    assert set(SHIPPED) == set(FaultName)
    faults = Faults.named(["latency", "dropped_reply"], seed=1)
    assert faults.size_of(FaultName.LATENCY) == 2.0 and len(strikes(faults)) > 0
    with pytest.raises(ValueError, match="nonsense"):
        Faults.named(["nonsense"], seed=1)


def test_a_rule_needs_a_schedule_in_range() -> None:
    """No schedule, or a probability that is none."""
    with pytest.raises(ValueError, match="no schedule"):
        FaultRule(name=DROP)
    with pytest.raises(ValueError, match=r"was 1\.5"):
        FaultRule(name=DROP, probability=1.5)
