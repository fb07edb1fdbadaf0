"""What a call or a session can fail with: one class per kind of trouble, every one an `AvatarError`."""

import builtins
from typing import Any, Dict, Mapping, Optional, Type

from ._error_table import ERRORS

__all__ = [
    "AudioError",
    "AuthenticationError",
    "AvatarError",
    "ConnectionError",
    "InvalidRequestError",
    "NotFoundError",
    "RateLimitError",
    "ServerError",
    "SessionEndedError",
    "TimeoutError",
    "UnavailableError",
]


class AvatarError(Exception):
    """Base of everything that this package raises, besides `asyncio.CancelledError` and mistakes such as a wrong event name.

    Attributes:
        code: the server's code, or one that only this side knows: `CONNECTION_FAILED`, `TIMEOUT`, `SESSION_ENDED`,
            `NOT_CONNECTED`, `INVALID_RESPONSE`, `PROXY_UNUSABLE`.
        status: HTTP status; None where no response was involved.
        request_id: the server's name for the request: what to quote in a report.
        details: the facts, by name.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: Optional[int] = None,
        request_id: Optional[str] = None,
        details: Optional[Mapping[str, Any]] = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.request_id = request_id
        self.details: Dict[str, Any] = dict(details or {})

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later."""
        row = ERRORS.get(self.code)  # type: ignore[call-overload]  # a code of this side is not in the table
        return bool(row.retryable) if row else self.code in ("CONNECTION_FAILED", "TIMEOUT")

    @property
    def retry_after_s(self) -> Optional[float]:
        """Seconds that the server asks to wait; None where it did not say."""
        seconds = self.details.get("retry_after_s")
        return float(seconds) if isinstance(seconds, (int, float)) else None


class InvalidRequestError(AvatarError):
    """400, 405, 413, 426: the call itself is wrong."""


class AudioError(AvatarError):
    """The sound that was sent cannot be used."""


class AuthenticationError(AvatarError):
    """401, 403: no key or token, one that does not fit, or a place that nobody may call from."""


class NotFoundError(AvatarError):
    """404: no such session, avatar or address."""


class RateLimitError(AvatarError):
    """429: too many calls or sessions; see `retry_after_s`."""


class UnavailableError(AvatarError):
    """501, 503: what would do it is not there now."""


class ServerError(AvatarError):
    """500, or an answer that cannot be read."""


class ConnectionError(AvatarError, builtins.ConnectionError):
    """The server could not be reached, or the connection is gone.

    `PROXY_UNUSABLE`: the proxy that `details["variable"]` names is no proxy, needs packages that are missing, or wants a
    user and a password.
    """


class TimeoutError(AvatarError, builtins.TimeoutError):
    """No answer within the time limit."""


class SessionEndedError(AvatarError):
    """The session is over; create a new one. `details["reason"]` says why."""


CLASSES: Dict[str, Type[AvatarError]] = {
    "INVALID_JSON": InvalidRequestError,
    "INVALID_REQUEST": InvalidRequestError,
    "UNKNOWN_EVENT": InvalidRequestError,
    "METHOD_NOT_ALLOWED": InvalidRequestError,
    "PAYLOAD_TOO_LARGE": InvalidRequestError,
    "UPGRADE_REQUIRED": InvalidRequestError,
    "AUDIO_PROCESSING_ERROR": AudioError,
    "AUDIO_BUFFER_FULL": AudioError,
    "AUDIO_BUFFER_EMPTY": AudioError,
    "UNAUTHORIZED": AuthenticationError,
    "HOST_NOT_ALLOWED": AuthenticationError,
    "ORIGIN_NOT_ALLOWED": AuthenticationError,
    "NOT_FOUND": NotFoundError,
    "SESSION_NOT_FOUND": NotFoundError,
    "AVATAR_NOT_FOUND": NotFoundError,
    "RATE_LIMITED": RateLimitError,
    "CONCURRENCY_LIMIT": RateLimitError,
    "INTERNAL_ERROR": ServerError,
    "INVALID_RESPONSE": ServerError,
    "WEBRTC_NOT_READY": UnavailableError,
    "STT_UNAVAILABLE": UnavailableError,
    "PROVIDER_FAILED": UnavailableError,
    "ORIGIN_UNAVAILABLE": UnavailableError,
    "CAPACITY_EXCEEDED": UnavailableError,
    "SLOW_CLIENT": ConnectionError,
    "CONNECTION_FAILED": ConnectionError,
    "NOT_CONNECTED": ConnectionError,
    "PROXY_UNUSABLE": ConnectionError,
    "TIMEOUT": TimeoutError,
    "SESSION_ENDED": SessionEndedError,
}


def avatar_error(
    code: str,
    message: str,
    *,
    status: Optional[int] = None,
    request_id: Optional[str] = None,
    details: Optional[Mapping[str, Any]] = None,
) -> AvatarError:
    """The error of the class that fits its code."""
    kind = CLASSES.get(code, AvatarError)
    return kind(message, code=code, status=status, request_id=request_id, details=details)


def error_of_response(status: int, body: object, headers: Mapping[str, str]) -> AvatarError:
    """The error of a response that is not 2xx: its documented body, or what its status says where a proxy answered instead.

    Args:
        body: the parsed JSON, or None.
        headers: without regard to case, as httpx and websockets have them.
    """
    error = _mapping(_mapping(body).get("error"))
    code = error.get("code")
    message = error.get("message")
    retry_after = _number(headers.get("retry-after"))
    details = {} if retry_after is None else {"retry_after_s": retry_after}
    return avatar_error(
        code if isinstance(code, str) and code in ERRORS else _code_of_status(status),
        message if isinstance(message, str) else f"The server answered {status}.",
        status=status,
        request_id=headers.get("x-request-id"),
        details={**details, **_mapping(error.get("details"))},
    )


def error_of_event(error: Mapping[str, Any]) -> AvatarError:
    """The error that an `error` event, or the `error` of a broken-off reply, tells."""
    code = error.get("code")
    message = error.get("message")
    return avatar_error(
        code if isinstance(code, str) and code in ERRORS else "INTERNAL_ERROR",
        message if isinstance(message, str) else "The reply broke off.",
        details=_mapping(error.get("details")),
    )


def _code_of_status(status: int) -> str:
    if status in (502, 503, 504):
        return "ORIGIN_UNAVAILABLE"
    if status == 400:
        return "INVALID_REQUEST"
    if status == 403:
        return "UNAUTHORIZED"
    for code, row in ERRORS.items():
        if row.status == status:
            return code
    return "INTERNAL_ERROR" if status >= 500 else "INVALID_REQUEST"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(text: Optional[str]) -> Optional[float]:
    try:
        return None if text is None else float(text)
    except ValueError:
        # a date, which nobody here sends
        return None
