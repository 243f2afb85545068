"""The way back from the login page: what counts as its answer, and what is turned away."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx
import pytest

from volguard.adapters.upstox.credentials import Secret
from volguard.adapters.upstox.redirect import DONE, RedirectListener, read_pasted
from volguard.model.errors import TokenError, UsageError

REDIRECT = "http://127.0.0.1:5055/callback"
STATE = "state-of-this-login"
MARKER = "m4rk3r"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def waiting() -> Iterator[tuple[RedirectListener, str]]:
    url = f"http://127.0.0.1:{free_port()}/callback"
    with closing(RedirectListener(url, STATE)) as listener:
        yield listener, url


def get(url: str) -> httpx.Response:
    return httpx.get(url, trust_env=False)


def test_the_code_of_the_redirect_is_caught() -> None:
    """Code and state together: the page says that the window may be closed, without the code."""
    with waiting() as (listener, url):
        answer = get(f"{url}?code={MARKER}&state={STATE}")
        assert (answer.status_code, listener.arrival.value) == (200, Secret(MARKER))
        assert DONE in answer.text and MARKER not in answer.text
        assert str(listener.port) in url


def test_a_redirect_of_another_login_is_turned_away() -> None:
    """Without this login's state no code is taken, and the wait goes on."""
    with waiting() as (listener, url):
        for query in (f"code={MARKER}", f"code={MARKER}&state=other", f"code={MARKER}&state=", ""):
            answer = get(f"{url}?{query}")
            assert answer.status_code == 400 and MARKER not in answer.text
            assert listener.arrival.value is None
        get(f"{url}?code=good&state={STATE}")
        assert listener.arrival.value == Secret("good")


def test_other_paths_and_methods_are_nothing() -> None:
    """An icon, another path, a post: not the redirect."""
    with waiting() as (listener, url):
        base = url.removesuffix("/callback")
        assert get(f"{base}/favicon.ico").status_code == 404
        assert get(f"{base}/?code={MARKER}&state={STATE}").status_code == 404
        assert httpx.post(f"{url}?code={MARKER}&state={STATE}", trust_env=False).status_code == 404
        assert listener.arrival.value is None


@pytest.mark.parametrize(
    ("query", "said", "mend"),
    [
        ("error=access_denied&error_description=no+thanks", "access_denied no thanks", "open the login"),
        ("errorCode=UDAPI100068&message=Check", "redirect address is not the app's", "upstox.redirect_uri"),
        ("error_code=UDAPI100073", "the app or the account is not active", "activate"),
    ],
)
def test_a_refusal_of_the_page_ends_the_wait(query: str, said: str, mend: str) -> None:
    """What the login page says is told in the terminal, with its meaning and its mend."""
    with waiting() as (listener, url):
        assert get(f"{url}?{query}&state={STATE}").status_code == 400
        refusal = listener.arrival.value
    assert isinstance(refusal, TokenError)
    assert said in refusal.message and mend in refusal.hint


def test_a_refusal_without_a_state_is_shown_where_it_is() -> None:
    """It may be anybody's, so the wait goes on; the browser shows what it said, as text."""
    with waiting() as (listener, url):
        answer = get(f"{url}?error=%3Cscript%3Edenied")
        assert listener.arrival.value is None
    assert "&lt;script&gt;denied" in answer.text and "<script>" not in answer.text


@pytest.mark.parametrize(
    "query", ["", "code=", "code=a%20b", "code=%0d%0a", "more=1", "&".join(["a=1"] * 50)]
)
def test_neither_code_nor_reason(query: str) -> None:
    """A redirect that brings nothing usable leaves the wait as it was."""
    with waiting() as (listener, url):
        assert get(f"{url}?state={STATE}&{query}").status_code == 400
        assert listener.arrival.value is None


def test_a_second_redirect_changes_nothing() -> None:
    """A page that is loaded again brings the first code again, and the first counts."""
    with waiting() as (listener, url):
        for code in ("first", "second"):
            assert get(f"{url}?code={code}&state={STATE}").status_code == 200
        assert listener.arrival.value == Secret("first")


@pytest.mark.parametrize("url", ["https://example.org/callback", "https://127.0.0.1:5055/callback"])
def test_an_address_elsewhere_is_not_listened_on(url: str) -> None:
    """Only http on this machine is."""
    with pytest.raises(UsageError, match="cannot be listened on here"):
        RedirectListener(url, STATE)


def test_a_port_in_use_leaves_nothing_open() -> None:
    """The refusal names the port."""
    with waiting() as (_, url), pytest.raises(UsageError, match=r"nothing can listen on 127\.0\.0\.1 port"):
        RedirectListener(url, STATE)


@pytest.mark.parametrize(
    "text",
    [
        "mk404x",
        "  mk404x\n",
        f"{REDIRECT}?code=mk404x&state={STATE}",
        f"{REDIRECT}?state={STATE}&code=mk404x#done",
    ],
)
def test_a_paste_is_the_code_or_the_whole_address(text: str) -> None:
    """Both are read, whatever stands around them."""
    assert read_pasted(text, redirect_uri=REDIRECT, state=STATE) == Secret("mk404x")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"https://example.org/callback?code={MARKER}&state={STATE}", "neither a code nor an address at"),
        (f"http://127.0.0.1:5056/callback?code={MARKER}&state={STATE}", "neither a code nor an address at"),
        (f"{REDIRECT}/x?code={MARKER}&state={STATE}", "neither a code nor an address at"),
        (f"{MARKER} and more", "neither a code nor an address at"),
        (f"http://[{MARKER}", "no address"),
        ("", "neither a code nor an address at"),
        (f"{REDIRECT}?code={MARKER}", "another login"),
        (f"{REDIRECT}?code={MARKER}&state=other", "another login"),
        (f"{REDIRECT}?state={STATE}", "holds no code"),
        (f"{REDIRECT}?state={STATE}&code={MARKER}%20", "holds no code"),
        ("https://api.upstox.com/v2/login/authorization/dialog?client_id=k", "the login address itself"),
    ],
)
def test_a_bad_paste_is_named_and_not_quoted(text: str, said: str) -> None:
    """Each mistake has its own words and a hint; what was pasted is not shown."""
    with pytest.raises(UsageError, match=said) as caught:
        read_pasted(text, redirect_uri=REDIRECT, state=STATE)
    assert caught.value.hint
    assert MARKER not in f"{caught.value!r} {caught.value.hint}"


def test_a_paste_from_another_call_needs_no_state() -> None:
    """The login address was printed by a process that is gone: there is nothing to compare with."""
    text = f"{REDIRECT}?code=mk404x&state=whatever"
    assert read_pasted(text, redirect_uri=REDIRECT, state=None) == Secret("mk404x")


def test_a_pasted_refusal_is_one() -> None:
    """An address that carries the page's refusal is told as that."""
    with pytest.raises(TokenError, match="login refused: access_denied"):
        read_pasted(f"{REDIRECT}?error=access_denied&state={STATE}", redirect_uri=REDIRECT, state=STATE)


def test_a_redirect_address_without_a_path() -> None:
    """The root counts as its path, in the paste as in the listener."""
    assert read_pasted("http://127.0.0.1:5055/?code=c", redirect_uri="http://127.0.0.1:5055", state=None)
    url = f"http://127.0.0.1:{free_port()}"
    with closing(RedirectListener(url, STATE)) as listener:
        get(f"{url}/?code=c&state={STATE}")
        assert listener.arrival.value == Secret("c")
