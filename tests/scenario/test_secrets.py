"""Secrets stay where they belong: searched for in everything that a login and a session leave behind."""

from __future__ import annotations

import gzip
import json
import logging
import secrets
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from urllib.request import urlopen

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.adapters.upstox.client_parts import MovingClock, bad, good, make_client, upstox_settings
from tests.adapters.upstox.login_parts import LoginBroker, desk_of, jwt, query_of
from tests.adapters.upstox.test_redirect import free_port
from tests.cli.command import PROJECT, TIMEOUT_S, command, environment, make_root, row_count, wait_for_rows
from tests.scenario.secret_search import (
    Search,
    all_logs,
    living,
    process_list,
    shared_temp,
    token_markers,
)
from volguard.adapters.control import ControlServer, listening
from volguard.adapters.loopback import Arrival
from volguard.adapters.upstox import auth, endpoints
from volguard.adapters.upstox.client import UpstoxClient
from volguard.adapters.upstox.credentials import KEY_VARIABLE, SECRET_VARIABLE, Secret, read_credentials
from volguard.adapters.upstox.endpoints import Band, Endpoint
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.redirect import RedirectListener
from volguard.adapters.upstox.rehearsal import API_SECRET
from volguard.adapters.upstox.token_holder import TokenHolder
from volguard.adapters.upstox.token_push import push_token, token_taker
from volguard.model.errors import VolguardError
from volguard.operations.token import log_in_with_code, status_of

SECRET_CALLS = tuple(
    call
    for call in vars(endpoints).values()
    if isinstance(call, Endpoint) and (call.needs_token or call.band is Band.LOGIN)
)
SHADOW = ("run", "--phase", "SHADOW", "--broker", "upstox")
CODE, APP_SECRET = "c0de" + secrets.token_hex(8), "app5ecret" + secrets.token_hex(12)


@pytest.fixture
def search() -> Search:
    """A search for one marker that exists nowhere else."""
    return Search({"the marker": "m4rk3r" + secrets.token_hex(12)})


def marker_of(search: Search) -> str:
    return search.markers["the marker"]


# --- the search finds what is there -------------------------------------------------------------------


def test_the_search_finds_a_marker_in_every_kind_of_file(search: Search, tmp_path: Path) -> None:
    """Plain, in a database and in its blobs, packed, in Parquet and in its metadata, in a name."""
    marker = marker_of(search)
    (tmp_path / "log.txt").write_text(f"bearer {marker}!")
    (tmp_path / "day.json.gz").write_bytes(gzip.compress(marker.encode()))
    with zipfile.ZipFile(tmp_path / "day.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("inside", marker * 3)
    for name, cell in (("text.db", marker), ("blob.db", b"MAGIC" + zlib.compress(marker.encode() * 9))):
        with closing(sqlite3.connect(tmp_path / name)) as connection, connection:
            connection.execute("CREATE TABLE t (c)")
            connection.execute("INSERT INTO t VALUES (?)", (cell,))
    table = pa.table({"c": [marker] * 100})
    pq.write_table(table, tmp_path / "rows.parquet")
    pq.write_table(pa.table({"c": [1]}).replace_schema_metadata({"m": marker}), tmp_path / "meta.parquet")
    (tmp_path / f"{marker}.txt").touch()
    (tmp_path / "clean.txt").write_text("nothing here")
    search.folder(tmp_path)
    named = {
        word for leak in search.found for word in ("log.txt", "day.json.gz", "day.zip:inside") if word in leak
    }
    assert named == {"log.txt", "day.json.gz", "day.zip:inside"}
    for name in ("text.db", "blob.db", "rows.parquet", "meta.parquet", f"{marker}.txt"):
        assert any(name in leak for leak in search.found), name
    assert not any("clean.txt" in leak for leak in search.found)


def test_a_file_that_is_meant_to_hold_it_is_left_out(search: Search, tmp_path: Path) -> None:
    """Only that very file: a copy beside it is found."""
    for name in ("token", "token.copy"):
        (tmp_path / name).write_text(marker_of(search))
    search.folder(tmp_path, but=[tmp_path / "token"])
    assert search.found == [f"the marker in {tmp_path / 'token.copy'}"]


@pytest.mark.parametrize("shift", [0, 1, 2, 3])
def test_the_search_finds_what_was_packed(search: Search, shift: int) -> None:
    """In hex, in base64 at any offset, escaped for an address, cut in halves."""
    marker = marker_of(search)
    raw = b"x" * shift + marker.encode() + b"y" * 5
    for text in (raw.hex(), b64encode(raw), marker[: len(marker) // 2], marker[len(marker) // 2 :]):
        search.found.clear()
        search.text("here", text)
        assert search.found == ["the marker in here"]
    assert Search({"odd": "a b/c d/e+f"}).markers
    odd = Search({"odd": "a b/c d/e+f"})
    odd.text("an address", "x?y=a%20b%2Fc%20d%2Fe%2Bf")
    assert odd.found == ["odd in an address"]


def test_the_search_finds_what_hangs_on_an_error(search: Search) -> None:
    """In a hint, in an attribute, in an error that was hidden behind another."""
    marker = marker_of(search)
    with pytest.raises(VolguardError) as caught:
        try:
            raise ValueError(marker)
        except ValueError:
            raise VolguardError("plain", hint="none") from None
    search.error(caught.value)
    assert search.found == ["the marker in ValueError"]
    search.found.clear()
    search.error(VolguardError("plain", hint=marker))
    assert search.found == ["the marker in VolguardError"]


def test_the_search_finds_objects_logs_processes_and_temporary_files(search: Search) -> None:
    """A careless class, a debug line, a word on a command line, a file in the shared folder."""
    marker = marker_of(search)

    class Careless:
        def __init__(self) -> None:
            self.itself = [self]  # what refers to others is what the collector knows

        def __repr__(self) -> str:
            return marker

    careless = Careless()
    search.objects(Careless.__module__)
    assert careless.itself and any("repr of a" in leak for leak in search.found)
    search.found.clear()
    with all_logs(search):
        logging.getLogger("some.library").debug("sent %s", marker)
    assert search.found == ["the marker in a log of some.library"]
    search.found.clear()
    with process_list(search), shared_temp(search), tempfile.NamedTemporaryFile() as file:
        file.write(marker.encode())
        file.flush()
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.3)", marker], check=True)
    assert {leak.split(" ")[4] for leak in search.found} == {"command", "shared"}


# --- calls --------------------------------------------------------------------------------------------


def answers(search: Search) -> Iterator[httpx.Response | httpx.HTTPError]:
    """What a broker, a gateway or a network may say, each showing the secret that it was sent."""
    marker = marker_of(search)
    page = f"<html>{marker}</html>".encode()
    yield from (bad(status, "UDAPI100050", f"no {marker}") for status in (400, 401, 403, 423, 429, 500))
    yield from (httpx.Response(status, content=page) for status in (200, 302, 403, 502))
    yield good({"user_id": marker, marker: marker})
    yield httpx.Response(200, content=b'{"status": "' + marker.encode())
    yield httpx.Response(200, headers={"Date": marker, marker: "x"}, content=b"")
    for kind in (httpx.ConnectError, httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError):
        yield kind(f"sending {marker} failed")


@pytest.mark.parametrize("endpoint", SECRET_CALLS, ids=lambda endpoint: endpoint.name)
def test_no_failure_of_any_call_shows_what_was_sent(endpoint: Endpoint, search: Search) -> None:
    """Token, code and secret show in no error, whatever comes back, nor in any library's log."""
    marker = marker_of(search)
    for answer in answers(search):

        def give(request: httpx.Request, answer: httpx.Response | httpx.HTTPError = answer) -> httpx.Response:
            if isinstance(answer, httpx.HTTPError):
                answer.request = request
                raise answer
            return answer

        client = make_client(give, token=lambda: marker, clock=MovingClock())
        places = dict.fromkeys(("client_id", "date", "exchange", "key", "unit", "interval"), "x")
        places |= dict.fromkeys(("to_date", "from_date"), "2026-09-16")
        form = {"client_secret": marker, "code": marker} if endpoint.band is Band.LOGIN else None
        with all_logs(search):
            try:
                client.call(endpoint, path=places, form=form)
            except ApiFailure as failure:
                search.error(failure)
        search.text("the client", repr(client))
        client.close()
    assert {"ApiFailure", "the traceback", "the client"} <= search.places
    assert search.found == []


def test_no_failure_of_a_login_shows_what_was_sent(search: Search, tmp_path: Path) -> None:
    """The whole exchange with each of those answers: what the operator reads is clean."""
    marker = marker_of(search)
    credentials = read_credentials({KEY_VARIABLE: "key", SECRET_VARIABLE: marker}, tmp_path / ".env")
    failures = 0
    for path in ("/v2/login/authorization/token", "/v2/user/profile"):
        for answer in answers(search):
            if isinstance(answer, httpx.HTTPError):
                continue
            broker = LoginBroker(token=marker, codes={marker}, answers={path: answer})
            desk = desk_of(broker, tmp_path)
            try:
                log_in_with_code(desk, credentials, Secret(marker))
            except VolguardError as error:
                failures += 1
                search.error(error)
            search.text("the desk", repr(desk))
    assert failures >= 10
    assert search.found == []


# --- objects ------------------------------------------------------------------------------------------


def test_no_object_of_a_login_or_a_session_shows_a_secret() -> None:
    """Every object that a login and a push made, and every log line of them: no repr shows one."""
    before = living()
    token, newer = jwt(1789596000, jti=secrets.token_hex(12)), jwt(1789596000, jti=secrets.token_hex(12))
    markers = {"the secret": APP_SECRET, "the code": CODE}
    search = Search(markers | token_markers("the token", token) | token_markers("the newer token", newer))
    broker = LoginBroker(token=token, codes={CODE}, app_secret=APP_SECRET)
    with ExitStack() as opened, tempfile.TemporaryDirectory(prefix="vg") as name:
        folder = Path(name)
        opened.enter_context(all_logs(search))
        env_file = folder / ".env"
        env_file.touch(0o600)
        env_file.write_text(f"{KEY_VARIABLE}=key\n{SECRET_VARIABLE}={APP_SECRET}\n")
        credentials = read_credentials({}, env_file)
        desk = desk_of(broker, folder)
        listener = opened.enter_context(
            closing(RedirectListener(f"http://127.0.0.1:{free_port()}/x", "state-1"))
        )
        with urlopen(f"http://127.0.0.1:{listener.port}/x?code={CODE}&state=state-1") as page:
            search.text("the page", page.read())
        arrival: Arrival[object] = listener.arrival  # type: ignore[assignment]
        assert arrival.value == Secret(CODE)
        done = log_in_with_code(desk, credentials, Secret(CODE))
        holder = TokenHolder(desk.file, desk.read_clock)
        client = opened.enter_context(
            closing(
                UpstoxClient(
                    upstox_settings(), token=holder.current, clock=desk.clock, transport=desk.transport
                )
            )
        )
        auth.who_is(client)
        journal = folder / "paper.db"
        server = ControlServer(
            journal, token_taker(holder, account="paper", settings=desk.settings, on_taken=lambda _new: None)
        )
        assert server.start()
        opened.callback(server.close)
        pushed = log_in_with_code(
            desk_of(LoginBroker(token=newer, codes={CODE}, app_secret=APP_SECRET), folder),
            credentials,
            Secret(CODE),
        )
        search.text("the session's answer", push_token(journal, pushed.stored) or "")
        assert holder.current() == newer
        held = [credentials, desk, listener, done, holder, client, server, pushed, status_of(desk)]
        search.objects("volguard.", but=before)
        search.text("all of them together", repr(held))
        search.folder(folder, but=[desk.file.path, env_file])
    for place in (
        "repr of a volguard.adapters.upstox.token_holder.TokenHolder",
        "a log of httpx",
        "the page",
    ):
        assert place in search.places
    assert search.found == []


# --- a rehearsal over real sockets --------------------------------------------------------------------


class Rehearsal:
    """A look-alike and commands against it, as processes; all that they say is kept and searched."""

    def __init__(self, search: Search, root: Path, temp: Path) -> None:
        self.search, self.root = search, root
        self.started: list[subprocess.Popen[str]] = []
        settings = root / "config" / "volguard.toml"
        settings.write_text(settings.read_text().replace(":5055/", f":{free_port()}/"))
        own = search.markers["the operator's own secret"]
        self.variables = environment() | {SECRET_VARIABLE: own, "TMPDIR": str(temp)}
        self.server = self.begin("simulator", "serve", "--port", "0", "--start", "10:00", "--json")
        assert self.server.stdout is not None
        told = "".join(iter(self.server.stdout.readline, "}\n"))
        self.url = json.loads(f"{told}}}")["base_url"]

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        process = subprocess.Popen(
            command(*words, root=self.root),
            cwd=PROJECT,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def finish(self, process: subprocess.Popen[str], *codes: int) -> str:
        """Wait for a command's end with one of these codes, search what it said, give its output."""
        out, err = process.communicate(timeout=TIMEOUT_S)
        self.search.text(f"what {process.args!r} said", out + err)
        assert process.returncode in (codes or (0,)), err
        return out

    def do(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run a command against the look-alike to its end."""
        return self.finish(self.begin(*words, "--base-url", self.url), *codes)

    def log_in(self, number: int) -> None:
        """The ritual, walked by a browser of ours; code and token are markers from then on."""
        process = self.begin("token", "--base-url", self.url)
        assert process.stderr is not None
        said = [process.stderr.readline() for _ in range(3)]
        address = next(line.strip() for line in said if "/dialog?" in line)
        page = httpx.get(f"{address}&approve=auto", trust_env=False)
        back = page.headers["location"]
        self.search.add({f"code {number}": query_of(back)["code"]})
        with suppress(httpx.HTTPError):
            self.search.text("the last page", httpx.get(back, trust_env=False).content)
        self.search.text("the login's words", "".join(said))
        self.finish(process)
        token = json.loads(self.token_file.read_text())["access_token"]
        self.search.add(token_markers(f"token {number}", token))

    @property
    def token_file(self) -> Path:
        """The one place where the token may be."""
        (path,) = (self.root / "data").glob(".token-*.json")
        return path

    def end(self) -> None:
        """Whatever came before: nothing of it goes on."""
        for process in self.started:
            process.kill()
            process.communicate()

    def stop(self, process: subprocess.Popen[str]) -> None:
        """Ctrl-C, and what was said until then."""
        process.send_signal(signal.SIGINT)
        self.finish(process, 130)


def test_a_rehearsal_over_sockets_leaves_no_secret_anywhere() -> None:
    """Serve, log in, validate, run, log in again, push, stop, read the journal: the token file alone has it.

    Searched: what every command said, journals and reports, every file of the root, the process list while
    it went on, and what appeared in the shared temporary folder.
    """
    search = Search({"the operator's own secret": "0wn5ecret" + secrets.token_hex(12)})
    with ExitStack() as opened, tempfile.TemporaryDirectory(prefix="vg") as name:
        root, temp = Path(name) / "root", Path(name) / "temp"
        root.mkdir()
        temp.mkdir()
        opened.enter_context(process_list(search))
        opened.enter_context(shared_temp(search, temp))
        rehearsal = Rehearsal(search, make_root(root), temp)
        opened.callback(rehearsal.end)
        search.add({"the look-alike's secret": API_SECRET})
        rehearsal.log_in(1)
        rehearsal.do("token", "--status", "--json")
        session = rehearsal.begin(
            "run", "--phase", "SHADOW", "--broker", "upstox", "--base-url", rehearsal.url
        )
        assert wait_for_session(session, root)
        rehearsal.log_in(2)
        assert "ok: VG0001" in rehearsal.do("token", "--push")
        rehearsal.do("validate", "--live", codes=(0, 3))  # whatever it finds
        (journal,) = (root / "journal").glob("*.db")
        assert wait_for_rows(session, journal, row_count(journal) + 2)
        rehearsal.stop(session)
        rehearsal.finish(rehearsal.begin("journal", "show", "--limit", "0"))
        rehearsal.do("token", "--logout")
        rehearsal.server.send_signal(signal.SIGINT)
        out, err = rehearsal.server.communicate(timeout=TIMEOUT_S)
        search.text("what the look-alike said later", out + err)
        search.folder(root)
    for kind in (
        "the command line of",
        ".db:events",
        ".html",
        ".gz unpacked",
        "journal', 'show'",
        "'--push'",
    ):
        assert any(kind in place for place in search.places), kind
    assert len(search.markers) >= 8
    assert search.found == []


def wait_for_session(session: subprocess.Popen[str], root: Path) -> bool:
    """Wait until a session listens beside its journal."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline and session.poll() is None:
        if listening(root / "journal"):
            return True
        time.sleep(0.02)
    return False
