"""A session's events: who is told what, and who waits for what."""

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

from ._binary_media import BinaryMedia, media_of_audio, media_of_frame
from ._emitter import Emitter, Handler, Hold
from ._event_stream import EventStream
from ._http import Http
from ._socket import ConnectionEvent, ConnectionState, SessionSocket
from ._speech_tasks import SpeechTasks
from .errors import AvatarError, avatar_error, error_of_event
from .types import (
    AudioEvent,
    ClientEvent,
    FrameEvent,
    IceServer,
    ServerEvent,
    ServerEventType,
    SessionEnded,
    SessionLimits,
)

ANSWER_TIMEOUT_S = 15.0
"""Longest wait for the server's answer to a message on the socket."""
ACK_WITHIN_S = 5.0
"""A frame is acknowledged when the handlers are done with it, and at the latest then: the server closes at 10 s."""

logger = logging.getLogger("avatar_sdk")

EventName = Literal[ServerEventType, "media", "connection", "interrupting", "event"]
"""The server's events by type, and ours: `media` (every frame and sound as bytes), `connection` (its ups and downs),
`interrupting` (`interrupt()` was called here) and `event` (every event of the server)."""
H = TypeVar("H", bound=Handler)


class SessionEvents:
    session_id: str
    """Its name."""
    access_token: str
    """Opens and drives this session only; a browser may hold it."""
    ice_servers: List[IceServer]
    """For WebRTC."""
    limits: Optional[SessionLimits]
    """None where only the token was known."""
    warnings: List[str]
    """What the server adjusted when the session was created, in words."""
    ended: Optional[SessionEnded]
    """The last event of a session that is over."""

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
        self.ended = None
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

    @property
    def connection(self) -> ConnectionState:
        """`connecting`, `open`, `reconnecting` or `closed`."""
        return self._socket.state

    @overload
    def on(self, type: EventName) -> Callable[[H], H]: ...
    @overload
    def on(self, type: EventName, handler: H) -> H: ...
    def on(self, type: EventName, handler: Optional[H] = None) -> Union[H, Callable[[H], H]]:
        """Calls the handler, sync or async, for each event of a type. As a decorator: `@session.on("chat")`.

        Handlers of `frame` and `audio` get the base64 text and, when they take two parameters, the whole event. An async
        handler gets its events one after the other; a slow one of `frame` gets fewer frames, not older ones.
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
            raise closed_error()
        stream = EventStream()
        if self.connection == "closed":
            stream.end(self._failure)
        self._streams.add(stream)
        return stream

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
        hold = self._hold(media.frame_id) if media.kind == "frame" else None
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
            self._tasks.fail(event.error or ended or closed_error())
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
                found.set_exception(error or self._ended_error() or closed_error())
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
            raise closed_error()

    def _ended_error(self) -> Optional[AvatarError]:
        if self.ended is None:
            return None
        reason, duration = self.ended["reason"], self.ended["duration"]
        details = {"reason": reason, "duration": duration}
        return avatar_error("SESSION_ENDED", f"The session is over ({reason}); create a new one.", details=details)


def closed_error() -> AvatarError:
    return avatar_error("NOT_CONNECTED", "There is no connection; call connect() first.")
