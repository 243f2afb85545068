"""`volguard token` as the operator and as a script use it: exit codes, what is shown, what never is."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.adapters.upstox.client_parts import bad
from tests.adapters.upstox.login_parts import CODE, LoginBroker, jwt, on_a_port, query_of, stored_token
from tests.adapters.upstox.test_redirect import free_port
from tests.cli.command import PROJECT, TIMEOUT_S, Done, command, environment, make_root
from tests.fakes import TS
from volguard.adapters.control import ControlServer
from volguard.adapters.upstox.token_store import encode_token
from volguard.cli.app import app
from volguard.model.errors import UsageError

MARKER = "m4rk3r-of-a-secret"
DIES = "2026-09-17T03:30:00+05:30"


@pytest.fixture
def root() -> Iterator[Path]:
    """A root folder whose paths are short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="vg") as folder:
        yield make_root(Path(folder))


@pytest.fixture
def broker() -> LoginBroker:
    """A broker whose token is one that must never show."""
    return LoginBroker(token=jwt(1789596000, jti=MARKER))


@pytest.fixture
def url(broker: LoginBroker) -> Iterator[str]:
    """Where it answers."""
    with on_a_port(broker) as address:
        yield address


def begin(root: Path, *words: str, stdin: int = subprocess.PIPE, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("token", *words, root=root),
        cwd=PROJECT,
        env=environment() | variables,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def token(root: Path, *words: str, given: str = "", **variables: str) -> Done:
    process = begin(root, *words, **variables)
    out, err = process.communicate(given, timeout=TIMEOUT_S)
    return Done(code=process.returncode, out=out, err=err)


def file_of(root: Path, url: str) -> Path:
    return root / "data" / f".token-paper-127.0.0.1-{url.rpartition(':')[2]}.json"


def store(root: Path, url: str, text: str = MARKER) -> Path:
    path = file_of(root, url)
    path.parent.mkdir(exist_ok=True)
    path.touch(0o600)
    path.write_bytes(encode_token(stored_token(text, base_url=url, now=TS)))
    return path


def read_until(stream: int, pattern: str) -> str:
    """What a process says until it has said this."""
    text, deadline = "", time.monotonic() + TIMEOUT_S
    while not re.search(pattern, text):
        assert time.monotonic() < deadline, text
        if select.select([stream], [], [], 0.1)[0]:
            part = os.read(stream, 65536)
            assert part, text
            text += part.decode()
    return text


def test_the_morning_ritual(root: Path, broker: LoginBroker, url: str) -> None:
    """The printed address is opened elsewhere; the redirect is caught, the token stored, the person named."""
    port = free_port()
    redirect = f'upstox.redirect_uri="http://127.0.0.1:{port}/callback"'
    process = begin(root, "--base-url", url, "--set", redirect, "--json")
    assert process.stderr is not None
    said = read_until(process.stderr.fileno(), r"waiting for the redirect")
    asked = query_of(next(line for line in said.splitlines() if "/dialog?" in line))
    page = httpx.get(f"{asked['redirect_uri']}?code={CODE}&state={asked['state']}", trust_env=False)
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, page.status_code) == (0, 200), err
    document = json.loads(out)
    assert document["schema"] == "volguard.token/1"
    assert (document["state"], document["user_id"], document["expires_at"]) == ("valid", "VG0001", DIES)
    assert document["is_confirmed"] is True and document["is_rehearsal"] is True
    path = file_of(root, url)
    assert document["file"] == str(path) and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["access_token"] == broker.token
    assert not (root / "data" / ".token-paper.json").exists()
    for text in (broker.token, CODE):
        assert text not in said + out + err + page.text


def test_the_ritual_in_words(root: Path, broker: LoginBroker, url: str) -> None:
    """A code from stdin: who is logged in, until when, how long that is, and where it is kept."""
    done = token(root, "--base-url", url, "--code", "-", given=f"{CODE}\n")
    assert done.code == 0, done.err
    first, second = done.out.splitlines()
    assert first.startswith("logged in as VG0001 (A TRADER) until 03:30 IST on Thu 17 Sep 2026, 17 h 29 min")
    assert second == f"stored in {file_of(root, url)}"
    assert broker.token not in done.out + done.err


def test_a_terminal_takes_a_paste(root: Path, url: str) -> None:
    """At a terminal the code can be pasted while the listener waits; a wrong paste may be mended."""
    master, slave = pty.openpty()
    redirect = f'upstox.redirect_uri="http://127.0.0.1:{free_port()}/callback"'
    process = begin(root, "--base-url", url, "--set", redirect, stdin=slave)
    os.close(slave)
    assert process.stderr is not None
    read_until(process.stderr.fileno(), "or paste here")
    os.write(master, b"not a code\n")
    read_until(process.stderr.fileno(), "neither a code nor an address")
    os.write(master, f"{CODE}\n".encode())
    out, err = process.communicate(timeout=TIMEOUT_S)
    os.close(master)
    assert process.returncode == 0, err
    assert out.startswith("logged in as VG0001")


def test_ctrl_c_leaves_cleanly(root: Path, url: str) -> None:
    """The wait is left at once with 130, without a traceback and without a token."""
    redirect = f'upstox.redirect_uri="http://127.0.0.1:{free_port()}/callback"'
    process = begin(root, "--base-url", url, "--set", redirect)
    assert process.stderr is not None
    read_until(process.stderr.fileno(), "waiting for the redirect")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, out, err) == (130, "", "")
    assert not file_of(root, url).exists()


def test_the_wait_ends(root: Path, url: str) -> None:
    """Nobody logs in: exit 4 after the time that was given."""
    redirect = f'upstox.redirect_uri="http://127.0.0.1:{free_port()}/callback"'
    done = token(root, "--base-url", url, "--set", redirect, "--timeout", "1")
    assert done.code == 4
    assert "error: no login within 1 seconds" in done.err


def test_off_a_terminal_a_foreign_redirect_needs_stdin(root: Path, url: str) -> None:
    """Exit 2; the address to open and the way to give the code are both said."""
    redirect = 'upstox.redirect_uri="https://example.org/callback"'
    done = token(root, "--base-url", url, "--set", redirect)
    assert done.code == 2
    assert "/v2/login/authorization/dialog?" in done.err and "volguard token --code -" in done.err
    text = f"https://example.org/callback?code={CODE}&state=x"
    assert token(root, "--base-url", url, "--set", redirect, "--code", "-", given=text).code == 0


@pytest.mark.parametrize("option", ["--code", "--token"])
def test_nothing_secret_is_taken_from_the_command_line(root: Path, option: str) -> None:
    """Process lists are public: anything but - is refused before it is used, and is not repeated."""
    with pytest.raises(UsageError, match=f"{option} takes only - for stdin") as caught:
        app(["token", option, MARKER, "--root", str(root)], standalone_mode=False)
    assert caught.value.hint == f"volguard token {option} -"
    assert MARKER not in repr(caught.value)


def test_refusals_keep_their_exit_codes(root: Path, broker: LoginBroker, url: str) -> None:
    """A used code is 4 with the meaning and the mend; a broker that is away is 75."""
    done = token(root, "--base-url", url, "--code", "-", "--json", given="used-up")
    assert done.code == 4
    assert done.error["kind"] == "TokenError" and "the code was used before" in done.error["error"]
    assert "every code works once" in done.error["hint"]
    broker.answers["/v2/login/authorization/token"] = httpx.Response(503)
    assert token(root, "--base-url", url, "--code", "-", given=CODE).code == 75
    away = token(root, "--base-url", f"http://127.0.0.1:{free_port()}", "--status")
    assert away.code == 75 and "volguard simulator serve" in away.err


def test_status_is_an_exit_code(root: Path, url: str) -> None:
    """0 with the time left while the token lives, 4 when there is none."""
    none = token(root, "--base-url", url, "--status", "--json")
    assert (none.code, none.document["state"]) == (4, "missing")
    assert "hint: volguard token" in token(root, "--base-url", url, "--status").err
    store(root, url)
    held = token(root, "--base-url", url, "--status", "--json")
    assert (held.code, held.document["state"], held.document["expires_at"]) == (0, "valid", DIES)
    assert 0 <= 17.5 * 3600 - held.document["left_s"] < 60
    words = token(root, "--base-url", url, "--status")
    assert words.code == 0 and words.out.startswith("logged in as VG0001 (A) until 03:30 IST on Thu 17 Sep")
    assert MARKER not in held.out + held.err + words.out + words.err


def test_status_of_a_dead_token(root: Path, broker: LoginBroker, url: str) -> None:
    """4 with the moment of its end, by the look-alike's clock."""
    store(root, url)
    broker.answers["/lookalike/clock"] = httpx.Response(200, json={"now": DIES, "speed": 1.0})
    done = token(root, "--base-url", url, "--status", "--json")
    assert (done.code, done.document["state"], done.document["left_s"]) == (4, "expired", 0)
    words = token(root, "--base-url", url, "--status")
    assert words.code == 4 and words.out.startswith("the token of VG0001 (A) expired at 03:30 IST on")


def test_a_file_that_others_can_read_is_refused(root: Path, url: str) -> None:
    """Status, push and print-env all refuse it with the mend."""
    store(root, url).chmod(0o640)
    for words in (("--status",), ("--push",), ("--print-env", "--yes"), ("--logout",)):
        done = token(root, "--base-url", url, *words)
        assert done.code == 4 and "chmod 600" in done.err
        assert MARKER not in done.out + done.err


def test_push_hands_the_token_to_the_session(root: Path, url: str) -> None:
    """75 when none runs; 0 with the session's answer; 2 when the one that runs refuses."""
    store(root, url)
    assert token(root, "--base-url", url, "--push").code == 75
    journal = root / "journal" / "paper.db"
    journal.parent.mkdir()
    taken: list[bytes] = []
    server = ControlServer(journal, lambda body: f"ok: {len(taken) or taken.append(body) or 'taken'}")
    assert server.start()
    done = token(root, "--base-url", url, "--push")
    assert (done.code, done.out) == (0, "paper.db: ok: taken\n"), done.err
    assert json.loads(taken[0])["access_token"] == MARKER
    named = token(root, "--base-url", url, "--push", "--journal", str(journal), "--json")
    assert named.document["pushed"] == [{"journal": str(journal), "is_taken": True, "answer": "ok: 1"}]
    server.close()
    refusing = ControlServer(journal)
    assert refusing.start()
    refused = token(root, "--base-url", url, "--push")
    refusing.close()
    assert refused.code == 2 and "this session needs no token" in refused.err
    for said in (done, named, refused):
        assert MARKER not in said.out + said.err


def test_a_login_may_push_at_once(root: Path, broker: LoginBroker, url: str) -> None:
    """The new token is the one that is handed over, in one document."""
    store(root, url)
    journal = root / "journal" / "paper.db"
    journal.parent.mkdir()
    taken: list[str] = []
    server = ControlServer(journal, lambda body: f"ok {taken.append(json.loads(body)['access_token'])}")
    assert server.start()
    done = token(root, "--base-url", url, "--code", "-", "--push", "--json", given=CODE)
    server.close()
    assert done.code == 0, done.err
    assert taken == [broker.token]
    assert done.document["state"] == "valid" and done.document["pushed"][0]["is_taken"]


def test_the_token_is_shown_only_where_that_is_meant(root: Path, url: str) -> None:
    """To a pipe only with --yes; to a terminal as a line for the shell."""
    store(root, url)
    refused = token(root, "--base-url", url, "--print-env")
    assert refused.code == 2 and MARKER not in refused.out + refused.err and "--yes" in refused.err
    assert token(root, "--base-url", url, "--print-env", "--json", "--yes").code == 2
    meant = token(root, "--base-url", url, "--print-env", "--yes")
    assert (meant.code, meant.out) == (0, f"export VOLGUARD_UPSTOX_TOKEN={MARKER}\n")
    master, slave = pty.openpty()
    words = command("token", "--base-url", url, "--print-env", root=root)
    done = subprocess.run(words, cwd=PROJECT, env=environment(), stdout=slave, timeout=TIMEOUT_S)
    assert done.returncode == 0
    assert MARKER in os.read(master, 4096).decode()
    os.close(slave)
    os.close(master)


def test_logging_out(root: Path, broker: LoginBroker, url: str) -> None:
    """A running session is not robbed of its token without --yes; afterwards token and file are gone."""
    path = store(root, url)
    broker.tokens.add(MARKER)
    journal = root / "journal" / "paper.db"
    journal.parent.mkdir()
    server = ControlServer(journal)
    assert server.start()
    refused = token(root, "--base-url", url, "--logout")
    assert refused.code == 2 and "the session of paper.db may be using the token" in refused.err
    assert path.exists() and broker.tokens
    done = token(root, "--base-url", url, "--logout", "--yes", "--json")
    server.close()
    assert (done.code, done.document["state"]) == (0, "logged_out")
    assert not path.exists() and not broker.tokens
    assert token(root, "--base-url", url, "--logout").code == 4


def test_a_token_made_elsewhere_comes_by_stdin(root: Path, broker: LoginBroker, url: str) -> None:
    """Checked with the broker before it is stored."""
    broker.tokens.add(MARKER)
    done = token(root, "--base-url", url, "--token", "-", given=f"{MARKER}\n")
    assert done.code == 0, done.err
    assert MARKER in file_of(root, url).read_text() and MARKER not in done.out + done.err
    broker.answers["/v2/user/profile"] = bad(401, "UDAPI100050")
    assert token(root, "--base-url", url, "--token", "-", given="other").code == 4


def test_a_request_for_the_phone(root: Path, broker: LoginBroker, url: str) -> None:
    """A notifier on another machine: what was asked for and how to go on, nothing handed to a session."""
    broker.notifier_url = "https://hook.example.org/x"
    done = token(root, "--base-url", url, "--request", "--push", "--json")
    assert done.code == 0, done.err
    assert (done.document["state"], done.document["notifier_host"]) == ("requested", "hook.example.org")
    assert "pushed" not in done.document
    assert "volguard token --token -" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ("--status", "--push"),
        ("--status", "--logout"),
        ("--open", "--request"),
        ("--code", "-", "--token", "-"),
        ("--print-env", "--open"),
    ],
)
def test_one_thing_at_a_time(root: Path, words: tuple[str, ...]) -> None:
    """Two errands in one call are refused before anything is done."""
    with pytest.raises(UsageError, match="more than one thing was asked for") as caught:
        app(["token", *words, "--root", str(root)], standalone_mode=False)
    assert "--push may stand alone" in caught.value.hint


def test_the_real_broker_needs_key_and_secret(root: Path) -> None:
    """Neither in the environment nor in .env: both are named; a lax .env is refused; nothing is sent."""
    done = token(root, "--code", "-", given=CODE)
    assert done.code == 2 and "VOLGUARD_UPSTOX_API_KEY and VOLGUARD_UPSTOX_API_SECRET" in done.err
    env_file = root / ".env"
    env_file.write_text(f"VOLGUARD_UPSTOX_API_KEY=k\nVOLGUARD_UPSTOX_API_SECRET={MARKER}\n")
    env_file.chmod(0o644)
    lax = token(root, "--code", "-", given=CODE)
    assert lax.code == 2 and f"chmod 600 {env_file}" in lax.err and MARKER not in lax.err
    env_file.chmod(0o600)
    bad_paste = token(root, "--code", "-", given="not a code")
    assert bad_paste.code == 2 and "neither a code nor an address" in bad_paste.err


def test_a_real_token_needs_a_root_folder(tmp_path: Path) -> None:
    """Away from any root nothing is stored in whatever folder this is."""
    done = subprocess.run(
        command("token", "--status"),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 2 and "no root folder at or above" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_rehearsal_never_sends_the_operators_key(root: Path, url: str) -> None:
    """The look-alike gets its own key and secret whatever is in the environment and in .env."""
    env_file = root / ".env"
    env_file.write_text(f"VOLGUARD_UPSTOX_API_KEY={MARKER}\nVOLGUARD_UPSTOX_API_SECRET={MARKER}\n")
    env_file.chmod(0o644)
    variables = {"VOLGUARD_UPSTOX_API_KEY": MARKER, "VOLGUARD_UPSTOX_API_SECRET": MARKER}
    done = token(root, "--base-url", url, "--code", "-", given=CODE, **variables)
    assert done.code == 0, done.err  # the look-alike takes its own alone
