"""A session's connection: how it is opened, kept and left."""

import asyncio
from typing import Literal, Optional, Sequence, TypeVar

from ._session_events import SessionEvents, closed_error
from ._signals import stop_signals
from .errors import AvatarError, NotFoundError
from .types import KeepAliveResponse, ServerEvent, StopSessionResponse

DRAIN_S = 5.0
"""What `run_forever` leaves the handlers at the end."""

FurtherEvent = Literal["words", "stats", "levels"]
S = TypeVar("S", bound="SessionConnection")


class SessionConnection(SessionEvents):
    async def __aenter__(self: S) -> S:
        if self.connection == "closed":
            await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.disconnect()

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
                raise closed_error()
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

    async def keep_alive(self) -> KeepAliveResponse:
        """Starts the idle time anew."""
        answer: KeepAliveResponse = await self._http.json("/streaming.keep_alive", self._body(), repeatable=True)
        return answer

    async def stop(self) -> StopSessionResponse:
        """Ends the session for everyone."""
        answer: StopSessionResponse = await self._http.json("/streaming.stop", self._body(), repeatable=True)
        return answer
