"""The same client for programs without an event loop: calls block, handlers run in a thread of their session.

Handlers may call everything here; one session's handlers run one after the other.
"""

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from typing import (
    Any,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Coroutine,
    Dict,
    Iterable,
    Iterator,
    List,
    Literal,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    Union,
    cast,
    overload,
)

from . import client as _client
from . import session as _session
from ._audio_pieces import AudioSource, RawFormat
from ._chat import ChatReply, OnToolCall
from ._chat import ChatStream as _ChatStream
from ._emitter import Handler, positional_arguments
from ._listen import VoiceSource
from ._session_events import H
from ._socket import ConnectionState
from ._speech_tasks import SpeakAudioResult as _SpeakAudioResult
from ._speech_tasks import SpeakResult as _SpeakResult
from .session import EventName, FurtherEvent
from .types import (
    AvatarListResponse,
    ChatMessage,
    ChatTool,
    Cue,
    Emotion,
    HealthResponse,
    IceServer,
    KeepAliveResponse,
    ListenMode,
    Quality,
    ServerEvent,
    SessionEnded,
    SessionLimits,
    SessionListResponse,
    SpeechFinished,
    StopSessionResponse,
    TaskMode,
    ToolChoice,
    TurnDetection,
    VoiceListResponse,
    VoiceSettings,
)

__all__ = ["AvatarClient", "AvatarSession", "ChatStream", "SpeakAudioResult", "SpeakResult"]

T = TypeVar("T")
POLL_S = 0.5
"""How often a wait without end looks up, for a platform where Ctrl-C does not interrupt it."""


class _Loop:
    """An event loop in a thread, started by the first call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: Optional[asyncio.AbstractEventLoop] = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Blocks until it is done; an interrupted wait cancels it."""
        future = self._submit(work)
        try:
            while True:
                try:
                    return future.result(POLL_S)
                except FutureTimeout:
                    # since 3.11 also what the work itself raises: then it is done
                    if future.done():
                        return future.result()
        except BaseException:
            future.cancel()
            raise

    def _submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._serve, args=(self._loop,), name="avatar-sdk", daemon=True).start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    @staticmethod
    def _serve(loop: asyncio.AbstractEventLoop) -> None:
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    def close(self) -> None:
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)


class SpeakResult:
    """A text that the avatar was asked to say."""

    def __init__(self, result: _SpeakResult, loop: _Loop) -> None:
        self._result = result
        self._loop = loop
        self.task_id = result.task_id
        self.status = result.status
        self.duration_estimate = result.duration_estimate
        self.warnings = result.warnings

    def finished(self, timeout: Optional[float] = None) -> SpeechFinished:
        """Waits until it was said, interrupted or failed; `["reason"]` says which."""
        return self._loop.run(self._result.finished(timeout))


class SpeakAudioResult:
    """A sound that the avatar was asked to speak."""

    def __init__(self, result: _SpeakAudioResult, loop: _Loop) -> None:
        self._result = result
        self._loop = loop
        self.task_id = result.task_id
        self.duration_ms = result.duration_ms

    def finished(self, timeout: Optional[float] = None) -> SpeechFinished:
        """Waits until it was said, interrupted or failed; `["reason"]` says which."""
        return self._loop.run(self._result.finished(timeout))


class ChatStream:
    """The pieces of a reply. Leaving the loop early ends the reply."""

    def __init__(self, stream: _ChatStream, loop: _Loop) -> None:
        self._stream = stream
        self._loop = loop

    @property
    def reply(self) -> ChatReply:
        """What came so far; after the last piece, the whole."""
        return self._stream.reply

    def __iter__(self) -> Iterator[str]:
        return _closing(self._stream, self._loop)


class AvatarSession:
    """See `avatar_sdk.AvatarSession`: the same names. `with` connects it, and disconnects it at the end."""

    def __init__(self, session: _session.AvatarSession, loop: _Loop) -> None:
        self._session = session
        self._loop = loop
        self._handlers: List[Tuple[str, Handler, Handler]] = []
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="avatar-sdk-handlers")

    def __enter__(self) -> "AvatarSession":
        if self.connection == "closed":
            self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.disconnect()

    @property
    def session_id(self) -> str:
        return self._session.session_id

    @property
    def access_token(self) -> str:
        return self._session.access_token

    @property
    def ice_servers(self) -> List[IceServer]:
        return self._session.ice_servers

    @property
    def limits(self) -> Optional[SessionLimits]:
        return self._session.limits

    @property
    def warnings(self) -> List[str]:
        return self._session.warnings

    @property
    def ended(self) -> Optional[SessionEnded]:
        return self._session.ended

    @property
    def connection(self) -> ConnectionState:
        return self._session.connection

    def connect(
        self,
        media: Literal["json", "binary"] = "json",
        audio: Literal["clauses", "chunks", "off"] = "clauses",
        video: Literal["on", "off"] = "on",
        *,
        events: Sequence[FurtherEvent] = (),
    ) -> None:
        self._loop.run(self._session.connect(media, audio, video, events=events))

    def retry_now(self) -> None:
        self._loop.run(_called(self._session.retry_now))

    def ping(self) -> float:
        return self._loop.run(self._session.ping())

    def disconnect(self, *, stop: Optional[bool] = None) -> None:
        self._loop.run(self._session.disconnect(stop=stop))
        self._executor.shutdown(wait=False)

    def run_forever(self) -> None:
        """Handles events until the session ends, `disconnect()` is called, or Ctrl-C; then leaves the session."""
        try:
            self._loop.run(self._session.run_forever(handle_signals=False))
        except KeyboardInterrupt:
            pass  # asked to end: that is what follows
        finally:
            self.disconnect()

    @overload
    def on(self, type: EventName) -> Callable[[H], H]: ...
    @overload
    def on(self, type: EventName, handler: H) -> H: ...
    def on(self, type: EventName, handler: Optional[H] = None) -> Union[H, Callable[[H], H]]:
        return self._register(self._session.on, type, handler)

    @overload
    def once(self, type: EventName) -> Callable[[H], H]: ...
    @overload
    def once(self, type: EventName, handler: H) -> H: ...
    def once(self, type: EventName, handler: Optional[H] = None) -> Union[H, Callable[[H], H]]:
        return self._register(self._session.once, type, handler)

    def off(self, type: EventName, handler: Handler) -> None:
        for entry in [one for one in self._handlers if one[0] == type and one[1] == handler]:
            self._handlers.remove(entry)
            self._loop.run(_called(self._session.off, type, entry[2]))

    def wait_for(self, type: EventName, *, timeout: float = 15.0, where: Callable[[Any], bool] = lambda event: True) -> Any:
        return self._loop.run(self._session.wait_for(type, timeout=timeout, where=where))

    def __iter__(self) -> Iterator[ServerEvent]:
        async def stream() -> AsyncIterator[ServerEvent]:
            return self._session.__aiter__()

        # from here on, not from the first event that is asked for
        events = self._loop.run(stream())
        return _events(events, self._loop)

    def speak(
        self,
        text: str,
        *,
        voice_id: Optional[str] = None,
        voice_settings: Optional[VoiceSettings] = None,
        emotion: Optional[Emotion] = None,
        cues: Optional[Sequence[Cue]] = None,
        mode: Optional[TaskMode] = None,
    ) -> SpeakResult:
        work = self._session.speak(
            text, voice_id=voice_id, voice_settings=voice_settings, emotion=emotion, cues=cues, mode=mode
        )
        return SpeakResult(self._loop.run(work), self._loop)

    def chat(
        self,
        input: Union[str, Sequence[ChatMessage]],
        *,
        model: Optional[str] = None,
        tools: Optional[Sequence[ChatTool]] = None,
        tool_choice: Optional[ToolChoice] = None,
        on_tool_call: Optional[OnToolCall] = None,
        mode: Optional[TaskMode] = None,
    ) -> ChatReply:
        stream = self.chat_stream(
            input, model=model, tools=tools, tool_choice=tool_choice, on_tool_call=on_tool_call, mode=mode
        )
        for _ in stream:
            pass
        return stream.reply

    def chat_stream(
        self,
        input: Union[str, Sequence[ChatMessage]],
        *,
        model: Optional[str] = None,
        tools: Optional[Sequence[ChatTool]] = None,
        tool_choice: Optional[ToolChoice] = None,
        on_tool_call: Optional[OnToolCall] = None,
        mode: Optional[TaskMode] = None,
    ) -> ChatStream:
        in_thread = None if on_tool_call is None else self._in_thread(on_tool_call)
        stream = self._session.chat_stream(
            input, model=model, tools=tools, tool_choice=tool_choice, on_tool_call=in_thread, mode=mode
        )
        return ChatStream(stream, self._loop)

    def interrupt(self) -> Dict[str, Any]:
        return self._loop.run(self._session.interrupt())

    def speak_audio(
        self,
        source: AudioSource,
        *,
        format: Optional[RawFormat] = None,
        sample_rate: int = 24_000,
        channels: Literal[1, 2] = 1,
    ) -> SpeakAudioResult:
        work = self._session.speak_audio(_beside(source), format=format, sample_rate=sample_rate, channels=channels)
        return SpeakAudioResult(self._loop.run(work), self._loop)

    def start_listening(self, mode: Optional[ListenMode] = None) -> None:
        self._loop.run(self._session.start_listening(mode))

    def stop_listening(self) -> None:
        self._loop.run(self._session.stop_listening())

    def append_user_audio(
        self,
        source: AudioSource,
        *,
        format: Optional[RawFormat] = None,
        sample_rate: int = 24_000,
        channels: Literal[1, 2] = 1,
    ) -> None:
        self._loop.run(
            self._session.append_user_audio(_beside(source), format=format, sample_rate=sample_rate, channels=channels)
        )

    def listen(
        self,
        source: VoiceSource,
        *,
        sample_rate: int = 24_000,
        format: RawFormat = "pcm_s16le",
        channels: Literal[1, 2] = 1,
        mode: Optional[ListenMode] = None,
    ) -> None:
        """Blocks until the voice ends; run it in a thread of its own for a microphone."""
        heard = _beside(source)
        self._loop.run(self._session.listen(heard, sample_rate=sample_rate, format=format, channels=channels, mode=mode))

    def keep_alive(self) -> KeepAliveResponse:
        return self._loop.run(self._session.keep_alive())

    def stop(self) -> StopSessionResponse:
        return self._loop.run(self._session.stop())

    def iterate(self, make: Callable[[_session.AvatarSession], AsyncIterator[T]]) -> Iterator[T]:
        """What an async generator over the async session yields. Leaving the loop early closes it."""
        return _closing(make(self._session), self._loop)

    def _register(self, register: Callable[..., Any], type: EventName, handler: Optional[H]) -> Union[H, Callable[[H], H]]:
        def decorate(handler: H) -> H:
            in_thread = self._in_thread(handler)
            self._loop.run(_called(register, type, in_thread))
            self._handlers.append((type, handler, in_thread))
            return handler

        return decorate if handler is None else decorate(handler)

    def _in_thread(self, handler: Handler) -> Handler:
        takes = positional_arguments(handler)

        async def call(*args: Any) -> Any:
            try:
                future = self._executor.submit(handler, *args[:takes])
            except RuntimeError:
                return None  # disconnected: nobody is interested any more
            return await asyncio.wrap_future(future)

        return call


class AvatarClient:
    """See `avatar_sdk.AvatarClient`: the same names and arguments."""

    def __init__(
        self,
        api_url: str,
        ws_url: Optional[str] = None,
        api_key: Optional[str] = None,
        *,
        timeout: float = 20.0,
        max_retries: int = 2,
        reconnect_for: float = 120.0,
    ) -> None:
        self._loop = _Loop()
        self._client = _client.AvatarClient(
            api_url, ws_url, api_key, timeout=timeout, max_retries=max_retries, reconnect_for=reconnect_for
        )

    def __enter__(self) -> "AvatarClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the HTTP connections and ends the thread."""
        self._loop.run(self._client.aclose())
        self._loop.close()

    def create_session(
        self,
        *,
        quality: Optional[Quality] = None,
        avatar_id: Optional[str] = None,
        voice_id: Optional[str] = None,
        system_prompt: Optional[str] = None,
        tools: Optional[Sequence[ChatTool]] = None,
        turn_detection: Optional[TurnDetection] = None,
        language: Optional[str] = None,
    ) -> AvatarSession:
        work = self._client.create_session(
            quality=quality,
            avatar_id=avatar_id,
            voice_id=voice_id,
            system_prompt=system_prompt,
            tools=tools,
            turn_detection=turn_detection,
            language=language,
        )
        return AvatarSession(self._loop.run(work), self._loop)

    def attach(self, session_id: str, access_token: str) -> AvatarSession:
        return AvatarSession(self._client.attach(session_id, access_token), self._loop)

    def attach_session(self, access_token: str) -> AvatarSession:
        return AvatarSession(self._client.attach_session(access_token), self._loop)

    def sessions(self) -> SessionListResponse:
        return self._loop.run(self._client.sessions())

    def avatars(self) -> AvatarListResponse:
        return self._loop.run(self._client.avatars())

    def voices(self) -> VoiceListResponse:
        return self._loop.run(self._client.voices())

    def health(self) -> HealthResponse:
        return self._loop.run(self._client.health())


async def _called(function: Callable[..., T], *args: Any) -> T:
    """The call, made on the loop's thread."""
    return function(*args)


def _events(items: AsyncIterator[T], loop: _Loop) -> Iterator[T]:
    end = object()

    async def following() -> Any:
        try:
            return await items.__anext__()
        except StopAsyncIteration:
            return end

    while True:
        item = loop.run(following())
        if item is end:
            return
        yield cast(T, item)


def _closing(items: AsyncIterator[T], loop: _Loop) -> Iterator[T]:
    """The same, closed when the loop over it is left."""
    try:
        yield from _events(items, loop)
    finally:
        close = getattr(items, "aclose", None)
        if close is not None:
            loop.run(close())


@overload
def _beside(source: VoiceSource) -> VoiceSource: ...
@overload
def _beside(source: AudioSource) -> AudioSource: ...
def _beside(source: Any) -> Any:
    """A blocking stream, read beside the loop."""
    if isinstance(source, (bytes, bytearray, memoryview, str, AsyncIterable)) or not isinstance(source, Iterable):
        return source
    return _read_beside(iter(source))


async def _read_beside(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    while True:
        chunk = await loop.run_in_executor(None, next, chunks, None)
        if chunk is None:
            return
        yield chunk
