"""The socket of one session, kept alive: opens it, notices when it is dead, comes back with what was missed.

Knows nothing of what the events mean, besides their number.
"""

import asyncio
import json
import logging
from collections import deque
from dataclasses import dataclass
from typing import Any, Callable, Deque, Dict, Literal, Mapping, Optional, Set, Union
from urllib.parse import parse_qsl, urlencode, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidProxyStatus, InvalidStatus, InvalidURI, ProxyError, WebSocketException

from ._backoff import backoff_s
from ._binary_media import SEQ
from ._error_table import ERRORS
from ._proxy import proxy_for, refused_login
from .errors import AvatarError, avatar_error, error_of_response
from .types import ClientEvent

OPEN_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
RECONNECT_BASE_S = 0.3
RECONNECT_MAX_S = 5.0
PING_AFTER_S = 7.0
"""Silence after which the server is asked for a sign of life; after three times as much it is taken for gone."""
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
CLOSED_ABNORMALLY = 1006

logger = logging.getLogger("avatar_sdk")
ConnectionState = Literal["connecting", "open", "reconnecting", "closed"]


@dataclass(frozen=True)
class ConnectionEvent:
    """What happens to the connection."""

    state: ConnectionState
    attempt: Optional[int] = None
    """Attempt number while reconnecting, from 1."""
    error: Optional[AvatarError] = None
    """Why it is closed for good, where it was not closed by you."""
    type: str = "connection"


class SessionSocket:
    """
    Args:
        reconnect_for: how long a lost connection is tried again, seconds.
        on_event: gets every event of the server as it was sent.
    """

    def __init__(
        self,
        *,
        url: str,
        token: str,
        reconnect_for: float,
        on_event: Callable[[Dict[str, Any]], None],
        on_binary: Callable[[bytes], None],
        on_connection: Callable[[ConnectionEvent], None],
    ) -> None:
        self.state: ConnectionState = "closed"
        self._url = url
        self._token = token
        self._reconnect_for = reconnect_for
        self._on_event = on_event
        self._on_binary = on_binary
        self._on_connection = on_connection
        self._query: Mapping[str, str] = {}
        self._ws: Optional[ClientConnection] = None
        self._keeper: Optional[asyncio.Task[None]] = None
        self._hurry: Optional[asyncio.Event] = None
        self._last_seq: Optional[int] = None
        self._pongs: Deque[asyncio.Future[None]] = deque()
        self._background: Set[asyncio.Task[None]] = set()

    async def open(self, query: Mapping[str, str]) -> None:
        """Raises AvatarError."""
        if self.state != "closed":
            raise avatar_error("INVALID_REQUEST", "This session is connected already.")
        self._query = query
        self._hurry = asyncio.Event()
        self._change(ConnectionEvent("connecting"))
        try:
            ws = await self._dial()
        except BaseException:
            # also when it is cancelled: nothing half open stays behind
            self.finish()
            raise
        self._keeper = asyncio.get_running_loop().create_task(self._keep(ws))

    async def send(self, event: ClientEvent) -> None:
        """Raises AvatarError NOT_CONNECTED."""
        ws = self._ws
        if ws is None:
            message = "There is no connection now; call connect() first, or wait until it is back."
            raise avatar_error("NOT_CONNECTED", message)
        try:
            await ws.send(json.dumps(event))
        except ConnectionClosed as error:
            raise avatar_error("NOT_CONNECTED", "The connection is being restored; try again.") from error

    def send_soon(self, event: ClientEvent) -> None:
        """For what nobody waits for; lost with the connection."""
        ws = self._ws
        if ws is not None:
            self._in_background(_quietly(ws.send(json.dumps(event))))

    async def ping(self) -> float:
        """Round trip to the server, ms."""
        loop = asyncio.get_running_loop()
        pong: asyncio.Future[None] = loop.create_future()
        self._pongs.append(pong)
        started_s = loop.time()
        await self.send({"type": "ping"})
        try:
            await asyncio.wait_for(pong, OPEN_TIMEOUT_S)
        except asyncio.TimeoutError as error:
            raise avatar_error("TIMEOUT", f"No pong within {OPEN_TIMEOUT_S:g} s.") from error
        return (loop.time() - started_s) * 1000

    def retry_now(self) -> None:
        if self._hurry is not None:
            self._hurry.set()

    def finish(self, error: Optional[AvatarError] = None) -> None:
        """Closed for good from now on; the goodbye goes out in the background."""
        if self.state == "closed":
            return
        ws, self._ws = self._ws, None
        if ws is not None:
            self._in_background(_quietly(ws.close()))
        self._fail_pongs()
        self._change(ConnectionEvent("closed", error=error))

    async def close(self) -> None:
        self.finish()
        keeper, self._keeper = self._keeper, None
        if keeper is not None and keeper is not asyncio.current_task():
            keeper.cancel()
            await asyncio.wait({keeper})
        if self._background:
            await asyncio.wait(self._background, timeout=CLOSE_TIMEOUT_S + 1)

    def _address(self) -> str:
        parts = urlsplit(self._url)
        query = {**dict(parse_qsl(parts.query)), **self._query}
        if self._last_seq is not None:
            query["resume_from"] = str(self._last_seq)
        return parts._replace(query=urlencode(query)).geturl()

    async def _dial(self) -> ClientConnection:
        proxy = proxy_for(self._url)
        proxy_url = None if proxy is None else proxy.for_socket()
        try:
            ws = await connect(
                self._address(),
                proxy=proxy_url,
                # in a header: addresses are written into logs
                additional_headers={"Authorization": f"Bearer {self._token}"},
                open_timeout=OPEN_TIMEOUT_S,
                close_timeout=CLOSE_TIMEOUT_S,
                # JPEG and PCM do not get smaller; signs of life are asked of the session itself, not of the next hop
                compression=None,
                ping_interval=None,
                max_size=MAX_MESSAGE_BYTES,
            )
        except InvalidStatus as refused:
            response = refused.response
            raise error_of_response(response.status_code, _json(response.body), response.headers) from None
        except InvalidURI as error:
            raise avatar_error("INVALID_REQUEST", f"{self._url} is no address of a socket.") from error
        except (OSError, asyncio.TimeoutError, WebSocketException) as error:
            if isinstance(error, InvalidProxyStatus) and error.response.status_code == 407:
                refused_login(proxy)
            through = "" if proxy is None else f" through the proxy {proxy}"
            # of a failed SOCKS handshake only the cause says something
            reason = str(error.__cause__ if isinstance(error, ProxyError) and error.__cause__ else error) or type(error).__name__
            message = f"The socket at {urlsplit(self._url).netloc} cannot be reached{through}: {reason}."
            raise avatar_error("CONNECTION_FAILED", message) from error
        if self.state == "closed":
            await _quietly(ws.close())
            raise avatar_error("NOT_CONNECTED", "The connection was closed.")
        self._ws = ws
        self._change(ConnectionEvent("open"))
        return ws

    async def _keep(self, ws: ClientConnection) -> None:
        """Reads until it is over, through every loss of the connection."""
        try:
            while True:
                code = await self._read(ws)
                if self.state == "closed":
                    return
                self._ws = None
                self._fail_pongs()
                self._in_background(_quietly(ws.close()))
                for name, row in ERRORS.items():
                    if row.close == code and not row.retryable:
                        return self.finish(avatar_error(name, f"The server closed the connection ({code})."))
                ws = await self._come_back()
        except AvatarError as error:
            self.finish(error)
        except Exception as error:
            logger.exception("reading the connection failed")
            self.finish(avatar_error("CONNECTION_FAILED", f"Reading the connection failed: {error}"))

    async def _read(self, ws: ClientConnection) -> int:
        """The code with which it ended."""
        unanswered = 0
        while self.state != "closed":
            try:
                message = await asyncio.wait_for(ws.recv(), PING_AFTER_S)
            except asyncio.TimeoutError:
                unanswered += 1
                if unanswered > 2:
                    return CLOSED_ABNORMALLY
                self.send_soon({"type": "ping"})
                continue
            except ConnectionClosed:
                return ws.close_code or CLOSED_ABNORMALLY
            unanswered = 0
            self._receive(message)
        return CLOSED_ABNORMALLY

    def _receive(self, message: Union[str, bytes]) -> None:
        if isinstance(message, bytes):
            if len(message) >= SEQ.size:
                self._count(SEQ.unpack_from(message)[0])
            self._on_binary(message)
            return
        event = _json(message)
        if not isinstance(event, dict) or not isinstance(event.get("type"), str):
            logger.warning("a message of the server was not understood (%d characters)", len(message))
            return
        if event["type"] == "pong" and self._pongs:
            pong = self._pongs.popleft()
            if not pong.done():
                pong.set_result(None)
        self._count(event.get("seq"))
        self._on_event(event)

    def _count(self, seq: object) -> None:
        if isinstance(seq, int) and seq > (-1 if self._last_seq is None else self._last_seq):
            self._last_seq = seq

    async def _come_back(self) -> ClientConnection:
        """Raises AvatarError when the session is gone, or when it took too long."""
        loop = asyncio.get_running_loop()
        give_up_at_s = loop.time() + self._reconnect_for
        attempt = 1
        while True:
            self._change(ConnectionEvent("reconnecting", attempt=attempt))
            await self._pause(backoff_s(attempt, RECONNECT_BASE_S, RECONNECT_MAX_S))
            try:
                return await self._dial()
            except AvatarError as error:
                if not error.retryable or loop.time() > give_up_at_s:
                    raise
                logger.debug("connecting again failed: %s, attempt %d", error.code, attempt)
            attempt += 1

    async def _pause(self, seconds: float) -> None:
        hurry = self._hurry = asyncio.Event()
        try:
            await asyncio.wait_for(hurry.wait(), seconds)
        except asyncio.TimeoutError:
            pass  # nobody was in a hurry

    def _fail_pongs(self) -> None:
        for pong in self._pongs:
            if not pong.done():
                pong.set_exception(avatar_error("NOT_CONNECTED", "The connection is gone."))
        self._pongs.clear()

    def _change(self, event: ConnectionEvent) -> None:
        self.state = event.state
        self._on_connection(event)

    def _in_background(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


async def _quietly(work: Any) -> None:
    try:
        await work
    except (WebSocketException, OSError):
        pass  # the connection is gone, which its reader notices


def _json(text: Union[str, bytes, bytearray, None]) -> object:
    try:
        return json.loads(text or "")
    except ValueError:
        # no JSON; the caller decides what that means
        return None
