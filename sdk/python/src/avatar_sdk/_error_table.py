"""Every failure that the server can tell: HTTP status, WebSocket close code, and whether the same call may succeed later."""

# Generated from the schemas by scripts/gen-python-types.ts; changes here are lost.

from typing import Dict, NamedTuple

from .types import ErrorCode


class ErrorRow(NamedTuple):
    status: int
    close: int
    retryable: bool


ERRORS: Dict[ErrorCode, ErrorRow] = {
    "INVALID_JSON": ErrorRow(400, 4400, False),
    "INVALID_REQUEST": ErrorRow(400, 4400, False),
    "UNKNOWN_EVENT": ErrorRow(400, 4400, False),
    "AUDIO_PROCESSING_ERROR": ErrorRow(400, 4400, False),
    "AUDIO_BUFFER_FULL": ErrorRow(400, 4400, False),
    "AUDIO_BUFFER_EMPTY": ErrorRow(400, 4400, False),
    "UNAUTHORIZED": ErrorRow(401, 4401, False),
    "HOST_NOT_ALLOWED": ErrorRow(403, 4403, False),
    "ORIGIN_NOT_ALLOWED": ErrorRow(403, 4403, False),
    "NOT_FOUND": ErrorRow(404, 4404, False),
    "SESSION_NOT_FOUND": ErrorRow(404, 4404, False),
    "AVATAR_NOT_FOUND": ErrorRow(404, 4404, False),
    "METHOD_NOT_ALLOWED": ErrorRow(405, 4405, False),
    "SLOW_CLIENT": ErrorRow(408, 4408, True),
    "PAYLOAD_TOO_LARGE": ErrorRow(413, 4413, False),
    "UPGRADE_REQUIRED": ErrorRow(426, 4426, False),
    "RATE_LIMITED": ErrorRow(429, 4429, True),
    "CONCURRENCY_LIMIT": ErrorRow(429, 4429, True),
    "INTERNAL_ERROR": ErrorRow(500, 4500, True),
    "WEBRTC_NOT_READY": ErrorRow(501, 4501, False),
    "STT_UNAVAILABLE": ErrorRow(503, 4503, False),
    "PROVIDER_FAILED": ErrorRow(503, 4503, True),
    "ORIGIN_UNAVAILABLE": ErrorRow(503, 4503, True),
    "CAPACITY_EXCEEDED": ErrorRow(503, 4503, True),
}
