import asyncio
import base64
import io
import json
import threading
from typing import Any, Callable, Dict, Iterator, List, TypeVar

import numpy as np
import pytest
from PIL import Image

from avatar_sdk import ConnectionError, NotFoundError, video
from avatar_sdk.sync import AvatarClient, AvatarSession
from fake_api import Answer, FakeApi, running_fake_api

T = TypeVar("T")


class FakeInThread:
    """The fake server on a loop of its own, as a program without one meets it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._context = running_fake_api()
        self.api: FakeApi = self.wait(self._context.__aenter__())

    def wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def call(self, function: Callable[..., T], *args: Any, **named: Any) -> T:
        async def called() -> T:
            return function(*args, **named)

        result: T = self.wait(called())
        return result

    def stop(self) -> None:
        self.wait(self._context.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def fake() -> Iterator[FakeInThread]:
    fake = FakeInThread()
    yield fake
    fake.stop()


@pytest.fixture
def session(fake: FakeInThread) -> Iterator[AvatarSession]:
    with AvatarClient(fake.api.api_url, fake.api.ws_url) as client, client.create_session(quality="low") as session:
        yield session


def test_the_same_calls_block(fake: FakeInThread, session: AvatarSession) -> None:
    assert session.chat("Hi") == "Hello there!"
    assert list(session.chat_stream("Hi")) == ["Hello", " there", "!"]
    result = session.speak("Welcome to our demo!")
    fake.call(fake.api.send, "speech_finished", task_id=result.task_id, reason="completed", played_ms=900)
    assert result.finished(timeout=5)["reason"] == "completed"
    assert session.interrupt()["spoken_text"] == "Once upon"
    assert session.speak_audio(iter([b"\0\0", b"\1\1"])).duration_ms == 100
    session.listen(iter([b"\0\0" * 960] * 3), mode="manual")
    fake.wait(fake.api.until_received("stop_listening"))
    assert session.chat("Hi", mode="interrupt").finish_reason is None
    stream = session.chat_stream("Hi")
    assert next(iter(stream)) == "Hello"
    assert stream.reply == "Hello"
    assert session.keep_alive()["status"] == "ok"
    assert session.ping() < 5_000
    session.disconnect()
    assert fake.api.paths()[-1] == "/v1/streaming.stop"


def test_functions_are_called_in_a_thread(fake: FakeInThread, session: AvatarSession) -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    chunk = json.dumps({"choices": [{"delta": {"tool_calls": [call]}}]})
    fake.api.scripted["/v1/chat.completions"] = [Answer(200, f"data: {chunk}\n\ndata: [DONE]\n\n")]

    def now(call: Any) -> str:
        # may call everything, which the loop's own thread could not
        return f"{session.keep_alive()['status']}, noon"

    assert session.chat("What time is it?", on_tool_call=now) == "Hello there!"
    assert fake.api.calls[-1].body["messages"] == [{"role": "tool", "tool_call_id": "call_1", "content": "ok, noon"}]


def test_a_stream_that_is_closed_early_is_over(fake: FakeInThread, session: AvatarSession) -> None:
    stream = session.chat_stream("Hi")
    pieces = iter(stream)
    assert next(pieces) == "Hello"
    stream.close()
    assert (list(pieces), stream.reply) == ([], "Hello")


def test_async_handlers_are_refused_where_they_are_given(fake: FakeInThread, session: AvatarSession) -> None:
    async def later(*_: object) -> None: ...

    with pytest.raises(TypeError, match="plain functions"):
        session.on("chat", later)
    with pytest.raises(TypeError, match="plain functions"):
        session.chat("Hi", on_tool_call=later)
    assert fake.api.paths() == ["/v1/streaming.new"]


def test_failures_are_the_same(fake: FakeInThread) -> None:
    with AvatarClient(fake.api.api_url) as client:
        with pytest.raises(NotFoundError):
            client._loop.run(client._driven._http.json("/nowhere"))
        session = client.create_session()
        with pytest.raises(ConnectionError):
            session.start_listening()


def test_handlers_run_beside_and_may_call_everything(fake: FakeInThread, session: AvatarSession) -> None:
    heard: List[Any] = []
    done = threading.Event()

    @session.on("chat")
    def on_chat(event: Dict[str, Any]) -> None:
        heard.append((event["content"], session.chat("and you?"), threading.current_thread() is threading.main_thread()))
        done.set()

    fake.call(fake.api.send, "chat", role="user", content="Hi")
    assert done.wait(5)
    assert heard == [("Hi", "Hello there!", False)]
    session.off("chat", on_chat)
    assert session._handlers == []


def test_run_forever_ends_with_a_disconnect_from_a_handler(fake: FakeInThread, session: AvatarSession) -> None:
    session.on("frame", lambda data: session.disconnect())
    fake.call(fake.api.send_frames, 1)
    session.run_forever()
    assert session.connection == "closed"


def test_iteration_ends_with_the_session(fake: FakeInThread, session: AvatarSession) -> None:
    events = iter(session)
    fake.call(fake.api.send, "chat", role="agent", content="Hi")
    fake.call(fake.api.send, "session_ended", reason="client_stop", duration=1)
    assert [event["type"] for event in events][-2:] == ["chat", "session_ended"]


def test_frames_come_as_arrays(fake: FakeInThread, session: AvatarSession) -> None:
    content = io.BytesIO()
    Image.new("RGB", (32, 24), (220, 30, 30)).save(content, "JPEG", quality=95)
    jpeg = base64.b64encode(content.getvalue()).decode()
    frames = video.frames(session)
    first = threading.Timer(0.05, lambda: fake.call(fake.api.send_frames, 1, 2, 3, data=jpeg))
    first.start()
    frame = next(frames)
    first.join()
    assert (frame.array.shape, frame.array.dtype.name, frame.frame_id) == ((24, 32, 3), "uint8", 1)
    assert np.abs(frame.array.astype(int) - (220, 30, 30)).max() < 12
    assert [next(frames).frame_id, next(frames).frame_id] == [2, 3]
    session.disconnect()
    assert list(frames) == []
    with pytest.raises(ValueError):
        video.decode(b"no frame")
