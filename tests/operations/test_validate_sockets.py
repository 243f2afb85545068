"""A live look over real sockets: the look-alike served on this machine, the client with its own transport."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import time
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.operations.validate_scenes import row_of
from volguard.adapters.clock import SystemClock
from volguard.adapters.upstox.credentials import Secret
from volguard.adapters.upstox.settings import rehearsal_overrides
from volguard.adapters.upstox.token_store import TokenFile
from volguard.model.errors import TryLater
from volguard.operations.validate import is_connected
from volguard.operations.validate_context import ContextRequest, loaded_of, opened
from volguard.operations.validate_row import Verdict
from volguard.operations.validate_scene import Scene, root_at
from volguard.simulator.upstox_server.serve import Listeners, LookAlikeServer
from volguard.wiring import SourceRequest
from volguard.wiring.look_alike import LookAlikeRequest, open_look_alike


@dataclass(frozen=True, kw_only=True)
class Served:
    """A root folder, and the address of a look-alike that knows its token."""

    folder: Path
    address: str

    def request(self, address: str | None = None) -> ContextRequest:
        """A live look through that address."""
        return ContextRequest(
            root=root_at(self.folder),
            overrides=tuple(rehearsal_overrides(address or self.address)),
            preset=None,
            environ={},
            is_live=True,
            phase=None,
        )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A look-alike on real sockets at ten in the morning, and somebody logged in to it."""
    stop = Event()
    with ExitStack() as undo:
        scene = Scene(tmp_path_factory.mktemp("scene"), undo)
        folder = scene.folder()
        asked = LookAlikeRequest(source=SourceRequest(), start_at=time(10, 0))
        core = open_look_alike(asked, scene.settings, root_at(folder), SystemClock(stop)).core
        listeners = Listeners(0)
        undo.callback(listeners.close)
        server = LookAlikeServer(core, listeners)
        thread = Thread(target=server.run, args=(stop.is_set,))
        thread.start()
        undo.callback(thread.join)
        undo.callback(stop.set)
        made = Served(folder=folder, address=server.address.http)
        loaded = loaded_of(made.request())
        assert loaded is not None
        settings = loaded.settings
        stored = replace(scene.stand_in().stored_token(settings), token=Secret(core.issue_token()))
        TokenFile(folder / "data", settings.account.name, settings.upstox).save(stored)
        yield made


def test_connectivity_is_verified_over_real_sockets(served: Served) -> None:
    """REST answers, the feed shows its first picture, the portfolio stream stays open."""
    with opened(served.request()) as context:
        rows = [row_of(context, name) for name in ("clock_skew", "rest", "feed", "portfolio_stream", "token")]
    assert [(row.id, row.finding.reason) for row in rows if row.verdict is not Verdict.PASS] == []
    assert is_connected(rows)
    assert f"{context.at:%Y-%m-%d %H}" == "2026-09-16 10"  # the look-alike's time, not this machine's


def test_a_look_alike_that_is_away_has_no_time_to_check_at(served: Served) -> None:
    """Without the look-alike there is no clock: the call is refused with how to start one."""
    with pytest.raises(TryLater) as away, opened(served.request("http://127.0.0.1:9")):
        pass
    assert away.value.hint == "start one with volguard simulator serve"
