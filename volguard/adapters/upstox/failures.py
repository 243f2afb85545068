"""Why a call to the broker failed, as an error that carries its class and whether the request left."""

from __future__ import annotations

from typing import Final

from volguard.model.broker import ErrorClass
from volguard.model.errors import OutcomeUnknown, TokenError, TryLater, UsageError, VolguardError

EXIT_CODES: Final = {
    ErrorClass.AUTH: TokenError.exit_code,
    ErrorClass.RATE: TryLater.exit_code,
    ErrorClass.SERVER: TryLater.exit_code,
    ErrorClass.NETWORK: TryLater.exit_code,
    ErrorClass.REJECT: UsageError.exit_code,
    ErrorClass.UNKNOWN: TryLater.exit_code,
}


class ApiFailure(VolguardError):
    """A call that did not give its answer.

    `code` is the broker's (UDAPI...), None where it gave none; `was_sent` False only where it is proven
    that the request never left this machine. A failed write whose outcome is open exits with 6.
    """

    def __init__(
        self,
        message: str,
        *,
        error_class: ErrorClass,
        endpoint: str,
        http_status: int | None = None,
        code: str | None = None,
        was_sent: bool = True,
        is_write: bool = False,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.error_class = error_class
        self.endpoint = endpoint
        self.http_status = http_status
        self.code = code
        self.was_sent = was_sent
        self.is_write = is_write
        self.exit_code = OutcomeUnknown.exit_code if self.is_outcome_open else EXIT_CODES[error_class]

    @property
    def is_outcome_open(self) -> bool:
        """A write that may have happened: it must be read back, never sent again."""
        return (
            self.is_write
            and self.was_sent
            and self.error_class in (ErrorClass.SERVER, ErrorClass.NETWORK, ErrorClass.UNKNOWN)
        )
