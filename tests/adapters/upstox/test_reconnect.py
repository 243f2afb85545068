"""When a lost socket may be opened again: growing waits, then a rest, then one try."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import shipped
from volguard.adapters.upstox.reconnect import FIRST_WAIT_S, WAIT_MAX_S, Reconnect, ReconnectRules

RULES = ReconnectRules(failures_max=5, window_s=60.0, rest_s=300.0)


def fail(policy: Reconnect, at_s: float) -> float:
    """One attempt that fails at once; gives the wait before the next."""
    policy.trying()
    policy.failed(at_s)
    return policy.next_at_s - at_s


def test_the_first_attempt_waits_for_nothing() -> None:
    """A fresh socket opens at once."""
    assert Reconnect(RULES).next_at_s == float("-inf")


def test_waits_double_up_to_a_limit() -> None:
    """Failures far apart never open the circuit, their waits grow."""
    policy = Reconnect(RULES)
    waits = [fail(policy, 61.0 * n) for n in range(8)]
    assert waits == [min(FIRST_WAIT_S * 2**n, WAIT_MAX_S) for n in range(8)]


def test_five_failures_within_a_minute_open_the_circuit() -> None:
    """Then no attempt for five minutes: a storm of reconnects gets an address banned."""
    policy = Reconnect(RULES)
    for n in range(4):
        fail(policy, 10.0 * n)
        assert not policy.is_resting
    assert fail(policy, 40.0) == 300.0 and policy.is_resting


def test_one_attempt_follows_a_rest() -> None:
    """It fails: another rest. Data comes: the circuit is closed and waits are short."""
    policy = Reconnect(RULES)
    for n in range(5):
        fail(policy, float(n))
    assert fail(policy, 304.0) == 300.0 and policy.is_resting
    policy.trying()
    policy.came_up()
    assert not policy.is_resting
    policy.failed(700.0)
    assert policy.next_at_s == 700.0 + FIRST_WAIT_S


def test_what_failed_before_a_rest_is_forgotten() -> None:
    """After it, and once data came, five new failures are needed."""
    policy = Reconnect(ReconnectRules(failures_max=5, window_s=1000.0, rest_s=300.0))
    for n in range(5):
        fail(policy, float(n))
    policy.trying()
    policy.came_up()
    for n in range(4):
        policy.failed(400.0 + n)
        assert not policy.is_resting


def test_a_flapping_socket_opens_the_circuit_too() -> None:
    """Data between failures makes waits short again, and does not hide that there were five of them."""
    policy = Reconnect(RULES)
    for n in range(5):
        policy.trying()
        policy.came_up()
        policy.failed(10.0 * n)
    assert policy.is_resting and policy.next_at_s == 340.0


def test_a_new_token_ends_every_wait() -> None:
    """What failed before had a cause that is gone."""
    policy = Reconnect(RULES)
    for n in range(5):
        fail(policy, float(n))
    policy.forget()
    assert policy.next_at_s == float("-inf") and not policy.is_resting
    assert fail(policy, 5.0) == FIRST_WAIT_S


@settings(derandomize=True, max_examples=200, deadline=None)
@given(steps=st.lists(st.floats(min_value=0.0, max_value=120.0), min_size=1, max_size=60))
def test_attempts_never_come_faster_than_the_circuit_allows(steps: list[float]) -> None:
    """Whatever goes wrong and when: at most five attempts within any minute."""
    policy, now, attempts = Reconnect(RULES), 0.0, []
    for step in steps:
        now = max(now + step, policy.next_at_s)
        attempts.append(now)
        fail(policy, now)
    for first, sixth in zip(attempts, attempts[5:], strict=False):
        assert sixth - first >= RULES.window_s


def test_the_rules_are_those_of_the_settings() -> None:
    """As shipped: 5 failures within 60 s rest for 300 s."""
    assert ReconnectRules.of(shipped().upstox) == RULES
