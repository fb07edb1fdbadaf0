"""One session: its socket, its calls, its events."""

import asyncio
import logging
import weakref
from typing import (
    Any,
    AsyncIterator,
    Callable,
    Dict,
    List,
    Literal,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    Union,
    cast,
    get_args,
    overload,
)

from ._audio_pieces import AudioSource, RawFormat, audio_pieces
from ._binary_media import BinaryMedia, media_of_audio, media_of_frame
from ._chat import ChatReply, ChatStream, OnToolCall
from ._emitter import Emitter, Handler, Hold
from ._event_stream import EventStream
from ._http import Http
from ._listen import VoiceSource, paced
from ._signals import stop_signals
from ._socket import ConnectionEvent, ConnectionState, SessionSocket
from ._speech_tasks import SpeakAudioResult, SpeakResult, SpeechTasks
from ._sse import event_data
from .errors import AvatarError, NotFoundError, avatar_error, error_of_event
from .types import (
    AudioBufferCommitted,
    AudioEvent,
    ChatMessage,
    ChatTool,
    ClientEvent,
    Cue,
    Emotion,
    FrameEvent,
    IceServer,
    KeepAliveResponse,
    ListenMode,
    ServerEvent,
    ServerEventType,
    SessionEnded,
    SessionLimits,
    SpeakResponse,
    StartListening,
    StopSessionResponse,
    TaskMode,
    ToolChoice,
    VoiceSettings,
)

ANSWER_TIMEOUT_S = 15.0
"""Longest wait for the server's answer to a message on the socket."""
ACK_WITHIN_S = 5.0
"""A picture is acknowledged when the handlers are done with it, and at the latest then: the server closes at 10 s."""
DRAIN_S = 5.0
"""What `run_forever` leaves the handlers at the end."""
AUDIO_CODES = (
    "AUDIO_PROCESSING_ERROR",
    "AUDIO_BUFFER_FULL",
    "AUDIO_BUFFER_EMPTY",
    "PAYLOAD_TOO_LARGE",
    "INVALID_REQUEST",
    "RATE_LIMITED",
)
LISTEN_CODES = ("STT_UNAVAILABLE", "PROVIDER_FAILED", "INVALID_REQUEST", "ORIGIN_UNAVAILABLE")

logger = logging.getLogger("avatar_sdk")

FurtherEvent = Literal["words", "stats", "levels"]
EventName = Literal[ServerEventType, "media", "connection", "interrupting", "event"]
"""The server's events by type, and ours: `media` (every picture and sound as bytes), `connection` (its ups and downs),
`interrupting` (`interrupt()` was called here) and `event` (every event of the server)."""
H = TypeVar("H", bound=Handler)


class AvatarSession:
    """A session as `AvatarClient` makes it. `async with` connects it, and disconnects it at the end.

    Attributes:
        session_id: its name.
        access_token: opens and drives this session only; a browser may hold it.
        ice_servers: for WebRTC.
        limits: None where only the token was known.
        warnings: what the server adjusted when the session was created, in words.
        ended: the last event of a session that is over.
    """

    def __init__(
        self,
        *,
        session_id: str,
        access_token: str,
        ice_servers: Sequence[IceServer],
        limits: Optional[SessionLimits],
        warnings: Sequence[str],
        http: Http,
        socket_url: str,
        reconnect_for: float,
        owned: bool,
    ) -> None:
        self.session_id = session_id
        self.access_token = access_token
        self.ice_servers = list(ice_servers)
        self.limits = limits
        self.warnings = list(warnings)
        self.ended: Optional[SessionEnded] = None
        self._http = http
        self._owned = owned
        self._left = False
        self._was_open = False
        self._failure: Optional[AvatarError] = None
        self._emitter = Emitter()
        self._tasks = SpeechTasks(self._require_open)
        self._streams: weakref.WeakSet[EventStream] = weakref.WeakSet()
        self._listeners: List[Callable[[Optional[ServerEvent], Optional[AvatarError]], None]] = []
        self._raised: Optional[ServerEvent] = None
        self._socket = SessionSocket(
            url=socket_url,
            token=access_token,
            reconnect_for=reconnect_for,
            on_event=self._receive,
            on_binary=self._receive_binary,
            on_connection=self._connection_changed,
        )
        http.pool.session_opened()

    def __repr__(self) -> str:
        return f"<AvatarSession {self.session_id} {self.connection}>"

    async def __aenter__(self) -> "AvatarSession":
        if self.connection == "closed":
            await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.disconnect()

    # --- connection ---------------------------------------------------------------------------------------------------

    @property
    def connection(self) -> ConnectionState:
        """`connecting`, `open`, `reconnecting` or `closed`."""
        return self._socket.state

    async def connect(
        self,
        media: Literal["json", "binary"] = "json",
        audio: Literal["clauses", "chunks", "off"] = "clauses",
        video: Literal["on", "off"] = "on",
        *,
        events: Sequence[FurtherEvent] = (),
    ) -> None:
        """Opens the socket. It comes back by itself when the connection is lost, with the events that were missed.

        Args:
            media: `binary` saves a third of the bytes; `frame` and `audio` handlers work with both.
            audio: `clauses`: playable WAV files; `chunks`: 100 ms of PCM with timestamps.
            events: what is sent only where somebody asks for it: `words` (`word`, when it sounds), `stats` (every 5 s),
                `levels` (`level` of the user's microphone, ten times a second).
        """
        over = self._ended_error()
        if over is not None:
            raise over
        wishes = {"media": media, "audio": audio, "video": video}
        await self._socket.open({**wishes, "events": ",".join(events)} if events else wishes)
        self._was_open = True
        if self._left:
            self._left = False
            self._http.pool.session_opened()

    def retry_now(self) -> None:
        """While the connection is being restored: tries again at once."""
        self._socket.retry_now()

    async def ping(self) -> float:
        """Round trip to the server over the socket, ms."""
        return await self._socket.ping()

    async def disconnect(self, *, stop: Optional[bool] = None) -> None:
        """Closes the connection. A session that was created here ends with it; one that was attached goes on for the others.

        Args:
            stop: whether to end the session; by default only if it was created here.
        """
        await self._socket.close()
        try:
            if not self.ended and (self._owned if stop is None else stop) and not (self._left and stop is None):
                await self.stop()
        except NotFoundError:
            pass  # over already: that is what was asked for
        finally:
            if not self._left:
                self._left = True
                await self._http.pool.session_left()

    async def run_forever(self, *, handle_signals: bool = True) -> None:
        """Handles events until the session ends, `disconnect()` is called, or Ctrl-C; then leaves the session.

        Raises AvatarError when the connection was lost for good.

        Args:
            handle_signals: whether Ctrl-C (SIGINT) and SIGTERM end it quietly; handlers that you installed are left alone.
        """
        if self.connection == "closed":
            if not self._was_open:
                raise _closed_error()
            if self._failure is not None:
                raise self._failure
            return await self.disconnect()
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def stop(error: Optional[AvatarError] = None) -> None:
            if over.done():
                return
            if error is None:
                over.set_result(None)
            else:
                over.set_exception(error)

        def listener(event: Optional[ServerEvent], error: Optional[AvatarError]) -> None:
            if event is None:
                stop(None if self.ended else error)

        self._listeners.append(listener)
        try:
            with stop_signals(stop if handle_signals else None):
                await over
                await self._emitter.drain(DRAIN_S)
        finally:
            self._listeners.remove(listener)
            await self.disconnect()

    # --- events -------------------------------------------------------------------------------------------------------

    @overload
    def on(self, type: EventName) -> Callable[[H], H]: ...
    @overload
    def on(self, type: EventName, handler: H) -> H: ...
    def on(self, type: EventName, handler: Optional[H] = None) -> Union[H, Callable[[H], H]]:
        """Calls the handler, sync or async, for each event of a type. As a decorator: `@session.on("chat")`.

        Handlers of `frame` and `audio` get the base64 text and, when they take two parameters, the whole event. An async
        handler gets its events one after the other; a slow one of `frame` gets fewer pictures, not older ones.
        """
        return self._register(type, handler, once=False)

    @overload
    def once(self, type: EventName) -> Callable[[H], H]: ...
    @overload
    def once(self, type: EventName, handler: H) -> H: ...
    def once(self, type: EventName, handler: Optional[H] = None) -> Union[H, Callable[[H], H]]:
        """Like `on`, for the next event only."""
        return self._register(type, handler, once=True)

    def off(self, type: EventName, handler: Handler) -> None:
        self._emitter.off(type, handler)

    async def wait_for(
        self,
        type: EventName,
        *,
        timeout: float = ANSWER_TIMEOUT_S,
        where: Callable[[Any], bool] = lambda event: True,
    ) -> Any:
        """The next event of one of the server's types.

        Args:
            timeout: seconds.
            where: which one; by default the first.
        """
        return await self._next(lambda event: event["type"] == type and where(event), timeout, type)

    def __aiter__(self) -> AsyncIterator[ServerEvent]:
        if self.connection == "closed" and not self._was_open:
            raise _closed_error()
        stream = EventStream()
        if self.connection == "closed":
            stream.end(self._failure)
        self._streams.add(stream)
        return stream

    # --- speech -------------------------------------------------------------------------------------------------------

    async def speak(
        self,
        text: str,
        *,
        voice_id: Optional[str] = None,
        voice_settings: Optional[VoiceSettings] = None,
        emotion: Optional[Emotion] = None,
        cues: Optional[Sequence[Cue]] = None,
        mode: Optional[TaskMode] = None,
    ) -> SpeakResult:
        """Says the text. `await result.finished()` waits until it was heard.

        Args:
            mode: `queue` (the default): after what is being said; `interrupt`: instead of it and of all that waits.
        """
        body = self._body(text=text, voice_id=voice_id, voice_settings=voice_settings, emotion=emotion, cues=cues, mode=mode)
        answer: SpeakResponse = await self._http.json("/avatar.speak", body)
        return SpeakResult(
            answer["task_id"],
            self._tasks,
            status=answer["status"],
            duration_estimate=answer["duration_estimate"],
            warnings=answer.get("warnings", []),
        )

    async def chat(
        self,
        input: Union[str, Sequence[ChatMessage]],
        *,
        model: Optional[str] = None,
        tools: Optional[Sequence[ChatTool]] = None,
        tool_choice: Optional[ToolChoice] = None,
        on_tool_call: Optional[OnToolCall] = None,
        mode: Optional[TaskMode] = None,
    ) -> ChatReply:
        """Answers aloud; the text of the reply, once it is written. It is a `str`, with `tool_calls` and `finish_reason`."""
        stream = self.chat_stream(
            input, model=model, tools=tools, tool_choice=tool_choice, on_tool_call=on_tool_call, mode=mode
        )
        async for _ in stream:
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
        """Answers aloud, and yields the reply while it is being written; then its `reply` is what `chat` gives.

        Args:
            tools: what the model may call in this answer.
            on_tool_call: called for each function that the model wants called, sync or async. What it gives back is told to
                the model (text as it is, anything else as JSON), which then goes on with its reply.
            mode: `queue` (the default): after what is being said; `interrupt`: instead of it and of all that waits.
        """
        messages: Sequence[ChatMessage] = [{"role": "user", "content": input}] if isinstance(input, str) else list(input)
        body = self._body(stream=True, model=model, tools=tools, tool_choice=tool_choice, mode=mode)
        return ChatStream(lambda messages: self._chat_data({**body, "messages": messages}), messages, on_tool_call)

    async def interrupt(self) -> Dict[str, Any]:
        """Stops the speech at once. What was heard of it: `task_id`, `played_ms`, `spoken_text`, `dropped_ms`."""
        self._emitter.emit("interrupting", {"type": "interrupting"})
        answer: Mapping[str, Any]
        if self.connection == "open":
            answer = cast(Mapping[str, Any], await self._ask({"type": "interrupt"}, "interrupted", ()))
        else:
            answer = await self._http.json("/streaming.interrupt", self._body(), repeatable=True)
        return {name: answer[name] for name in ("task_id", "played_ms", "spoken_text", "dropped_ms")}

    async def speak_audio(
        self,
        source: AudioSource,
        *,
        format: Optional[RawFormat] = None,
        sample_rate: int = 24_000,
        channels: Literal[1, 2] = 1,
    ) -> SpeakAudioResult:
        """Lets the avatar speak this sound, of at most 60 s.

        Args:
            source: a file's content or path (WAV, MP3, Ogg, WebM, FLAC), or an iterable, async or not, of raw samples.
            format: how raw samples are written; without it a file says what it is, and a stream is `pcm_s16le`.
            sample_rate: Hz of raw samples.
            channels: of raw samples.
        """
        self._require_open()
        try:
            async for data in audio_pieces(source, format, sample_rate, channels):
                await self._ask({"type": "audio_buffer_append", "data": data}, "audio_buffer_appended", AUDIO_CODES)
            event = await self._ask({"type": "audio_buffer_commit"}, "audio_buffer_committed", AUDIO_CODES)
        except BaseException:
            # what was appended must not be spoken with the next sound
            self._socket.send_soon({"type": "audio_buffer_clear"})
            raise
        committed = cast(AudioBufferCommitted, event)
        return SpeakAudioResult(committed.get("task_id", ""), self._tasks, duration_ms=committed["duration_ms"])

    async def start_listening(self, mode: Optional[ListenMode] = None) -> None:
        """Opens the user's ear. Raises UnavailableError where nothing recognises speech.

        Args:
            mode: `vad`: pauses end a turn, hands free; `manual`: `stop_listening` ends it; by default the session's.
        """
        message: StartListening = {"type": "start_listening"}
        if mode is not None:
            message["data"] = {"mode": mode}
        await self._ask(message, "status", LISTEN_CODES, lambda event: event.get("status") == "listening")

    async def stop_listening(self) -> None:
        """Closes the user's ear; what was heard is answered."""
        await self._socket.send({"type": "stop_listening"})

    async def append_user_audio(
        self,
        source: AudioSource,
        *,
        format: Optional[RawFormat] = None,
        sample_rate: int = 24_000,
        channels: Literal[1, 2] = 1,
    ) -> None:
        """The user's voice, while listening; the same sources as `speak_audio`."""
        async for data in audio_pieces(source, format, sample_rate, channels):
            await self._socket.send({"type": "user_audio_append", "data": data})

    async def listen(
        self,
        source: VoiceSource,
        *,
        sample_rate: int = 24_000,
        format: RawFormat = "pcm_s16le",
        channels: Literal[1, 2] = 1,
        mode: Optional[ListenMode] = None,
    ) -> None:
        """Lets the avatar hear a voice until it ends or this is cancelled. What was said is answered aloud; see the events
        `user_speech_started`, `user_speech_stopped`, `speech_paused`, `speech_resumed` and `chat` with the role `user`.

        Args:
            source: raw samples as they come, an iterable, async or not; what comes faster than it sounds is slowed down.
            sample_rate: Hz.
            mode: as of `start_listening`.
        """
        await self.start_listening(mode)
        try:
            async for piece in paced(source, format, sample_rate, channels):
                await self.append_user_audio(piece, format=format, sample_rate=sample_rate, channels=channels)
        finally:
            if self.connection == "open":
                await self.stop_listening()

    # --- life ---------------------------------------------------------------------------------------------------------

    async def keep_alive(self) -> KeepAliveResponse:
        """Starts the idle time anew."""
        answer: KeepAliveResponse = await self._http.json("/streaming.keep_alive", self._body(), repeatable=True)
        return answer

    async def stop(self) -> StopSessionResponse:
        """Ends the session for everyone."""
        answer: StopSessionResponse = await self._http.json("/streaming.stop", self._body(), repeatable=True)
        return answer

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _chat_data(self, body: Dict[str, Any]) -> AsyncIterator[str]:
        async with self._http.stream("/chat.completions", body) as chunks:
            async for data in event_data(chunks):
                yield data

    def _body(self, **fields: Any) -> Dict[str, Any]:
        given = {name: value for name, value in fields.items() if value is not None}
        return {"session_id": self.session_id, **given}

    def _register(self, type: EventName, handler: Optional[H], *, once: bool) -> Union[H, Callable[[H], H]]:
        names: Tuple[str, ...] = get_args(EventName)
        if type not in names:
            raise ValueError(f"there is no event {type!r}; there are {', '.join(names)}")

        def register(handler: H) -> H:
            self._emitter.on(type, handler, once=once)
            return handler

        return register if handler is None else register(handler)

    def _receive(self, event: Dict[str, Any]) -> None:
        known = cast(ServerEvent, event)
        if known["type"] == "speech_finished":
            self._tasks.finish(known)
        elif known["type"] == "session_ended":
            self.ended = known
        hold = self._hold(known["frame_id"]) if known["type"] == "frame" else None
        self._tell(known, hold)
        if self._emitter.has("media"):
            if known["type"] == "frame":
                self._emitter.emit("media", media_of_frame(known), hold=hold)
            elif known["type"] == "audio":
                self._emitter.emit("media", media_of_audio(known), hold=hold)
        if hold is not None:
            hold.release()
        if self.ended is not None:
            self._socket.finish(self._ended_error())

    def _receive_binary(self, message: bytes) -> None:
        try:
            binary = BinaryMedia(message)
        except ValueError as error:
            logger.warning("%s", error)
            return
        media = binary.media()
        hold = self._hold(media.frame_id) if media.kind == "picture" else None
        # the JSON form costs a base64 text: only made where somebody looks
        if self._listeners or self._streams or self._emitter.has("event", "frame" if hold else "audio"):
            self._tell(binary.event(self.session_id), hold)
        self._emitter.emit("media", media, hold=hold)
        if hold is not None:
            hold.release()

    def _hold(self, frame_id: int) -> Hold:
        hold = Hold(lambda: self._socket.send_soon({"type": "frame_ack", "frame_id": frame_id}), ACK_WITHIN_S)
        hold.take()
        return hold

    def _tell(self, event: Union[ServerEvent, FrameEvent, AudioEvent], hold: Optional[Hold]) -> None:
        for listener in list(self._listeners):
            listener(event, None)
        for stream in list(self._streams):
            stream.push(event)
        self._emitter.emit("event", event, hold=hold)
        if event["type"] == "frame" or event["type"] == "audio":
            self._emitter.emit(event["type"], event["data"], event, hold=hold)
            return
        if event["type"] == "error" and not self._emitter.has("error") and event is not self._raised:
            logger.warning("%s (%s)", event["message"], event["code"])
        self._emitter.emit(event["type"], event)

    def _connection_changed(self, event: ConnectionEvent) -> None:
        if event.state == "closed":
            ended = self._ended_error()
            self._failure = None if ended else event.error
            self._tasks.fail(event.error or ended or _closed_error())
            for listener in list(self._listeners):
                listener(None, event.error)
            for stream in list(self._streams):
                stream.end(self._failure)
        self._emitter.emit("connection", event)

    async def _ask(
        self,
        message: ClientEvent,
        type: EventName,
        codes: Sequence[str],
        where: Callable[[Mapping[str, Any]], bool] = lambda event: True,
    ) -> ServerEvent:
        """Sends, and gives the event that answers; an `error` event with one of the codes is raised."""

        def answers(event: ServerEvent) -> bool:
            if event["type"] != "error":
                return event["type"] == type and where(event)
            if event["code"] not in codes:
                return False
            self._raised = event
            return True

        event = await self._next(answers, ANSWER_TIMEOUT_S, type, message)
        if event["type"] == "error":
            raise error_of_event(event)
        return event

    async def _next(
        self, fits: Callable[[ServerEvent], bool], timeout: float, what: str, message: Optional[ClientEvent] = None
    ) -> ServerEvent:
        """The next event that fits. The message is sent when an answer can no longer be missed."""
        self._require_open()
        found: asyncio.Future[ServerEvent] = asyncio.get_running_loop().create_future()

        def listener(event: Optional[ServerEvent], error: Optional[AvatarError]) -> None:
            if found.done():
                return
            if event is None:
                found.set_exception(error or self._ended_error() or _closed_error())
            elif fits(event):
                found.set_result(event)

        self._listeners.append(listener)
        try:
            if message is not None:
                await self._socket.send(message)
            return await asyncio.wait_for(found, timeout)
        except asyncio.TimeoutError as error:
            raise avatar_error("TIMEOUT", f"No {what} within {timeout:g} s.") from error
        finally:
            self._listeners.remove(listener)
            if found.done() and not found.cancelled():
                found.exception()  # seen, also where sending failed first

    def _require_open(self) -> None:
        over = self._ended_error()
        if over is not None:
            raise over
        if self.connection == "closed":
            raise _closed_error()

    def _ended_error(self) -> Optional[AvatarError]:
        if self.ended is None:
            return None
        reason, duration = self.ended["reason"], self.ended["duration"]
        details = {"reason": reason, "duration": duration}
        return avatar_error("SESSION_ENDED", f"The session is over ({reason}); create a new one.", details=details)


def _closed_error() -> AvatarError:
    return avatar_error("NOT_CONNECTED", "There is no connection; call connect() first.")
