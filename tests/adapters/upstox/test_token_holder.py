"""The token of a running session: what it gives, when it looks again, whom it takes a new one from."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from tests.adapters.upstox.client_parts import MovingClock, upstox_settings
from tests.adapters.upstox.login_parts import jwt, stored_token
from tests.fakes import TS
from volguard.adapters.upstox.token_holder import TokenHolder
from volguard.adapters.upstox.token_store import TokenFile
from volguard.model.errors import TokenError

TO_EXPIRY_S = 17.5 * 3600  # from 10:00 to 03:30


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    """The token file of the shipped account, empty."""
    return TokenFile(tmp_path, "paper", upstox_settings())


def test_no_token_is_none_and_says_why(file: TokenFile) -> None:
    """A session may begin before the login; the first token that is stored is found by itself."""
    holder = TokenHolder(file, MovingClock().now)
    assert (holder.current(), holder.stored, holder.generation) == (None, None, 0)
    assert holder.trouble == "no access token for account paper"
    file.save(stored_token("one"))
    assert (holder.current(), holder.generation, holder.trouble) == ("one", 1, "")


def test_a_token_is_given_until_it_dies(file: TokenFile) -> None:
    """To the second of its expiry, by the clock given; afterwards nothing is sent with it."""
    clock = MovingClock()
    file.save(stored_token("one"))
    holder = TokenHolder(file, clock.now)
    clock.sleep(TO_EXPIRY_S - 1)
    assert holder.current() == "one"
    clock.sleep(1)
    assert holder.current() is None
    assert holder.trouble == "the access token expired at 03:30 IST"
    assert holder.stored is not None and holder.generation == 1


def test_a_dead_token_is_looked_for_again_when_the_file_changes(file: TokenFile) -> None:
    """A new login beside the session is enough; while the old one lives the file is not minded."""
    clock = MovingClock()
    file.save(stored_token("one"))
    holder = TokenHolder(file, clock.now)
    file.save(stored_token("two"))
    assert holder.current() == "one"
    clock.sleep(TO_EXPIRY_S)
    assert holder.current() is None  # "two" died at the same moment
    file.save(stored_token("three", now=clock.now()))
    assert (holder.current(), holder.generation) == ("three", 2)


def test_a_pushed_token_counts_at_once(file: TokenFile) -> None:
    """Replacing raises the generation; the same one again changes nothing."""
    file.save(stored_token("one"))
    holder = TokenHolder(file, MovingClock().now)
    holder.replace(stored_token("two"))
    holder.replace(stored_token("two"))
    assert (holder.current(), holder.generation) == ("two", 2)


def test_what_the_broker_refuses_is_dead(file: TokenFile) -> None:
    """After a 401 the token is not sent again; pushing the very same one is refused, a new one is taken."""
    file.save(stored_token("one"))
    holder = TokenHolder(file, MovingClock().now)
    holder.refused("one")
    assert holder.current() is None
    assert holder.trouble == "the broker no longer takes the access token"
    with pytest.raises(TokenError, match="the token that the broker no longer takes"):
        holder.replace(stored_token("one"))
    assert holder.current() is None
    holder.replace(stored_token("two"))
    assert (holder.current(), holder.generation, holder.trouble) == ("two", 2, "")


def test_a_refusal_of_an_older_token_does_not_kill_the_new_one(file: TokenFile) -> None:
    """An answer that was under way when the token was replaced says nothing about the new one."""
    file.save(stored_token("one"))
    holder = TokenHolder(file, MovingClock().now)
    holder.replace(stored_token("two"))
    holder.refused("one")
    assert holder.current() == "two"


def test_the_file_mends_a_refused_token(file: TokenFile) -> None:
    """A login after the refusal is found in the file; the refused one in it is not taken again."""
    file.save(stored_token("one"))
    holder = TokenHolder(file, MovingClock().now)
    holder.refused("one")
    file.save(stored_token("one"))
    assert holder.current() is None
    file.save(stored_token("two"))
    assert holder.current() == "two"


def test_another_persons_token_is_not_taken(file: TokenFile) -> None:
    """Neither pushed nor from the file: the session's book is of one account."""
    clock = MovingClock()
    file.save(stored_token("one"))
    holder = TokenHolder(file, clock.now)
    with pytest.raises(TokenError, match="the token is of XY99, the session is of VG0001") as caught:
        holder.replace(stored_token("two", user_id="XY99"))
    assert caught.value.hint == "log in as VG0001"
    assert holder.current() == "one"
    holder.refused("one")
    file.save(stored_token("two", user_id="XY99"))
    assert holder.current() is None


def test_a_dead_token_is_not_taken(file: TokenFile) -> None:
    """One that expired on its way changes nothing."""
    clock = MovingClock()
    holder = TokenHolder(file, clock.now)
    late = stored_token(jwt((TS + timedelta(seconds=5)).timestamp()))
    clock.sleep(5)
    with pytest.raises(TokenError, match="has expired"):
        holder.replace(late)
    assert (holder.current(), holder.generation) == (None, 0)


def test_a_file_made_private_again_is_read(file: TokenFile) -> None:
    """A lax file is refused and named; chmod 600 is all it takes."""
    file.save(stored_token("one"))
    file.path.chmod(0o644)
    holder = TokenHolder(file, MovingClock().now)
    assert holder.current() is None and "must be 0600" in holder.trouble
    file.path.chmod(0o600)
    assert holder.current() == "one"


def test_nothing_about_a_holder_shows_its_token(file: TokenFile) -> None:
    """repr names the file and the count alone."""
    file.save(stored_token("m4rk3r"))
    holder = TokenHolder(file, MovingClock().now)
    assert repr(holder) == f"TokenHolder({file.path}, generation 1)"
    assert "m4rk3r" not in repr(vars(holder))


def test_many_threads_see_whole_tokens(file: TokenFile) -> None:
    """While tokens are replaced each caller gets one of them or the other, never none and never a mixture."""
    file.save(stored_token("t0"))
    holder = TokenHolder(file, MovingClock().now)
    seen: set[str | None] = set()
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            seen.add(holder.current())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(1, 201):
        holder.replace(stored_token(f"t{number}"))
    done.set()
    for thread in threads:
        thread.join()
    assert holder.generation == 201
    assert seen <= {f"t{number}" for number in range(201)}
