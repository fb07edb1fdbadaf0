"""A server that speaks the documented API: HTTP on one port, the socket on another. The test decides when media comes."""

import asyncio
import base64
import json
import threading
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, AsyncIterator, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple, Union
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

SESSION_ID = "550e8400-e29b-41d4-a716-446655440000"


def token_of(session_id: str) -> str:
    """In JWT form; nobody checks its signature here."""
    payload = base64.urlsafe_b64encode(json.dumps({"sub": session_id}).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2ln"


TOKEN = token_of(SESSION_ID)
LIMITS = {"join_timeout_s": 30, "idle_timeout_s": 120, "max_duration_s": 3600, "resume_window_s": 30}


class Call(NamedTuple):
    path: str
    body: Any
    authorization: Optional[str]


class Answer(NamedTuple):
    status: int
    body: Any
    headers: Mapping[str, str] = MappingProxyType({})
    stall: Optional[threading.Event] = None
    """Waited for before anything is answered."""


def failure(code: str, message: str, **details: Any) -> Dict[str, Any]:
    """The documented error body."""
    return {"error": {"code": code, "message": message, "details": details}}


def sse(*pieces: str, failed: Any = None, done: bool = True) -> str:
    chunks: List[Any] = [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]
    lines = [json.dumps(chunk) for chunk in chunks + ([] if failed is None else [failed])]
    return "".join(f"data: {line}\n\n" for line in [*lines, *(["[DONE]"] if done else [])])


class FakeApi:
    def __init__(self) -> None:
        self.calls: List[Call] = []
        self.received: List[Dict[str, Any]] = []
        """Every message of a client, in order."""
        self.upgrades: List[Tuple[Dict[str, List[str]], Headers]] = []
        """Query and headers of every socket."""
        self.scripted: Dict[str, List[Answer]] = {}
        """Answers that come before the usual ones, by path: taken from the front."""
        self.react: Callable[[Dict[str, Any]], None] = self._react
        """What a client's message sets off; by default what the contract says."""
        self.refusal: Optional[Tuple[int, Any]] = None
        """Sockets are refused with this status and body."""
        self.seq = 0
        self._sockets: List[ServerConnection] = []
        self._news = asyncio.Condition()
        self._loop = asyncio.get_running_loop()
        self.http_port = 0
        self.ws_port = 0

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}/v1"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.ws_port}/ws"

    def paths(self) -> List[str]:
        return [call.path for call in self.calls]

    def send(self, type: str, **fields: Any) -> None:
        """An event to every socket."""
        self.send_raw(json.dumps({"type": type, "seq": self.seq, "session_id": SESSION_ID, **fields}))
        self.seq += 1

    def send_raw(self, message: Union[str, bytes]) -> None:
        for ws in self._sockets:
            self._loop.create_task(_quietly(ws, message))

    def send_frames(self, *frame_ids: int, data: str = "anBlZw==") -> None:
        for frame_id in frame_ids:
            self.send("frame", data=data, frame_id=frame_id, timestamp=1_700_000_000 + frame_id / 25, generation=0)

    async def drop(self, code: Optional[int] = None) -> None:
        """Cuts all sockets; without a goodbye where there is no code."""
        sockets, self._sockets = self._sockets, []
        for ws in sockets:
            if code is None:
                ws.transport.abort()
            else:
                await ws.close(code)

    async def until(self, what: str, check: Callable[[], Any], timeout: float = 5.0) -> Any:
        """What the check gives, once it holds; it is looked at whenever something arrives."""

        async def look() -> Any:
            async with self._news:
                await self._news.wait_for(lambda: bool(check()))
            return check()

        try:
            return await asyncio.wait_for(look(), timeout)
        except asyncio.TimeoutError:
            raise AssertionError(f"the fake server waited {timeout} s for {what}; received {self.received[-5:]}") from None

    async def until_received(self, type: str, count: int = 1) -> List[Dict[str, Any]]:
        def found() -> List[Dict[str, Any]]:
            events = [event for event in self.received if event["type"] == type]
            return events if len(events) >= count else []

        events: List[Dict[str, Any]] = await self.until(f"{count} {type}", found)
        return events

    async def serve_socket(self, ws: ServerConnection) -> None:
        request = ws.request
        assert request is not None
        query = parse_qs(urlsplit(request.path).query)
        self.upgrades.append((query, request.headers))
        self._sockets.append(ws)
        self.send("session_state", state="live", resumed="resume_from" in query, missed=0)
        await self._wake()
        try:
            async for message in ws:
                event = json.loads(message)
                self.received.append(event)
                self.react(event)
                await self._wake()
        except ConnectionClosed:
            pass
        finally:
            self._sockets = [other for other in self._sockets if other is not ws]
            await self._wake()

    def admit(self, ws: ServerConnection, request: Request) -> Optional[Response]:
        if self.refusal is None:
            return None
        status, body = self.refusal
        return Response(status, "Refused", Headers({"x-request-id": "req_socket"}), json.dumps(body).encode())

    async def _wake(self) -> None:
        async with self._news:
            self._news.notify_all()

    def called(self, call: Call) -> Answer:
        """In the HTTP server's thread."""
        self.calls.append(call)
        asyncio.run_coroutine_threadsafe(self._wake(), self._loop)
        scripted = self.scripted.get(call.path)
        return scripted.pop(0) if scripted else self._usual(call)

    def _react(self, event: Dict[str, Any]) -> None:
        if event["type"] == "ping":
            self.send_raw('{"type":"pong"}')
        elif event["type"] == "interrupt":
            heard = {"played_ms": 320, "spoken_text": "Once upon", "dropped_ms": 900}
            self.send("interrupted", task_id="task_000001", generation=1, **heard)
        elif event["type"] == "audio_buffer_append":
            self.send("audio_buffer_appended", buffered_ms=100, appended_ms=100)
        elif event["type"] == "audio_buffer_commit":
            self.send("audio_buffer_committed", task_id="task_audio1", duration_ms=100)
        elif event["type"] == "start_listening":
            self.send("status", status="listening", message="Avatar is now listening...")

    def _usual(self, call: Call) -> Answer:
        interrupted = {"status": "interrupted", "task_id": "task_000001", "played_ms": 1, "spoken_text": "", "dropped_ms": 2}
        made = {"session_id": SESSION_ID, "access_token": TOKEN, "ice_servers": [], "limits": LIMITS}
        usual: Dict[str, Any] = {
            "/v1/streaming.new": {**made, "ws_url": f"{self.ws_url}/{SESSION_ID}"},
            "/v1/streaming.sessions": {"sessions": [], "total": 0},
            "/v1/streaming.stop": {"status": "stopped", "duration": 1.5},
            "/v1/streaming.keep_alive": {"status": "ok", "expires_in_s": 120},
            "/v1/streaming.interrupt": interrupted,
            "/v1/avatar.speak": {"task_id": "task_000001", "status": "processing", "duration_estimate": 1.5},
            "/v1/avatars": {"avatars": [], "total": 0},
            "/v1/voices": {"voices": [], "total": 0},
            "/v1/chat.completions": sse("Hello", " there", "!"),
            "/health": {"status": "healthy"},
        }
        if call.path in usual:
            return Answer(200, usual[call.path])
        return Answer(404, failure("NOT_FOUND", f"nothing at {call.path}"))


async def _quietly(ws: ServerConnection, message: Union[str, bytes]) -> None:
    try:
        await ws.send(message)
    except ConnectionClosed:
        pass  # the client has left


@asynccontextmanager
async def running_fake_api() -> AsyncIterator[FakeApi]:
    api = FakeApi()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            text = self.rfile.read(int(self.headers.get("content-length", 0)))
            answer = api.called(Call(self.path, json.loads(text) if text else None, self.headers.get("authorization")))
            if answer.stall is not None:
                answer.stall.wait(5)
            raw = isinstance(answer.body, str)
            content = answer.body.encode() if raw else json.dumps(answer.body).encode()
            try:
                self.send_response(answer.status)
                headers = {"content-type": "text/event-stream" if raw else "application/json", "x-request-id": "req_fake"}
                for name, value in {**headers, "content-length": str(len(content)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                pass  # the client has given up

        do_GET = do_POST = _serve

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    api.http_port = http.server_address[1]
    try:
        async with serve(api.serve_socket, "127.0.0.1", 0, process_request=api.admit, max_size=None) as sockets:
            api.ws_port = _port(sockets)
            yield api
            await api.drop()
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def _port(server: Server) -> int:
    (socket, *_) = server.sockets
    port: int = socket.getsockname()[1]
    return port
