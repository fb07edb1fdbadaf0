import asyncio
import base64
import io
import math
import os
import signal
import struct
import wave
from pathlib import Path
from typing import Any, AsyncIterator, Dict, List, get_args, get_type_hints

import pytest
from fake_api import SESSION_ID, TOKEN, FakeApi, failure

import avatar_sdk._socket as socket_module
from avatar_sdk import (
    AudioError,
    AvatarClient,
    AvatarError,
    AvatarSession,
    ConnectionError,
    ConnectionEvent,
    EventName,
    MediaEvent,
    NotFoundError,
    SessionEndedError,
    TimeoutError,
    UnavailableError,
)
from avatar_sdk.types import ServerEvent

pytestmark = pytest.mark.anyio

HEADER = struct.Struct("<BBHIIIddII")


def wav(seconds: float, rate: int = 24_000) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        count = int(seconds * rate)
        file.writeframes(struct.pack(f"<{count}h", *(int(8000 * math.sin(i / 9)) for i in range(count))))
    return content.getvalue()


class Seen:
    """What handlers were given, and a wait for it."""

    def __init__(self) -> None:
        self.items: List[Any] = []
        self._news = asyncio.Event()

    def __call__(self, item: Any) -> None:
        self.items.append(item)
        self._news.set()

    async def until(self, count: int) -> List[Any]:
        while len(self.items) < count:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), 5)
            except asyncio.TimeoutError:
                raise AssertionError(f"waited for {count} items, got {self.items}") from None
        return self.items


# --- events -----------------------------------------------------------------------------------------------------------


async def test_the_token_rides_in_a_header_and_the_wishes_in_the_address(api: FakeApi, client: AvatarClient) -> None:
    async with client.attach(SESSION_ID, TOKEN) as session:
        await session.disconnect()
        await session.connect(media="binary", audio="chunks", video="off")
    (default, headers), (asked, _) = api.upgrades
    assert default == {"media": ["json"], "audio": ["clauses"], "video": ["on"]}
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert (asked["media"], asked["audio"], asked["video"]) == (["binary"], ["chunks"], ["off"])


async def test_handlers_get_the_base64_text_and_the_event_if_they_take_two(api: FakeApi, session: AvatarSession) -> None:
    ones, twos, asyncs = Seen(), Seen(), Seen()

    @session.on("frame")
    def one(data: str) -> None:
        ones(data)

    @session.on("frame")
    def two(data: str, event: Dict[str, Any]) -> None:
        twos((data, event["frame_id"]))

    @session.on("frame")
    async def later(data: str) -> None:
        asyncs(data)

    api.send_frames(7)
    assert await ones.until(1) == ["anBlZw=="]
    assert await twos.until(1) == [("anBlZw==", 7)]
    assert await asyncs.until(1) == ["anBlZw=="]
    assert callable(one) and callable(two) and callable(later)


async def test_off_and_once_end_handlers(api: FakeApi, session: AvatarSession) -> None:
    always, once, off = Seen(), Seen(), Seen()
    session.on("chat", always)
    session.once("chat", once)
    session.on("chat", off)
    session.off("chat", off)
    for content in ("one", "two"):
        api.send("chat", role="agent", content=content)
    await always.until(2)
    assert ([event["content"] for event in once.items], off.items) == (["one"], [])


async def test_an_event_that_does_not_exist_is_refused(session: AvatarSession) -> None:
    with pytest.raises(ValueError, match="there is no event 'fram'"):
        session.on("fram", print)  # type: ignore[call-overload]


async def test_an_async_handler_gets_its_events_in_order(api: FakeApi, session: AvatarSession) -> None:
    seen = Seen()

    @session.on("chat")
    async def on_chat(event: Dict[str, Any]) -> None:
        # the first takes longest
        await asyncio.sleep(0.02 if event["content"] == "0" else 0)
        seen(event["content"])

    for number in range(5):
        api.send("chat", role="agent", content=str(number))
    assert await seen.until(5) == ["0", "1", "2", "3", "4"]


async def test_a_handler_that_fails_is_logged_and_does_not_stop_the_others(
    api: FakeApi, session: AvatarSession, caplog: pytest.LogCaptureFixture
) -> None:
    seen = Seen()

    @session.on("chat")
    def broken(event: object) -> None:
        raise RuntimeError("broken")

    @session.on("chat")
    async def broken_later(event: object) -> None:
        raise RuntimeError("broken later")

    session.on("chat", seen)
    api.send("chat", role="agent", content="one")
    api.send("chat", role="agent", content="two")
    await seen.until(2)
    await session.ping()
    assert [record.message for record in caplog.records].count("a handler of chat failed") == 4


async def test_an_error_that_nobody_listens_for_is_logged(
    api: FakeApi, session: AvatarSession, caplog: pytest.LogCaptureFixture
) -> None:
    api.send("error", code="PROVIDER_FAILED", message="the voice is gone")
    await session.wait_for("error")
    session.on("error", lambda event: None)
    api.send("error", code="PROVIDER_FAILED", message="heard")
    await session.wait_for("error")
    assert [record.getMessage() for record in caplog.records] == ["the voice is gone (PROVIDER_FAILED)"]


async def test_messages_that_are_not_understood_are_passed_over(
    api: FakeApi, session: AvatarSession, caplog: pytest.LogCaptureFixture
) -> None:
    seen = Seen()
    session.on("event", seen)
    for message in ("nonsense", "[]", '{"type":1}', b"short", bytes(40), '{"type":"from_the_future","seq":9}'):
        api.send_raw(message)
    assert (await seen.until(1))[0]["type"] == "from_the_future"
    assert len(caplog.records) == 5


async def test_iteration_gives_every_event_until_the_session_ends(api: FakeApi, session: AvatarSession) -> None:
    async def read() -> List[str]:
        return [event["type"] async for event in session]

    reading = asyncio.ensure_future(read())
    await asyncio.sleep(0)
    api.send("chat", role="agent", content="Hi")
    api.send_frames(1)
    api.send("session_ended", reason="idle_timeout", duration=120.5)
    types = await asyncio.wait_for(reading, 5)
    assert types[-3:] == ["chat", "frame", "session_ended"]
    with pytest.raises(SessionEndedError) as caught:
        await session.connect()
    assert caught.value.details == {"reason": "idle_timeout", "duration": 120.5}


async def test_a_reader_that_falls_behind_loses_the_oldest_pictures_only(api: FakeApi, session: AvatarSession) -> None:
    events = session.__aiter__()
    api.send("chat", role="agent", content="kept")
    api.send_frames(*range(100))
    api.send("session_ended", reason="client_stop", duration=1)
    await api.until_received("frame_ack", 100)
    read = [event async for event in events]
    assert [event["frame_id"] for event in read if event["type"] == "frame"] == list(range(75, 100))
    assert [event["type"] for event in read if event["type"] != "frame"][-2:] == ["chat", "session_ended"]


async def test_leaving_a_loop_early_leaves_nothing_behind(api: FakeApi, session: AvatarSession) -> None:
    api.send("chat", role="agent", content="Hi")
    async for event in session:
        if event["type"] == "chat":
            break
    assert list(session._streams) == []


async def test_binary_media_reaches_the_same_handlers(api: FakeApi, session: AvatarSession) -> None:
    frames, sounds, media = Seen(), Seen(), Seen()
    session.on("frame", lambda data, event: frames((data, event)))
    session.on("audio", lambda data, event: sounds((data, event)))
    session.on("media", media)
    sound = wav(0.1)
    api.send_raw(HEADER.pack(1, 1, 0, 41, 7, 2, 1700000000.5, 0, 0, 0) + b"jpeg")
    api.send_raw(HEADER.pack(1, 2, 0, 42, 0, 2, 1700000001.5, 80, 24_000, 2_400) + sound)
    api.send_raw(HEADER.pack(1, 3, 0, 43, 0, 2, 1700000002.5, 180, 24_000, 2_400) + b"\1\0")
    picture, clause, chunk = await media.until(3)
    assert picture == MediaEvent("picture", b"jpeg", 1700000000.5, 2, frame_id=7)
    assert clause == MediaEvent("sound", sound[44:], 1700000001.5, 2, pts_ms=80, sample_rate=24_000)
    assert chunk.data == b"\1\0"
    data, event = frames.items[0]
    assert (base64.b64decode(data), event["seq"], event["frame_id"]) == (b"jpeg", 41, 7)
    assert [(base64.b64decode(data)[:4], event["format"], event["duration"]) for data, event in sounds.items] == [
        (b"RIFF", "wav", 0.1),
        (b"\1\0", "pcm_s16le", 0.1),
    ]


async def test_json_media_comes_as_bytes_too(api: FakeApi, session: AvatarSession) -> None:
    media = Seen()
    session.on("media", media)
    api.send_frames(3)
    text = base64.b64encode(wav(0.1)).decode()
    about = {"duration": 0.1, "sample_rate": 24_000, "timestamp": 1.0, "pts_ms": 0.0}
    api.send("audio", data=text, format="wav", **about)
    picture, sound = await media.until(2)
    assert (picture.data, picture.frame_id) == (b"jpeg", 3)
    assert (len(sound.data), sound.sample_rate) == (4_800, 24_000)


# --- acknowledgements -------------------------------------------------------------------------------------------------


async def test_pictures_are_acknowledged(api: FakeApi, session: AvatarSession) -> None:
    api.send_frames(1, 2, 3)
    assert [event["frame_id"] for event in await api.until_received("frame_ack", 3)] == [1, 2, 3]


async def test_a_picture_is_acknowledged_when_its_slow_handler_is_done(api: FakeApi, session: AvatarSession) -> None:
    go = asyncio.Event()
    taken = Seen()

    @session.on("frame")
    async def slow(data: str, event: Dict[str, Any]) -> None:
        taken(event["frame_id"])
        await go.wait()

    api.send_frames(1, 2)
    await taken.until(1)
    await session.ping()
    assert [event for event in api.received if event["type"] == "frame_ack"] == []
    go.set()
    assert [event["frame_id"] for event in await api.until_received("frame_ack", 2)] == [1, 2]


# --- calls over the socket --------------------------------------------------------------------------------------------


async def test_speech_is_finished_when_the_event_says_so(api: FakeApi, session: AvatarSession) -> None:
    early = await session.speak("early")
    waiting = asyncio.ensure_future(early.finished())
    await asyncio.sleep(0)
    api.send("speech_finished", task_id="task_000001", reason="completed", played_ms=900)
    assert (await asyncio.wait_for(waiting, 5))["reason"] == "completed"
    # known already
    assert (await early.finished())["played_ms"] == 900
    assert (early.task_id, early.status, early.duration_estimate) == ("task_000001", "processing", 1.5)


async def test_an_end_that_does_not_come_is_an_error(api: FakeApi, session: AvatarSession) -> None:
    result = await session.speak("for ever")
    with pytest.raises(TimeoutError):
        await result.finished(timeout=0.01)
    waiting = asyncio.ensure_future(result.finished())
    await asyncio.sleep(0)
    await session.disconnect()
    with pytest.raises(ConnectionError):
        await waiting
    with pytest.raises(ConnectionError):
        await result.finished()


async def test_an_interrupt_says_what_was_heard(api: FakeApi, client: AvatarClient) -> None:
    session = await client.create_session()
    assert (await session.interrupt())["dropped_ms"] == 2
    assert api.paths()[-1] == "/v1/streaming.interrupt"
    async with session:
        seen = Seen()
        session.on("interrupting", seen)
        assert await session.interrupt() == {
            "task_id": "task_000001",
            "played_ms": 320,
            "spoken_text": "Once upon",
            "dropped_ms": 900,
        }
        assert seen.items == [{"type": "interrupting"}]


async def test_a_wav_is_cut_into_playable_pieces(api: FakeApi, session: AvatarSession, tmp_path: Path) -> None:
    content = wav(9)
    path = tmp_path / "nine-seconds.wav"
    path.write_bytes(content)
    for source in (content, path, str(path)):
        api.received.clear()
        result = await session.speak_audio(source)
        assert (result.task_id, result.duration_ms) == ("task_audio1", 100)
        appended = await api.until_received("audio_buffer_append", 3)
        pieces = [base64.b64decode(event["data"]["audio"]) for event in appended]
        assert all(piece[:4] == b"RIFF" and len(piece) <= 192 * 1024 + 44 for piece in pieces)
        assert b"".join(piece[44:] for piece in pieces) == content[44:]
        assert api.received[-1] == {"type": "audio_buffer_commit"}


async def test_a_stream_is_raw_samples_in_whole(api: FakeApi, session: AvatarSession) -> None:
    async def microphone() -> AsyncIterator[bytes]:
        for size in (3, 1, 4, 3):
            yield bytes(range(size))

    await session.speak_audio(microphone(), sample_rate=16_000)
    appended = await api.until_received("audio_buffer_append", 3)
    assert [len(base64.b64decode(event["data"]["audio"])) for event in appended] == [2, 2, 4, 2]
    assert {(event["data"]["format"], event["data"]["sample_rate"]) for event in appended} == {("pcm_s16le", 16_000)}


async def test_sound_that_is_refused_is_cleared(api: FakeApi, session: AvatarSession, tmp_path: Path) -> None:
    def refuse(event: Dict[str, Any]) -> None:
        if event["type"] == "audio_buffer_append":
            api.send("error", code="AUDIO_BUFFER_FULL", message="60 s at most", details={"max_ms": 60_000})

    api.react = refuse
    with pytest.raises(AudioError) as caught:
        await session.speak_audio(wav(0.1))
    assert caught.value.details == {"max_ms": 60_000}
    await api.until_received("audio_buffer_clear")
    with pytest.raises(AudioError, match="cannot be read"):
        await session.speak_audio(tmp_path / "missing.wav")
    with pytest.raises(AudioError, match="too large"):
        await session.speak_audio(bytes(6_000_001))
    with pytest.raises(TypeError):
        await session.speak_audio(5)  # type: ignore[arg-type]


async def test_listening_opens_the_ear_or_says_why_not(api: FakeApi, session: AvatarSession) -> None:
    await session.start_listening()
    await session.append_user_audio([b"\0\0" * 100], sample_rate=16_000)
    await session.stop_listening()
    await api.until_received("stop_listening")
    assert [event["type"] for event in api.received] == ["start_listening", "user_audio_append", "stop_listening"]
    api.react = lambda event: api.send("error", code="STT_UNAVAILABLE", message="no recogniser")
    with pytest.raises(UnavailableError):
        await session.start_listening()


async def test_what_needs_a_connection_says_so(client: AvatarClient) -> None:
    session = await client.create_session()
    for call in (
        session.start_listening(),
        session.stop_listening(),
        session.speak_audio(b"x"),
        session.ping(),
        session.run_forever(),
    ):
        with pytest.raises(ConnectionError, match=r"connect\(\)"):
            await call
    with pytest.raises(ConnectionError):
        async for _ in session:
            pass


# --- the connection ---------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_module, "RECONNECT_BASE_S", 0.001)


async def test_a_lost_connection_comes_back_with_what_was_missed(api: FakeApi, session: AvatarSession, quick: None) -> None:
    states, chats = Seen(), Seen()
    session.on("connection", lambda event: states(event.state))
    session.on("chat", chats)
    for code in (None, 1012):
        api.send("chat", role="agent", content="before")
        await chats.until(len(chats.items) + 1)
        last = api.seq - 1
        await api.drop(code)
        await session.wait_for("session_state", where=lambda event: event["resumed"])
        assert api.upgrades[-1][0]["resume_from"] == [str(last)]
    assert states.items == ["reconnecting", "open", "reconnecting", "open"]
    api.send("chat", role="agent", content="after")
    assert (await chats.until(3))[-1]["content"] == "after"


async def test_a_silent_connection_is_given_up_and_made_anew(
    api: FakeApi, client: AvatarClient, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_module, "PING_AFTER_S", 0.05)
    session = await client.create_session()
    async with session:
        await api.until_received("ping", 3)
        assert len(api.upgrades) == 1
        api.react = lambda event: None
        await api.until("a second connection", lambda: len(api.upgrades) == 2)


async def test_a_session_that_is_gone_is_not_tried_for_ever(api: FakeApi, session: AvatarSession, quick: None) -> None:
    api.refusal = (404, failure("SESSION_NOT_FOUND", "gone"))
    running = asyncio.ensure_future(session.run_forever())
    reading = asyncio.ensure_future(_read_all(session))
    await asyncio.sleep(0)
    await api.drop()
    with pytest.raises(NotFoundError) as caught:
        await asyncio.wait_for(running, 5)
    assert (caught.value.status, caught.value.request_id) == (404, "req_socket")
    with pytest.raises(NotFoundError):
        await reading
    assert session.connection == "closed"


async def test_a_close_code_that_is_final_ends_the_connection(api: FakeApi, session: AvatarSession) -> None:
    closed: asyncio.Future[ConnectionEvent] = asyncio.get_running_loop().create_future()
    session.on("connection", lambda event: closed.set_result(event))
    await api.drop(4401)
    event = await asyncio.wait_for(closed, 5)
    assert event.error is not None and event.error.code == "UNAUTHORIZED"


async def test_reconnecting_ends_when_it_took_too_long(api: FakeApi, quick: None) -> None:
    client = AvatarClient(api.api_url, api.ws_url, reconnect_for=0.05)
    session = await client.create_session()
    await session.connect()
    api.refusal = (503, failure("ORIGIN_UNAVAILABLE", "none"))
    running = asyncio.ensure_future(session.run_forever())
    await asyncio.sleep(0)
    await api.drop()
    with pytest.raises(UnavailableError):
        await asyncio.wait_for(running, 5)


async def test_a_refused_first_connection_raises_why(api: FakeApi, client: AvatarClient) -> None:
    session = await client.create_session()
    api.refusal = (401, failure("UNAUTHORIZED", "expired"))
    with pytest.raises(AvatarError, match="expired"):
        await session.connect()
    assert session.connection == "closed"
    api.refusal = None
    await session.connect()
    with pytest.raises(AvatarError, match="connected already"):
        await session.connect()
    await session.disconnect()


async def test_nobody_at_the_socket_is_said(api: FakeApi) -> None:
    for url in ("ws://127.0.0.1:9/ws", "http://127.0.0.1:9/ws"):
        session = await AvatarClient(api.api_url, url).create_session()
        with pytest.raises(AvatarError) as caught:
            await session.connect()
        assert caught.value.code in ("CONNECTION_FAILED", "INVALID_REQUEST")


# --- run_forever ------------------------------------------------------------------------------------------------------


async def test_run_forever_ends_with_the_session_after_its_handlers(api: FakeApi, session: AvatarSession) -> None:
    done = Seen()

    @session.on("session_ended")
    async def farewell(event: Dict[str, Any]) -> None:
        await asyncio.sleep(0.02)
        done(event["reason"])

    running = asyncio.ensure_future(session.run_forever())
    await asyncio.sleep(0)
    api.send("session_ended", reason="max_duration", duration=3600)
    await asyncio.wait_for(running, 5)
    assert done.items == ["max_duration"]
    assert "/v1/streaming.stop" not in api.paths()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_run_forever_ends_quietly_with_ctrl_c(api: FakeApi, session: AvatarSession, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    running = asyncio.ensure_future(session.run_forever())
    await asyncio.sleep(0)
    os.kill(os.getpid(), number)
    await asyncio.wait_for(running, 5)
    assert api.paths()[-1] == "/v1/streaming.stop"
    assert signal.getsignal(number) == before


async def test_run_forever_ends_with_disconnect_from_a_handler(api: FakeApi, session: AvatarSession) -> None:
    @session.on("chat")
    async def bye(event: Dict[str, Any]) -> None:
        await session.disconnect()

    running = asyncio.ensure_future(session.run_forever())
    await asyncio.sleep(0)
    api.send("chat", role="user", content="bye")
    await asyncio.wait_for(running, 5)
    assert api.paths()[-1] == "/v1/streaming.stop"


async def test_run_forever_after_the_end_is_done_at_once(api: FakeApi, session: AvatarSession) -> None:
    ended = asyncio.ensure_future(session.wait_for("session_ended"))
    await asyncio.sleep(0)
    api.send("session_ended", reason="idle_timeout", duration=120)
    await ended
    await session.run_forever()
    assert [event async for event in session] == []


async def test_a_cancelled_run_forever_leaves_the_session(api: FakeApi, session: AvatarSession) -> None:
    running = asyncio.ensure_future(session.run_forever())
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert api.paths()[-1] == "/v1/streaming.stop"


async def _read_all(session: AvatarSession) -> None:
    async for _ in session:
        pass


# --- conversation -----------------------------------------------------------------------------------------------------


async def test_further_events_are_asked_for_and_reach_their_handlers(api: FakeApi, client: AvatarClient) -> None:
    session = await client.create_session()
    await session.connect(events=["words", "levels"])
    words, levels, paused = Seen(), Seen(), Seen()
    session.on("word", words)
    session.on("level", levels)
    session.on("speech_paused", paused)
    api.send("word", word="Hello,", start_ms=40, end_ms=390, timestamp=1_700_000_000.5)
    api.send("level", level_db=-30.5, speech=0.9)
    api.send("speech_paused", task_id="task_000001", played_ms=700)
    assert api.upgrades[-1][0]["events"] == ["words,levels"]
    assert [event["word"] for event in await words.until(1)] == ["Hello,"]
    assert (await levels.until(1))[0]["speech"] == 0.9
    assert (await paused.until(1))[0]["played_ms"] == 700
    await session.disconnect()


async def test_every_event_of_the_server_has_a_name() -> None:
    types = {get_args(hints["type"])[0] for hints in map(get_type_hints, get_args(ServerEvent))}
    assert types <= set(get_args(EventName))
    assert {"word", "tool_call", "turn_metrics", "user_speech_stopped"} <= types


async def test_listening_sends_a_voice_at_the_pace_of_the_clock(api: FakeApi, session: AvatarSession) -> None:
    async def voice() -> AsyncIterator[bytes]:
        for _ in range(90):
            yield b"\1\0" * 161  # 10 ms of 16 kHz and a sample over

    started_s = asyncio.get_running_loop().time()
    await session.listen(voice(), sample_rate=16_000, mode="vad")
    took_s = asyncio.get_running_loop().time() - started_s
    await api.until_received("stop_listening")
    assert api.received[0] == {"type": "start_listening", "data": {"mode": "vad"}}
    pieces = [event["data"] for event in api.received if event["type"] == "user_audio_append"]
    assert {(piece["format"], piece["sample_rate"], piece["channels"]) for piece in pieces} == {("pcm_s16le", 16_000, 1)}
    sound = b"".join(base64.b64decode(piece["audio"]) for piece in pieces)
    assert sound == b"\1\0" * 161 * 90
    assert len(pieces) < 30
    assert took_s >= 0.9 - 0.5 - 0.05


async def test_a_cancelled_listening_closes_the_ear(api: FakeApi, session: AvatarSession) -> None:
    async def silence() -> AsyncIterator[bytes]:
        while True:
            yield b"\0\0" * 960
            await asyncio.sleep(0.01)

    listening = asyncio.ensure_future(session.listen(silence()))
    await api.until_received("user_audio_append", 3)
    listening.cancel()
    await api.until_received("stop_listening")
    with pytest.raises(TypeError, match="a voice is an iterable of bytes"):
        await session.listen(b"\0\0")  # type: ignore[arg-type]  # a mistake that is told
