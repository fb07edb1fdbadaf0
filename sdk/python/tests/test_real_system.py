"""Against a running system, whose addresses are in AVATAR_TEST_API_URL and AVATAR_TEST_WS_URL; skipped without them."""

import asyncio
import base64
import io
import os
import re
import subprocess
import sys
import time
import wave
from pathlib import Path
from typing import Any, Dict, List

import pytest

import avatar_sdk.sync
from avatar_sdk import AvatarClient, InvalidRequestError, NotFoundError
from avatar_sdk.types import ChatTool, Cue, ToolCall
from avatar_sdk.video import frames

API_URL = os.environ.get("AVATAR_TEST_API_URL", "")
WS_URL = os.environ.get("AVATAR_TEST_WS_URL", "")
HEARD = os.environ.get("AVATAR_TEST_HEARD", "")
"""What the system's recogniser makes of any speech; its language model then calls the first function that it is offered."""
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not (API_URL and WS_URL), reason="no AVATAR_TEST_API_URL and AVATAR_TEST_WS_URL"),
]

PACKAGE = Path(__file__).parents[1]
RUN_UNTIL_CTRL_C = """
import avatar_sdk, os, runpy, signal, sys

frames, running = [], []
connect, run_forever = avatar_sdk.AvatarSession.connect, avatar_sdk.AvatarSession.run_forever

def on_frame(data):
    frames.append(data)
    if running and len(frames) == running[0] + 25:
        os.kill(os.getpid(), signal.SIGINT)

async def connected(self, *args, **named):
    await connect(self, *args, **named)
    self.on("frame", on_frame)

async def forever(self):
    running.append(len(frames))
    await run_forever(self)
    print("frames", len(frames), self.connection)

avatar_sdk.AvatarSession.connect, avatar_sdk.AvatarSession.run_forever = connected, forever
runpy.run_path(sys.argv[1], run_name="__main__")
"""
"""Runs a customer's program as it is; Ctrl-C comes after a second of frames."""


def run_example(text: str, folder: Path) -> str:
    """What it printed. Only the addresses are this system's."""
    program = folder / "example.py"
    program.write_text(text.replace("http://localhost:8000/v1", API_URL).replace("ws://localhost:8001/ws", WS_URL))
    launcher = folder / "launcher.py"
    launcher.write_text(RUN_UNTIL_CTRL_C)
    # not in development mode, in which asyncio tells of everything that a busy machine is slow at
    command = [sys.executable, "-W", "error", str(launcher), str(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


async def test_the_example_of_the_reference_runs_as_it_is_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    printed = run_example((PACKAGE / "examples/reference.py").read_text(), tmp_path)
    assert re.search(r"^Avatar: \w+", printed)
    assert re.search(r"^frames \d+ closed$", printed, re.MULTILINE)


README = (PACKAGE / "README.md").read_text()


@pytest.mark.parametrize("number", range(README.count("```python\n")))
async def test_the_examples_of_the_readme_run(number: int, tmp_path: Path) -> None:
    examples: List[str] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert run_example(examples[number], tmp_path) != ""


async def test_speech_comes_with_frames_and_sound_and_can_be_interrupted() -> None:
    client = AvatarClient(API_URL, WS_URL)
    async with await client.create_session(quality="low") as session:
        sounds: List[str] = []
        session.on("audio", sounds.append)
        cue: Cue = {"type": "gaze", "at_ms": 200, "value": {"x": 0.5, "y": 0}}
        task = await session.speak("Good morning.", emotion="happy", cues=[cue])
        finished = await task.finished(timeout=20)
        assert finished["reason"] == "completed"
        heard_s = 0.0
        for sound in sounds:
            with wave.open(io.BytesIO(base64.b64decode(sound))) as file:
                heard_s += file.getnframes() / file.getframerate()
        assert abs(heard_s * 1000 - finished["played_ms"]) < 200

        story = await session.speak("Once upon a time there was a queen who lived in a castle by the sea, and she was very old.")
        await session.wait_for("speech_started")
        interrupted = await session.interrupt()
        assert interrupted["task_id"] == story.task_id
        assert (await story.finished(timeout=5))["reason"] == "interrupted"

        with wave.open(tone := io.BytesIO(), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes(b"\0\10\0\370" * 8_000)
        spoken = await session.speak_audio(tone.getvalue())
        assert abs(spoken.duration_ms - 1_000) < 50
        assert (await spoken.finished(timeout=10))["reason"] == "completed"
        assert await session.ping() < 1_000


async def test_frames_are_arrays_of_the_asked_size() -> None:
    session = await AvatarClient(API_URL, WS_URL).create_session(quality="low")
    await session.connect(media="binary", audio="off")
    ids = []
    async for frame in frames(session):
        assert frame.array.shape == (360, 360, 3)
        ids.append(frame.frame_id)
        if len(ids) == 10:
            break
    assert ids == sorted(set(ids))
    await session.disconnect()


async def test_a_lost_connection_comes_back_by_itself() -> None:
    async with await AvatarClient(API_URL, WS_URL).create_session(quality="low") as session:
        states: List[Any] = []
        session.on("connection", lambda event: states.append(event.state))
        await session.wait_for("frame")
        ws = session._socket._ws
        assert ws is not None
        ws.transport.abort()
        state: Dict[str, Any] = await session.wait_for("session_state")
        assert (state["state"], state["resumed"], state["missed"]) == ("live", True, 0)
        await session.wait_for("frame")
        assert states == ["reconnecting", "open"]


async def test_failures_have_their_classes() -> None:
    async with AvatarClient(API_URL, WS_URL) as client:
        session = await client.create_session(quality="low")
        with pytest.raises(InvalidRequestError) as caught:
            await session.speak(" ")
        assert caught.value.request_id
        await session.disconnect()
        gone = client.attach(session.session_id, session.access_token)
        with pytest.raises(NotFoundError):
            await gone.connect()
        with pytest.raises(NotFoundError):
            await gone.speak("Hello?")


def test_the_blocking_client_does_the_same() -> None:
    with avatar_sdk.sync.AvatarClient(API_URL, WS_URL) as client, client.create_session(quality="low") as session:
        frames: List[str] = []
        session.on("frame", frames.append)
        assert session.chat("Hello, how are you?") != ""
        assert session.speak("Bye.").finished(timeout=30)["reason"] == "completed"
        assert len(frames) > 10
        started_s = time.monotonic()
        session.stop()
        session.run_forever()
        assert time.monotonic() - started_s < 5


async def test_iteration_sees_the_turn_of_a_chat() -> None:
    async with await AvatarClient(API_URL, WS_URL).create_session(quality="low") as session:
        seen: List[str] = []

        async def read() -> None:
            async for event in session:
                seen.append(event["type"])
                if event["type"] == "speech_finished":
                    return

        reading = asyncio.ensure_future(read())
        assert "".join([piece async for piece in session.chat_stream("Say something short.")])
        await asyncio.wait_for(reading, 30)
        for type in ("chat", "status", "speech_started", "frame", "audio"):
            assert type in seen


async def spoken(client: AvatarClient, text: str) -> bytes:
    """The avatar's own voice: 24 kHz, 16 bit, mono."""
    async with await client.create_session(quality="low") as session:
        sounds: List[str] = []
        session.on("audio", sounds.append)
        await (await session.speak(text)).finished(timeout=20)
    pcm = b""
    for sound in sounds:
        with wave.open(io.BytesIO(base64.b64decode(sound))) as file:
            pcm += file.readframes(file.getnframes())
    return pcm


@pytest.mark.skipif(not HEARD, reason="no AVATAR_TEST_HEARD")
async def test_a_voice_is_heard_and_answered_with_what_a_function_gave() -> None:
    weather: ChatTool = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
    client = AvatarClient(API_URL, WS_URL)
    voice = await spoken(client, "How is the weather in Oslo today?") + bytes(2 * 24_000)
    session = await client.create_session(quality="low", tools=[weather], turn_detection={"mode": "vad", "silence_ms": 400}, language="en")
    await session.connect(video="off", events=["words", "levels"])
    seen: List[Any] = []
    called: asyncio.Future[ToolCall] = asyncio.get_running_loop().create_future()
    session.on("event", seen.append)
    session.once("tool_call", lambda event: called.set_result(event["tool_call"]))
    step = 24_000 // 50 * 2
    await session.listen(voice[at : at + step] for at in range(0, len(voice), step))
    call = await asyncio.wait_for(called, 20)
    assert call["function"]["name"] == "get_weather"
    finished = asyncio.ensure_future(session.wait_for("speech_finished", timeout=30))
    assert await session.chat([{"role": "tool", "tool_call_id": call["id"], "content": "4 degrees"}]) != ""
    assert (await finished)["reason"] == "completed"
    types = [event["type"] for event in seen]
    for type in ("user_speech_started", "user_speech_stopped", "level", "word", "turn_metrics"):
        assert type in types
    said = [event["content"] for event in seen if event["type"] == "chat" and event["role"] == "user" and not event.get("partial")]
    assert said == [HEARD]
    await session.disconnect()


async def test_a_reply_comes_after_the_functions_that_it_needs() -> None:
    clock: ChatTool = {"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}
    async with await AvatarClient(API_URL, WS_URL).create_session(quality="low") as session:
        asked: List[str] = []

        def now(call: ToolCall) -> str:
            asked.append(call["function"]["name"])
            return "noon"

        reply = await session.chat("What time is it?", tools=[clock], on_tool_call=now, mode="interrupt")
        assert reply != "" and reply.tool_calls == [] and reply.task_id
        assert asked == (["now"] if HEARD else [])
