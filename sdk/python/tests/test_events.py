"""Who is told what: handlers, iteration, media, acknowledgements."""

import asyncio
import base64
import struct
from typing import Any, Dict, List, get_args, get_type_hints

import pytest

from avatar_sdk import (
    AvatarClient,
    AvatarSession,
    EventName,
    MediaEvent,
    SessionEndedError,
)
from avatar_sdk.types import ServerEvent
from fake_api import SESSION_ID, TOKEN, FakeApi
from helpers import Seen, wav

pytestmark = pytest.mark.anyio

HEADER = struct.Struct("<BBHIIIddII")


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


async def test_an_error_that_nobody_listens_for_is_logged(api: FakeApi, session: AvatarSession, caplog: pytest.LogCaptureFixture) -> None:
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


async def test_a_reader_that_falls_behind_loses_the_oldest_frames_only(api: FakeApi, session: AvatarSession) -> None:
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
    frame, clause, chunk = await media.until(3)
    assert frame == MediaEvent("frame", b"jpeg", 1700000000.5, 2, frame_id=7)
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
    frame, sound = await media.until(2)
    assert (frame.data, frame.frame_id) == (b"jpeg", 3)
    assert (len(sound.data), sound.sample_rate) == (4_800, 24_000)


async def test_frames_are_acknowledged(api: FakeApi, session: AvatarSession) -> None:
    api.send_frames(1, 2, 3)
    assert [event["frame_id"] for event in await api.until_received("frame_ack", 3)] == [1, 2, 3]


async def test_a_frame_is_acknowledged_when_its_slow_handler_is_done(api: FakeApi, session: AvatarSession) -> None:
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
