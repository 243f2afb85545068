"""What is done with a token: stored and checked, looked at, handed over, given back."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from threading import Event

import httpx
import pytest

from tests.adapters.upstox.client_parts import MovingClock, bad, good
from tests.adapters.upstox.login_parts import (
    CODE,
    CREDENTIALS,
    LoginBroker,
    desk_of,
    jwt,
    stored_token,
)
from tests.fakes import TS, shipped
from volguard.adapters.clock import SystemClock
from volguard.adapters.control import ControlServer
from volguard.adapters.upstox.credentials import Secret
from volguard.adapters.upstox.rehearsal import API_KEY
from volguard.adapters.upstox.settings import rehearsal_overrides
from volguard.adapters.upstox.wire_login import TokenNotice
from volguard.config.roots import Root
from volguard.model.errors import ConfigError, TokenError, TryLater, UsageError
from volguard.operations.token import (
    TokenState,
    live_token,
    log_in_with_code,
    log_in_with_notice,
    log_in_with_token,
    log_out,
    open_desk,
    push,
    status_of,
)

PROFILE = "/v2/user/profile"


def notice(token: str = "token-one", **changes: str) -> TokenNotice:
    about = {"client_id": API_KEY, "user_id": "VG0001", "message_type": "access_token"}
    return TokenNotice(access_token=token, **(about | changes))


# --- logging in ---------------------------------------------------------------------------------------


def test_a_code_becomes_a_stored_and_confirmed_token(tmp_path: Path) -> None:
    """Exchanged, stored for this account and address, and the profile says whose it is."""
    broker = LoginBroker()
    desk = desk_of(broker, tmp_path)
    done = log_in_with_code(desk, CREDENTIALS, Secret(CODE))
    assert done.doubt == ""
    assert (done.stored.user_id, done.stored.user_name) == ("VG0001", "A TRADER")
    assert desk.file.load(TS) == done.stored
    assert broker.seen == [("POST", "/v2/login/authorization/token"), ("GET", PROFILE)]


def test_a_refused_code_leaves_the_stored_token(tmp_path: Path) -> None:
    """A login that fails does not take away the one that works."""
    desk = desk_of(LoginBroker(codes=set()), tmp_path)
    desk.file.save(stored_token("old"))
    with pytest.raises(TokenError, match="the code was used before"):
        log_in_with_code(desk, CREDENTIALS, Secret(CODE))
    assert desk.file.read().token == Secret("old")


@pytest.mark.parametrize(
    "answer", [httpx.Response(503), httpx.Response(403, content=b"error code: 1010"), bad(403, "UDAPI1154")]
)
def test_a_token_that_cannot_be_confirmed_now_stays(tmp_path: Path, answer: httpx.Response) -> None:
    """Its code is used up, and the exchange was the broker's word: it is stored with the doubt said."""
    desk = desk_of(LoginBroker(answers={PROFILE: answer}), tmp_path)
    done = log_in_with_code(desk, CREDENTIALS, Secret(CODE))
    assert done.doubt.startswith("not confirmed: profile")
    assert desk.file.read() == done.stored


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (bad(401, "UDAPI100050"), "the broker does not take the token"),
        (good({"user_id": "XY99", "exchanges": [], "is_active": True}), "came for VG0001 and is of XY99"),
        (good({"user_id": "VG0001", "exchanges": [], "is_active": False}), "VG0001 is not active"),
    ],
)
def test_a_token_that_the_broker_denies_is_not_kept(
    tmp_path: Path, answer: httpx.Response, said: str
) -> None:
    """Refused, another person's or of a closed account: nothing stays stored."""
    desk = desk_of(LoginBroker(answers={PROFILE: answer}), tmp_path)
    with pytest.raises(TokenError, match=said):
        log_in_with_code(desk, CREDENTIALS, Secret(CODE))
    assert desk.file.stamp() is None


def test_an_account_that_is_not_active_gets_no_token(tmp_path: Path) -> None:
    """The exchange itself says so: nothing is stored."""
    desk = desk_of(LoginBroker(is_active=False), tmp_path)
    with pytest.raises(TokenError, match="VG0001 is not active") as caught:
        log_in_with_code(desk, CREDENTIALS, Secret(CODE))
    assert "activate" in caught.value.hint
    assert desk.file.stamp() is None


def test_a_token_made_elsewhere_is_stored_once_it_is_known_whose_it_is(tmp_path: Path) -> None:
    """The broker's profile gives the person; a token it does not take is not stored."""
    broker = LoginBroker(tokens={"made-by-hand"})
    desk = desk_of(broker, tmp_path)
    done = log_in_with_token(desk, Secret("made-by-hand"))
    assert (done.stored.user_id, desk.file.read()) == ("VG0001", done.stored)
    with pytest.raises(TokenError, match="the broker does not take the token"):
        log_in_with_token(desk, Secret("unknown"))
    assert desk.file.read() == done.stored


def test_a_token_that_cannot_be_asked_about_is_not_taken(tmp_path: Path) -> None:
    """Nobody has vouched for it: without the broker's word it is not stored."""
    desk = desk_of(LoginBroker(answers={PROFILE: httpx.Response(503)}), tmp_path)
    with pytest.raises(TryLater, match="not confirmed"):
        log_in_with_token(desk, Secret("made-by-hand"))
    assert desk.file.stamp() is None


def test_a_token_that_died_on_its_way_is_not_stored(tmp_path: Path) -> None:
    """By its own word it is over."""
    dead = jwt((TS - timedelta(hours=1)).timestamp())
    desk = desk_of(LoginBroker(tokens={dead}), tmp_path)
    with pytest.raises(TokenError, match="the token that came died at 09:00"):
        log_in_with_token(desk, Secret(dead))
    assert desk.file.stamp() is None


def test_a_notice_counts_when_the_broker_confirms_it(tmp_path: Path) -> None:
    """Anyone can post one: its user must be the profile's, its app ours."""
    desk = desk_of(LoginBroker(tokens={"token-one"}), tmp_path)
    assert log_in_with_notice(desk, CREDENTIALS, notice()).stored == desk.file.read()
    desk.file.delete()
    for wrong, said in (
        (notice(client_id="other"), "for another app"),
        (notice(user_id="XY99"), "came for XY99 and is of VG0001"),
        (notice("forged"), "the broker does not take the token"),
    ):
        with pytest.raises(TokenError, match=said):
            log_in_with_notice(desk, CREDENTIALS, wrong)
    assert desk.file.stamp() is None


# --- looking and giving back --------------------------------------------------------------------------


def test_the_states_of_a_token(tmp_path: Path) -> None:
    """Missing, valid with what it has left, expired at the second of its end."""
    desk = desk_of(LoginBroker(), tmp_path)
    assert isinstance(desk.clock, MovingClock)
    assert (status_of(desk).state, status_of(desk).stored) == (TokenState.MISSING, None)
    desk.file.save(stored_token())
    assert (status_of(desk).state, status_of(desk).left_s) == (TokenState.VALID, 17.5 * 3600)
    assert live_token(desk) == stored_token()
    desk.clock.sleep(17.5 * 3600)
    assert (status_of(desk).state, status_of(desk).left_s) == (TokenState.EXPIRED, 0.0)
    with pytest.raises(TokenError, match="expired at 03:30"):
        live_token(desk)
    desk.file.path.chmod(0o644)
    with pytest.raises(TokenError, match="must be 0600"):
        status_of(desk)


def test_logging_out_ends_the_token_on_both_sides(tmp_path: Path) -> None:
    """The broker is told first, then the file goes; a second time there is nothing."""
    broker = LoginBroker(tokens={"token-one"})
    desk = desk_of(broker, tmp_path)
    desk.file.save(stored_token("token-one"))
    assert log_out(desk) is True
    assert (broker.tokens, desk.file.stamp()) == (set(), None)
    with pytest.raises(TokenError, match="no access token"):
        log_out(desk)


def test_a_token_that_the_broker_forgot_is_removed(tmp_path: Path) -> None:
    """Dead there already: only the file is left to go."""
    desk = desk_of(LoginBroker(), tmp_path)
    desk.file.save(stored_token())
    assert log_out(desk) is False
    assert desk.file.stamp() is None


def test_a_logout_that_was_not_heard_keeps_the_file(tmp_path: Path) -> None:
    """While the token may live, the way to end it stays."""
    desk = desk_of(LoginBroker(answers={"/v2/logout": httpx.Response(503)}), tmp_path)
    desk.file.save(stored_token())
    with pytest.raises(TryLater, match="not logged out"):
        log_out(desk)
    assert desk.file.stamp() is not None


# --- handing over -------------------------------------------------------------------------------------


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose paths are short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="vg") as name:
        yield Path(name)


@pytest.fixture
def journals(folder: Path) -> Iterator[tuple[Path, ...]]:
    """A session that takes tokens, one that needs none, and a journal without a session."""
    paths = tuple(folder / name for name in ("paper.db", "replay-1.db", "old.db"))
    servers = (ControlServer(paths[0], lambda _body: "ok: taken"), ControlServer(paths[1]))
    assert all(server.start() for server in servers)
    yield paths
    for server in servers:
        server.close()


def test_every_session_that_listens_is_asked(folder: Path, journals: tuple[Path, ...]) -> None:
    """One that takes the token is enough; each answer is given, a silent journal has none."""
    desk = desk_of(LoginBroker(), folder)
    desk.file.save(stored_token())
    answers = push(desk, journals)
    assert [(answer.journal.name, answer.is_taken) for answer in answers] == [
        ("paper.db", True),
        ("replay-1.db", False),
    ]
    assert answers[1].text == "refused: this session needs no token"


def test_nothing_runs_that_a_token_could_be_handed_to(folder: Path, journals: tuple[Path, ...]) -> None:
    """Later, once a session runs; and a session that refuses is not a session that took it."""
    desk = desk_of(LoginBroker(), folder)
    desk.file.save(stored_token())
    for none in ((), journals[2:]):
        with pytest.raises(TryLater, match="no session is running"):
            push(desk, none)
    with pytest.raises(UsageError, match=r"no session took the token: replay-1\.db: refused: this session"):
        push(desk, journals[1:2])


def test_a_missing_or_dead_token_is_not_handed_over(folder: Path, journals: tuple[Path, ...]) -> None:
    """Log in first."""
    desk = desk_of(LoginBroker(), folder)
    with pytest.raises(TokenError, match="no access token"):
        push(desk, journals)
    desk.file.save(stored_token())
    desk.clock.sleep(24 * 3600)
    with pytest.raises(TokenError, match="expired"):
        push(desk, journals)


# --- the desk -----------------------------------------------------------------------------------------


def root_at(folder: Path, *, is_packaged: bool = False) -> Root:
    return Root(path=folder, is_packaged=is_packaged, config_dir=folder / "config")


def test_the_desk_of_the_real_broker(tmp_path: Path) -> None:
    """The machine's clock, and the account's own file under the root's data folder."""
    desk = open_desk(shipped(), root_at(tmp_path), stopping=Event())
    assert isinstance(desk.clock, SystemClock)
    assert desk.file.path == tmp_path / "data" / ".token-paper.json"
    with closing(desk.connect(Secret("m4rk3r"))) as client:
        assert "m4rk3r" not in f"{client!r} {desk!r}"


def test_without_a_root_folder_no_real_token_is_kept(tmp_path: Path) -> None:
    """A token is not left in whatever folder the command was typed; a rehearsal's may be."""
    with pytest.raises(ConfigError, match="no root folder at or above"):
        open_desk(shipped(), root_at(tmp_path, is_packaged=True), stopping=Event())
    rehearsing = shipped(*rehearsal_overrides("http://127.0.0.1:8765"))
    transport = httpx.MockTransport(LoginBroker())
    desk = open_desk(rehearsing, root_at(tmp_path, is_packaged=True), stopping=Event(), transport=transport)
    assert desk.file.path.name == ".token-paper-127.0.0.1-8765.json"
    assert TS <= desk.read_clock() < TS + timedelta(minutes=5)
