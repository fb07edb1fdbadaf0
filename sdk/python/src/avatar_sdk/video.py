"""A session's frames as numpy arrays. Needs `pip install avatar-sdk[video]`."""

import asyncio
import io
from dataclasses import dataclass
from typing import AsyncIterator, Iterator, Optional, Union, overload

from ._binary_media import MediaEvent
from ._socket import ConnectionEvent
from .session import AvatarSession
from .sync import AvatarSession as SyncSession

try:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image
except ImportError as error:
    raise ImportError("avatar_sdk.video needs numpy and Pillow: pip install 'avatar-sdk[video]'") from error

__all__ = ["Frame", "decode", "frames"]


@dataclass(frozen=True)
class Frame:
    array: "npt.NDArray[np.uint8]"
    """Red, green, blue; height x width x 3."""
    timestamp: float
    """Unix seconds, on the server's clock, at which it is due."""
    frame_id: int
    generation: int
    """Rises with every interrupt."""


def decode(jpeg: bytes) -> "npt.NDArray[np.uint8]":
    """A JPEG as height x width x 3, red, green, blue. Raises ValueError when it is none."""
    try:
        with Image.open(io.BytesIO(jpeg)) as image:
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        raise ValueError("the frame cannot be decoded") from error


@overload
def frames(session: AvatarSession) -> AsyncIterator[Frame]: ...
@overload
def frames(session: SyncSession) -> Iterator[Frame]: ...
def frames(session: Union[AvatarSession, SyncSession]) -> Union[AsyncIterator[Frame], Iterator[Frame]]:
    """Every frame until the connection is closed. A slow reader gets fewer frames, not older ones.

    Connect with `media="binary"` for a third less bytes.
    """
    if isinstance(session, SyncSession):
        return session.iterate(_frames)
    return _frames(session)


async def _frames(session: AvatarSession) -> AsyncIterator[Frame]:
    # one frame is decoded, one waits; the others are not acknowledged, so that the server leaves them out
    waiting: asyncio.Queue[Optional[MediaEvent]] = asyncio.Queue(maxsize=1)

    left = False

    async def take(media: MediaEvent) -> None:
        if media.kind == "frame" and not left:
            await waiting.put(media)

    async def end(event: ConnectionEvent) -> None:
        if event.state == "closed":
            await waiting.put(None)

    session.on("media", take)
    session.on("connection", end)
    try:
        while session.connection != "closed" or not waiting.empty():
            media = await waiting.get()
            if media is None:
                return
            array = await asyncio.get_running_loop().run_in_executor(None, decode, media.data)
            yield Frame(array, media.timestamp, media.frame_id, media.generation)
    finally:
        session.off("media", take)
        session.off("connection", end)
        left = True
        # lets go whoever still wants to put something
        while not waiting.empty():
            waiting.get_nowait()
            await asyncio.sleep(0)
