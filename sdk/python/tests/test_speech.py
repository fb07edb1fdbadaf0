"""Calls over the socket: speech, sound, the user's voice."""

import asyncio
import base64
import threading
from pathlib import Path
from typing import Any, AsyncIterator, Dict, Iterator

import pytest

from avatar_sdk import (
    AudioError,
    AvatarClient,
    AvatarSession,
    ConnectionError,
    TimeoutError,
    UnavailableError,
)
from fake_api import FakeApi
from helpers import Seen, wav

pytestmark = pytest.mark.anyio


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


async def test_a_file_of_any_size_is_cut_and_formats_keep_their_names(api: FakeApi, session: AvatarSession) -> None:
    await session.speak_audio(bytes(7_000_000))
    appended = await api.until_received("audio_buffer_append", 36)
    assert sum(len(base64.b64decode(event["data"]["audio"])) for event in appended) == 7_000_000
    assert "sample_rate" not in appended[0]["data"]
    api.received.clear()
    await session.speak_audio([b"\xff" * 3, b"\x7f"], format="mulaw")
    appended = await api.until_received("audio_buffer_append", 2)
    assert [(event["data"]["format"], event["data"]["audio"]) for event in appended] == [("mulaw", "////"), ("mulaw", "fw==")]


async def test_a_source_that_blocks_does_not_stop_the_loop(api: FakeApi, session: AvatarSession) -> None:
    sounding = threading.Event()

    def microphone() -> Iterator[bytes]:
        yield b"\0\0"
        assert sounding.wait(5)
        yield b"\1\1"

    speaking = asyncio.ensure_future(session.speak_audio(microphone()))
    await api.until_received("audio_buffer_append")
    # the loop is free while the microphone waits
    assert await session.ping() < 5_000
    sounding.set()
    assert (await speaking).duration_ms == 100
    assert len(await api.until_received("audio_buffer_append", 2)) == 2


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
    with pytest.raises(TypeError, match="sound is an iterable of bytes"):
        await session.listen(b"\0\0")  # type: ignore[arg-type]  # a mistake that is told
