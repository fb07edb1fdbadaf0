"""The same client for programs without an event loop: calls block, handlers run in a thread of their session.

Handlers may call everything here; one session's handlers run one after the other.
"""

# Generated from the async client by scripts/gen_sync.py; changes here are lost.

from typing import Any, Callable, Dict, Iterator, List, Literal, Mapping, Optional, Sequence, Union, overload

from . import _chat, _speech_tasks, client
from ._audio_pieces import AudioSource, RawFormat
from ._blocking import Blocking, BlockingSession, Loop
from ._chat import ChatReply, OnToolCall
from ._emitter import Handler
from ._listen import VoiceSource
from ._session_connection import FurtherEvent
from ._session_events import ANSWER_TIMEOUT_S, EventName, H
from ._socket import ConnectionState
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


class SpeakResult(Blocking[_speech_tasks.SpeakResult]):
    """A text that the avatar was asked to say."""

    @property
    def task_id(self) -> str:
        return self._driven.task_id

    def finished(self, timeout: Optional[float] = None) -> SpeechFinished:
        """Waits until it was said, interrupted or failed; `["reason"]` says which. Needs the connection.

        Args:
            timeout: seconds; None waits as long as the connection lasts.
        """
        return self._loop.run(self._driven.finished(timeout))

    @property
    def status(self) -> str:
        """`processing` or `queued`."""
        return self._driven.status

    @property
    def duration_estimate(self) -> float:
        """Seconds of speech, within 25 %."""
        return self._driven.duration_estimate

    @property
    def warnings(self) -> List[str]:
        """What was adjusted in this call, in words."""
        return self._driven.warnings


class SpeakAudioResult(Blocking[_speech_tasks.SpeakAudioResult]):
    """A sound that the avatar was asked to speak."""

    @property
    def task_id(self) -> str:
        return self._driven.task_id

    def finished(self, timeout: Optional[float] = None) -> SpeechFinished:
        """Waits until it was said, interrupted or failed; `["reason"]` says which. Needs the connection.

        Args:
            timeout: seconds; None waits as long as the connection lasts.
        """
        return self._loop.run(self._driven.finished(timeout))

    @property
    def duration_ms(self) -> float:
        return self._driven.duration_ms


class ChatStream(Blocking[_chat.ChatStream]):
    """The pieces of a reply, as an iterator. `close()` ends it early, which ends the reply too."""

    @property
    def reply(self) -> ChatReply:
        """What came so far; after the last piece, the whole."""
        return self._driven.reply

    def __iter__(self) -> Iterator[str]:
        return self._loop.iterate(self._loop.call(self._driven.__aiter__))

    def close(self) -> None:
        self._loop.run(self._driven.aclose())


class AvatarSession(BlockingSession):
    """A session as `AvatarClient` makes it. `with` connects it, and disconnects it at the end."""

    @property
    def session_id(self) -> str:
        """Its name."""
        return self._driven.session_id

    @property
    def access_token(self) -> str:
        """Opens and drives this session only; a browser may hold it."""
        return self._driven.access_token

    @property
    def ice_servers(self) -> List[IceServer]:
        """For WebRTC."""
        return self._driven.ice_servers

    @property
    def limits(self) -> Optional[SessionLimits]:
        """None where only the token was known."""
        return self._driven.limits

    @property
    def warnings(self) -> List[str]:
        """What the server adjusted when the session was created, in words."""
        return self._driven.warnings

    @property
    def ended(self) -> Optional[SessionEnded]:
        """The last event of a session that is over."""
        return self._driven.ended

    @property
    def connection(self) -> ConnectionState:
        """`connecting`, `open`, `reconnecting` or `closed`."""
        return self._driven.connection

    @overload
    def on(self, type: EventName) -> Callable[[H], H]: ...
    @overload
    def on(self, type: EventName, handler: H) -> H: ...
    def on(self, type: EventName, handler: Optional[H] = None) -> Union[H, Callable[[H], H]]:
        """Calls the handler, in the session's own thread, for each event of a type. As a decorator: `@session.on("chat")`.

        Handlers of `frame` and `audio` get the base64 text and, when they take two parameters, the whole event. Handlers
        run one after the other; a slow one of `frame` gets fewer frames, not older ones.
        """
        return self._register(self._driven.on, type, handler)

    @overload
    def once(self, type: EventName) -> Callable[[H], H]: ...
    @overload
    def once(self, type: EventName, handler: H) -> H: ...
    def once(self, type: EventName, handler: Optional[H] = None) -> Union[H, Callable[[H], H]]:
        """Like `on`, for the next event only."""
        return self._register(self._driven.once, type, handler)

    def off(self, type: EventName, handler: Handler) -> None:
        self._unregister(self._driven.off, type, handler)

    def wait_for(self, type: EventName, *, timeout: float = ANSWER_TIMEOUT_S, where: Callable[[Any], bool] = lambda event: True) -> Any:
        """The next event of one of the server's types.

        Args:
            timeout: seconds.
            where: which one; by default the first.
        """
        return self._loop.run(self._driven.wait_for(type, timeout=timeout, where=where))

    def __iter__(self) -> Iterator[ServerEvent]:
        return self._loop.iterate(self._loop.call(self._driven.__aiter__))

    def __enter__(self) -> "AvatarSession":
        self._loop.run(self._driven.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._driven.__aexit__(*_))
        self._executor.shutdown(wait=False)

    def connect(
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
        self._loop.run(self._driven.connect(media, audio, video, events=events))

    def retry_now(self) -> None:
        """While the connection is being restored: tries again at once."""
        self._loop.call(self._driven.retry_now)

    def ping(self) -> float:
        """Round trip to the server over the socket, ms."""
        return self._loop.run(self._driven.ping())

    def disconnect(self, *, stop: Optional[bool] = None) -> None:
        """Closes the connection. A session that was created here ends with it; one that was attached goes on for the others.

        Args:
            stop: whether to end the session; by default only if it was created here.
        """
        self._loop.run(self._driven.disconnect(stop=stop))
        self._executor.shutdown(wait=False)

    def run_forever(self) -> None:
        """Handles events until the session ends, `disconnect()` is called, or Ctrl-C; then leaves the session.

        Raises AvatarError when the connection was lost for good.
        """
        with self._left_at_the_end():
            self._loop.run(self._driven.run_forever(handle_signals=False))

    def keep_alive(self) -> KeepAliveResponse:
        """Starts the idle time anew."""
        return self._loop.run(self._driven.keep_alive())

    def stop(self) -> StopSessionResponse:
        """Ends the session for everyone."""
        return self._loop.run(self._driven.stop())

    def speak_audio(
        self,
        source: AudioSource,
        *,
        format: Optional[RawFormat] = None,
        sample_rate: Optional[int] = None,
        channels: Literal[1, 2] = 1,
    ) -> SpeakAudioResult:
        """Lets the avatar speak this sound, of at most 60 s.

        Args:
            source: a file's content or path (WAV, MP3, Ogg, WebM, FLAC), or an iterable, async or not, of raw samples.
            format: how raw samples are written (`pcm_s16le`, `pcm_f32le`, `mulaw`, `alaw`, ...), or `auto` for a stream of
                a file's bytes; without it a file says what it is, and a stream is `pcm_s16le`.
            sample_rate: Hz of raw samples; by default 24000, of mulaw and alaw 8000.
            channels: of raw samples.
        """
        work = self._driven.speak_audio(source, format=format, sample_rate=sample_rate, channels=channels)
        return SpeakAudioResult(self._loop.run(work), self._loop)

    def start_listening(self, mode: Optional[ListenMode] = None) -> None:
        """Opens the user's ear. Raises UnavailableError where nothing recognises speech.

        Args:
            mode: `vad`: pauses end a turn, hands free; `manual`: `stop_listening` ends it; by default the session's.
        """
        self._loop.run(self._driven.start_listening(mode))

    def stop_listening(self) -> None:
        """Closes the user's ear; what was heard is answered."""
        self._loop.run(self._driven.stop_listening())

    def append_user_audio(
        self,
        source: AudioSource,
        *,
        format: Optional[RawFormat] = None,
        sample_rate: Optional[int] = None,
        channels: Literal[1, 2] = 1,
    ) -> None:
        """The user's voice, while listening; the same sources as `speak_audio`."""
        self._loop.run(self._driven.append_user_audio(source, format=format, sample_rate=sample_rate, channels=channels))

    def listen(
        self,
        source: VoiceSource,
        *,
        sample_rate: int = 24_000,
        format: RawFormat = "pcm_s16le",
        channels: Literal[1, 2] = 1,
        mode: Optional[ListenMode] = None,
    ) -> None:
        """Lets the avatar hear a voice until it ends; for a microphone, in a thread of its own.
        What was said is answered aloud; see the events
        `user_speech_started`, `user_speech_stopped`, `user_speech_dropped`, `speech_paused`, `speech_resumed` and `chat` with the role `user`.

        Args:
            source: raw samples as they come, an iterable, async or not; what comes faster than it sounds is slowed down.
            sample_rate: Hz.
            mode: as of `start_listening`.
        """
        self._loop.run(self._driven.listen(source, sample_rate=sample_rate, format=format, channels=channels, mode=mode))

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
        """Says the text. `result.finished()` waits until it was heard.

        Args:
            mode: `queue` (the default): after what is being said; `interrupt`: instead of it and of all that waits.
        """
        work = self._driven.speak(text, voice_id=voice_id, voice_settings=voice_settings, emotion=emotion, cues=cues, mode=mode)
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
        settings: Optional[Mapping[str, Any]] = None,
    ) -> ChatReply:
        """Answers aloud; the text of the reply, once it is written. It is a `str`, with `tool_calls` and `finish_reason`."""
        work = self._driven.chat(
            input,
            model=model,
            tools=tools,
            tool_choice=tool_choice,
            on_tool_call=None if on_tool_call is None else self._in_thread(on_tool_call),
            mode=mode,
            settings=settings,
        )
        return self._loop.run(work)

    def chat_stream(
        self,
        input: Union[str, Sequence[ChatMessage]],
        *,
        model: Optional[str] = None,
        tools: Optional[Sequence[ChatTool]] = None,
        tool_choice: Optional[ToolChoice] = None,
        on_tool_call: Optional[OnToolCall] = None,
        mode: Optional[TaskMode] = None,
        settings: Optional[Mapping[str, Any]] = None,
    ) -> ChatStream:
        """Answers aloud, and yields the reply while it is being written; then its `reply` is what `chat` gives.

        Args:
            tools: what the model may call in this answer.
            on_tool_call: called for each function that the model wants called. What it gives back is told to
                the model (text as it is, anything else as JSON), which then goes on with its reply.
            mode: `queue` (the default): after what is being said; `interrupt`: instead of it and of all that waits.
            settings: further fields for the model's server: `temperature`, `max_tokens`, `top_p`, `response_format`, ...
        """
        result = self._loop.call(
            self._driven.chat_stream,
            input,
            model=model,
            tools=tools,
            tool_choice=tool_choice,
            on_tool_call=None if on_tool_call is None else self._in_thread(on_tool_call),
            mode=mode,
            settings=settings,
        )
        return ChatStream(result, self._loop)

    def interrupt(self) -> Dict[str, Any]:
        """Stops the speech at once. What was heard of it: `task_id`, `played_ms`, `spoken_text`, `dropped_ms`."""
        return self._loop.run(self._driven.interrupt())


class AvatarClient(Blocking[client.AvatarClient]):
    """Every call blocks.

    Args:
        api_url: base of the HTTP API, e.g. `https://api.example.com/v1`.
        ws_url: base of the socket, e.g. `wss://ws.example.com/ws`; by default the address that the server answers.
        api_key: by default the variable AVATAR_API_KEY; local servers need none.
        timeout: longest wait for an answer, seconds.
        max_retries: further attempts of a call that was refused for now, or that is safe to repeat.
        reconnect_for: how long a lost connection is tried again before the session is given up, seconds.
    """

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
        driven = client.AvatarClient(api_url, ws_url, api_key, timeout=timeout, max_retries=max_retries, reconnect_for=reconnect_for)
        super().__init__(driven, Loop())

    def __enter__(self) -> "AvatarClient":
        self._loop.run(self._driven.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._driven.__aexit__(*_))
        self._loop.close()

    def close(self) -> None:
        """Closes the HTTP connections. Leaving the last session does it too; a later call opens them anew."""
        self._loop.run(self._driven.aclose())
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
        """Opens a session.

        Args:
            system_prompt: who the avatar is.
            tools: what the model may call in answers to speech; see the event `tool_call`.
            turn_detection: when the user's turn begins and ends, and whether speech interrupts the avatar.
            language: of the user, such as `en` (BCP 47).
        """
        work = self._driven.create_session(
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
        """A session that somebody else opened."""
        return AvatarSession(self._loop.call(self._driven.attach, session_id, access_token), self._loop)

    def attach_session(self, access_token: str) -> AvatarSession:
        """A session that somebody else opened, by its token alone. Raises AuthenticationError when it is no session token."""
        return AvatarSession(self._loop.call(self._driven.attach_session, access_token), self._loop)

    def sessions(self) -> SessionListResponse:
        """Open sessions of this API key."""
        return self._loop.run(self._driven.sessions())

    def avatars(self) -> AvatarListResponse:
        """Who can appear."""
        return self._loop.run(self._driven.avatars())

    def voices(self) -> VoiceListResponse:
        """How they can sound."""
        return self._loop.run(self._driven.voices())

    def health(self) -> HealthResponse:
        """Whether everything is there."""
        return self._loop.run(self._driven.health())
