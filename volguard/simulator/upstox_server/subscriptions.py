"""What one connection of the market feed is subscribed to, and what of a request is ignored in silence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, Literal

import msgspec

from volguard.simulator.upstox_server.options import LookAlikeOptions, StreamCap


class Mode(StrEnum):
    """How much of an instrument is shown."""

    LTPC = "ltpc"
    FULL = "full"
    OPTION_GREEKS = "option_greeks"
    FULL_D30 = "full_d30"


class _Wanted(msgspec.Struct):
    mode: Mode = Mode.LTPC
    keys: list[str] = msgspec.field(default_factory=list, name="instrumentKeys")


class _Message(msgspec.Struct):
    guid: str
    method: Literal["sub", "unsub", "change_mode"]
    data: _Wanted


_DECODER: Final = msgspec.json.Decoder(_Message)


def caps_of(options: LookAlikeOptions) -> Mapping[Mode, StreamCap]:
    """Caps of the modes that an account is entitled to."""
    caps = options.caps
    entitled = {Mode.LTPC: caps.ltpc, Mode.FULL: caps.full, Mode.OPTION_GREEKS: caps.option_greeks}
    return entitled | ({Mode.FULL_D30: caps.full_d30} if options.has_plus else {})


class Subscriptions:
    """Mode by key of one connection. Nothing is ever refused in words: what is not allowed has no effect."""

    def __init__(self, caps: Mapping[Mode, StreamCap], exists: Callable[[str], bool]) -> None:
        self._caps, self._exists = caps, exists
        self.modes: dict[str, Mode] = {}

    def take(self, message: bytes) -> tuple[str, ...]:
        """One request; gives the keys that are to be shown whole now."""
        try:
            asked = _DECODER.decode(message)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return ()
        match asked.method:
            case "sub":
                return self._put(asked.data.mode, [key for key in asked.data.keys if self._exists(key)])
            case "change_mode":
                return self._put(asked.data.mode, [key for key in asked.data.keys if key in self.modes])
            case "unsub":
                for key in asked.data.keys:
                    self.modes.pop(key, None)
                return ()

    # In the order asked, up to the cap: of the mode alone, or beside others once another is in use.
    def _put(self, mode: Mode, keys: list[str]) -> tuple[str, ...]:
        cap = self._caps.get(mode)
        if cap is None:
            return ()
        wanted = dict.fromkeys(keys)
        others = [held for key, held in self.modes.items() if key not in wanted]
        limit = cap.alone if all(held is mode for held in others) else cap.combined
        taken = tuple(wanted)[: max(0, limit - others.count(mode))]
        self.modes.update(dict.fromkeys(taken, mode))
        return taken
