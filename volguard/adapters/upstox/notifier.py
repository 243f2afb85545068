"""Where the broker posts a token that was approved on the phone: a loopback listener for it."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from volguard.adapters.loopback import Arrival, LoopbackListener, Page, Visit, loopback_address
from volguard.adapters.upstox.credentials import Secret
from volguard.adapters.upstox.wire_login import TokenNotice
from volguard.model.errors import UsageError


class NotifierListener:
    """Waits for one notice for our app. Anyone on this machine may post: check the token before it counts."""

    def __init__(self, notifier_url: str, api_key: Secret) -> None:
        """Listens at once. Raises UsageError when the address is not this machine's own, or is taken."""
        address = loopback_address(notifier_url)
        if address is None:
            raise UsageError("the app's notifier address cannot be listened on here")
        self._path = urlsplit(notifier_url).path or "/"
        self._api_key = api_key
        self.arrival: Arrival[TokenNotice] = Arrival()
        try:
            self._listener = LoopbackListener(address, self._answer)
        except UsageError:
            self.arrival.close()
            raise

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._listener.port

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()
        self.arrival.close()

    def _answer(self, visit: Visit) -> Page:
        if visit.path != self._path or visit.method != "POST":
            return Page(status=404, text="Nothing is here.")
        notice = read_notice(visit.body)
        if notice is None or notice.client_id != self._api_key.reveal():
            return Page(status=400, text="This is no notice for this app.")
        self.arrival.put(notice)
        return Page(status=200, text="Taken.")


def read_notice(body: bytes) -> TokenNotice | None:
    """The notice in a posted body; None when it is none."""
    try:
        return msgspec.json.decode(body, type=TokenNotice, strict=False)
    except (msgspec.MsgspecError, ValueError):
        return None
