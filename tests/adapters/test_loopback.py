"""The small listener: this machine alone, silent about what it is sent, and never held up."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import httpx
import pytest

from volguard.adapters.loopback import (
    BODY_BYTES_MAX,
    Arrival,
    LoopbackListener,
    Page,
    Visit,
    loopback_address,
)
from volguard.model.errors import UsageError

MARKER = "m4rk3r-of-a-code"


def echo_path(visit: Visit) -> Page:
    return Page(status=200, text=f"<{visit.method} {visit.path}>")


@contextmanager
def listening(answer: Callable[[Visit], Page] = echo_path, host: str = "127.0.0.1") -> Iterator[str]:
    with closing(LoopbackListener((host, 0), answer)) as listener:
        yield f"http://{host}:{listener.port}"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:5055/callback", ("127.0.0.1", 5055)),
        ("http://localhost/x", ("localhost", 80)),
        ("http://[::1]:9/", ("::1", 9)),
        ("https://127.0.0.1:5055/callback", None),  # there is no certificate for it
        ("http://192.168.1.2:5055/", None),
        ("http://127.0.0.1.example.org/", None),
        ("http://127.0.0.1:99999/", None),
        ("http://[::1/", None),
        ("", None),
        ("https://example.org/hook", None),
    ],
)
def test_only_http_on_this_machine_can_be_listened_on(url: str, address: tuple[str, int] | None) -> None:
    """Any other address is None, one that cannot be read too."""
    assert loopback_address(url) == address


def test_only_this_machines_own_addresses_are_bound() -> None:
    """Not even by mistake is anything open to the network."""
    for host in ("0.0.0.0", "", "192.168.1.2", "example.org"):
        with pytest.raises(UsageError, match="is not this machine's own"):
            LoopbackListener((host, 0), echo_path)


def test_a_visit_is_answered_by_a_page_that_keeps_nothing() -> None:
    """The text is escaped; the page is not stored, tells no other site where it was, and runs nothing."""
    with listening() as url:
        answer = httpx.get(f"{url}/a?b=1", trust_env=False)
    assert "&lt;GET /a&gt;" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["content-security-policy"] == "default-src 'none'"
    assert answer.headers["server"].strip() == "volguard"


def test_localhost_is_this_machine() -> None:
    """The name works as the number does."""
    with listening(host="localhost") as url:
        assert httpx.get(url.replace("localhost", "127.0.0.1"), trust_env=False).status_code == 200


def test_a_body_comes_whole_or_not_at_all() -> None:
    """A posted body is passed on; one that is too long, or of no stated length, is turned away."""
    seen: list[bytes] = []

    def note(visit: Visit) -> Page:
        seen.append(visit.body)
        return Page(status=200, text="")

    with listening(note) as url:
        assert httpx.post(url, content=b"{}", trust_env=False).status_code == 200
        long = b"x" * (BODY_BYTES_MAX + 1)
        assert httpx.post(url, content=long, trust_env=False).status_code == 413
        assert httpx.post(url, content=iter([b"x"]), trust_env=False).status_code == 413
    assert seen == [b"{}"]


def test_nothing_of_a_visit_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """Neither a good request, a bad one, nor an error in answering leaves a line."""

    def fail(_visit: Visit) -> Page:
        raise RuntimeError(MARKER)

    with listening() as url:
        httpx.get(f"{url}/callback?code={MARKER}", trust_env=False)
        httpx.put(f"{url}/callback?code={MARKER}", trust_env=False)
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as client:
            client.sendall(f"{MARKER}\r\n\r\n".encode())
            client.recv(1000)
    with listening(fail) as url, pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{url}/callback?code={MARKER}", trust_env=False)
    assert MARKER not in repr(Visit(method="GET", path="/", query=f"code={MARKER}", body=MARKER.encode()))
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("", "")


def test_an_idle_connection_holds_nobody_up() -> None:
    """Browsers open connections that they never use: others are answered meanwhile."""
    with listening() as url:
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)):
            assert httpx.get(url, timeout=2.0, trust_env=False).status_code == 200


def test_an_address_that_is_no_address_is_refused() -> None:
    """A request line that cannot be read is answered, not fatal."""
    with listening() as url:
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as client:
            client.sendall(b"GET http://[::1/ HTTP/1.0\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.0 400")
        assert httpx.get(url, trust_env=False).status_code == 200


def test_a_port_in_use_is_said() -> None:
    """A second listener on the same port names the port and what may hold it."""
    with listening() as url:
        port = int(url.rpartition(":")[2])
        with pytest.raises(UsageError, match=f"nothing can listen on 127.0.0.1 port {port}") as caught:
            LoopbackListener(("127.0.0.1", port), echo_path)
    assert "another volguard token" in caught.value.hint
    with closing(LoopbackListener(("127.0.0.1", port), echo_path)) as again:
        assert again.port == port


def test_what_arrives_first_stays() -> None:
    """Only the first value counts; select sees it at once."""
    with closing(Arrival[str]()) as arrival:
        assert select.select([arrival], [], [], 0.0)[0] == []
        assert arrival.put("one") and not arrival.put("two")
        assert select.select([arrival], [], [], 0.0)[0] == [arrival]
        assert arrival.value == "one"
