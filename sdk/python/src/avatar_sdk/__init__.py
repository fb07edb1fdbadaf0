"""Client of the AvaTar interactive avatar API. Async; `avatar_sdk.sync` has the same for programs without an event loop."""

from ._binary_media import MediaEvent
from ._chat import ChatReply, ChatStream
from ._socket import ConnectionEvent
from ._speech_tasks import SpeakAudioResult, SpeakResult
from .client import AvatarClient
from .errors import (
    AudioError,
    AuthenticationError,
    AvatarError,
    ConnectionError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    ServerError,
    SessionEndedError,
    TimeoutError,
    UnavailableError,
)
from .session import AvatarSession, EventName, FurtherEvent

__version__ = "1.0.0"

__all__ = [
    "AudioError",
    "AuthenticationError",
    "AvatarClient",
    "AvatarError",
    "AvatarSession",
    "ChatReply",
    "ChatStream",
    "ConnectionError",
    "ConnectionEvent",
    "EventName",
    "FurtherEvent",
    "InvalidRequestError",
    "MediaEvent",
    "NotFoundError",
    "RateLimitError",
    "ServerError",
    "SessionEndedError",
    "SpeakAudioResult",
    "SpeakResult",
    "TimeoutError",
    "UnavailableError",
    "__version__",
]
