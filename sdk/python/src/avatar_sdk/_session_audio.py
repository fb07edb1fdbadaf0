"""Sound that a session is given: the avatar's, and the user's voice."""

from typing import Literal, Optional, cast

from ._audio_pieces import AudioSource, RawFormat, audio_pieces
from ._listen import VoiceSource, paced
from ._session_connection import SessionConnection
from ._speech_tasks import SpeakAudioResult
from .types import AudioBufferCommitted, ListenMode, StartListening

AUDIO_CODES = (
    "AUDIO_PROCESSING_ERROR",
    "AUDIO_BUFFER_FULL",
    "AUDIO_BUFFER_EMPTY",
    "PAYLOAD_TOO_LARGE",
    "INVALID_REQUEST",
    "RATE_LIMITED",
)
LISTEN_CODES = ("STT_UNAVAILABLE", "PROVIDER_FAILED", "INVALID_REQUEST", "ORIGIN_UNAVAILABLE")


class SessionAudio(SessionConnection):
    async def speak_audio(
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
        self._require_open()
        try:
            async for data in audio_pieces(source, format, sample_rate, channels):
                await self._ask({"type": "audio_buffer_append", "data": data}, "audio_buffer_appended", AUDIO_CODES)
            event = await self._ask({"type": "audio_buffer_commit"}, "audio_buffer_committed", AUDIO_CODES)
        except BaseException:
            # what was appended must not be spoken with the next sound
            self._socket.send_soon({"type": "audio_buffer_clear"})
            raise
        committed = cast(AudioBufferCommitted, event)
        return SpeakAudioResult(committed.get("task_id", ""), self._tasks, duration_ms=committed["duration_ms"])

    async def start_listening(self, mode: Optional[ListenMode] = None) -> None:
        """Opens the user's ear. Raises UnavailableError where nothing recognises speech.

        Args:
            mode: `vad`: pauses end a turn, hands free; `manual`: `stop_listening` ends it; by default the session's.
        """
        message: StartListening = {"type": "start_listening"}
        if mode is not None:
            message["data"] = {"mode": mode}
        await self._ask(message, "status", LISTEN_CODES, lambda event: event.get("status") == "listening")

    async def stop_listening(self) -> None:
        """Closes the user's ear; what was heard is answered."""
        await self._socket.send({"type": "stop_listening"})

    async def append_user_audio(
        self,
        source: AudioSource,
        *,
        format: Optional[RawFormat] = None,
        sample_rate: Optional[int] = None,
        channels: Literal[1, 2] = 1,
    ) -> None:
        """The user's voice, while listening; the same sources as `speak_audio`."""
        async for data in audio_pieces(source, format, sample_rate, channels):
            await self._socket.send({"type": "user_audio_append", "data": data})

    async def listen(
        self,
        source: VoiceSource,
        *,
        sample_rate: int = 24_000,
        format: RawFormat = "pcm_s16le",
        channels: Literal[1, 2] = 1,
        mode: Optional[ListenMode] = None,
    ) -> None:
        """Lets the avatar hear a voice until it ends or this is cancelled. What was said is answered aloud; see the events
        `user_speech_started`, `user_speech_stopped`, `user_speech_dropped`, `speech_paused`, `speech_resumed` and `chat` with the role `user`.

        Args:
            source: raw samples as they come, an iterable, async or not; what comes faster than it sounds is slowed down.
            sample_rate: Hz.
            mode: as of `start_listening`.
        """
        await self.start_listening(mode)
        try:
            async for piece in paced(source, format, sample_rate, channels):
                await self.append_user_audio(piece, format=format, sample_rate=sample_rate, channels=channels)
        finally:
            if self.connection == "open":
                await self.stop_listening()
