"""The broker's side in the museum: a look-alike whose writes are counted, and an exchange that is silent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from tests.adapters.upstox.broker_parts import OverLookAlike
from tests.fakes import TS
from volguard.model.decision import Approved
from volguard.model.event import OrderUpdated
from volguard.simulator.upstox_server.faults import FaultName, FaultRule
from volguard.simulator.upstox_server.messages import Request, Response


class Watched(OverLookAlike):
    """The broker over the look-alike; `writes` are the calls that could make an order."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []
        handle = self.core.handle

        def answer(sent: Request) -> Response:
            if sent.path.endswith("/place"):
                self.writes.append(sent.path)
            return handle(sent)

        self.core.handle = answer  # type: ignore[method-assign]

    def told(self, seconds: float) -> list[OrderUpdated]:
        """Words up to so many seconds after the start."""
        events = list(self.due(TS + timedelta(seconds=seconds)))
        return [event for event in events if isinstance(event, OrderUpdated)]

    def states(self, seconds: float) -> list[tuple[str, str]]:
        return [(word.tag, word.state.value) for word in self.told(seconds)]


def struck(name: FaultName, where: str, times: int = 1) -> FaultRule:
    return FaultRule(name=name, probability=1.0, times_max=times, where=frozenset({where}), size=60.0)


class Nothing:
    """An exchange from which nothing is ever heard."""

    def place(self, approved: Approved) -> None:
        del approved

    def modify(self, approved: Approved) -> None:
        del approved

    def cancel(self, tag: str, ts: object) -> None:
        del tag, ts

    def query(self, tag: str, ts: object) -> None:
        del tag, ts

    def read_book(self, ts: object) -> None:
        del ts

    def due(self, until: object) -> Iterator[object]:
        del until
        return iter(())

    def fills_at(self, snapshot: object) -> Iterator[object]:
        del snapshot
        return iter(())

    def close(self, ts: object) -> Iterator[object]:
        del ts
        return iter(())
