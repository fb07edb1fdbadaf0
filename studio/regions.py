"""Which parts of the portrait the pack's layers draw, and the masks that blend them in."""

from dataclasses import dataclass

import numpy as np

from pictures import blur, smoothstep
from raster import sample


@dataclass(frozen=True)
class Region:
    """A rectangle of the 1024 portrait that a layer draws as a patch of width x height pixels."""

    name: str
    x: float
    y: float
    portrait_width: float
    portrait_height: float
    width: int
    height: int
    # The part with fine motion (lips and teeth, lids), in patch pixels, multiples of 4: x, y, width, height.
    detail: tuple[int, int, int, int]
    # Portrait rows at which motion begins and has its full freedom: at the top, and at the bottom (from below).
    fade_in: tuple[float, float]
    fade_out: tuple[float, float]
    # Portrait columns at the left and right border over which the mask fades.
    side_fade: float

    @property
    def scale(self) -> float:
        """Patch pixels per portrait pixel."""
        return self.width / self.portrait_width

    def to_patch(self, portrait: np.ndarray) -> np.ndarray:
        """Portrait positions [.., 2] -> patch positions."""
        return (portrait - np.array([self.x, self.y])) * self.scale

    def to_portrait(self, patch: np.ndarray) -> np.ndarray:
        return patch / self.scale + np.array([self.x, self.y])

    def pixels(self, supersample: int = 1) -> np.ndarray:
        """Portrait positions of the patch's (sub)pixel centres, [h, w, 2]."""
        y, x = np.mgrid[0 : self.height * supersample, 0 : self.width * supersample]
        return self.to_portrait((np.stack([x, y], -1) + 0.5) / supersample)

    def freedom(self, portrait: np.ndarray) -> np.ndarray:
        """Share of its motion that a point [.., 2] keeps: the motion has died where the mask ends, so nothing tears or doubles."""
        y = portrait[..., 1]
        return smoothstep(*self.fade_in, y) * smoothstep(*self.fade_out, y)

    def mask(self, face: np.ndarray) -> np.ndarray:
        """Alpha 0..1 [h, w] of the patch. `face`: where the portrait may change at all, 0..1 [1024, 1024]."""
        p = self.pixels()
        allowed = sample(np.repeat(face[..., None], 3, 2).astype(np.float32), p)[..., 0]
        x, y = p[..., 0], p[..., 1]
        fade = self.side_fade
        sides = smoothstep(self.x, self.x + fade, x) * smoothstep(self.x + self.portrait_width, self.x + self.portrait_width - fade, x)
        # the motion has its full freedom only where the mask is already opaque
        (top, top_full), (bottom, bottom_full) = self.fade_in, self.fade_out
        rows = smoothstep(top, top + 0.6 * (top_full - top), y) * smoothstep(bottom, bottom + 0.6 * (bottom_full - bottom), y)
        alpha = blur(allowed, 1.0) * allowed * sides * rows
        alpha[[0, -1], :] = 0
        alpha[:, [0, -1]] = 0
        return alpha


MOUTH = Region("mouth", 359, 358, 352, 352, 256, 256, detail=(60, 92, 144, 112), fade_in=(376, 402), fade_out=(704, 672), side_fade=8)
EYES = Region(
    "eyes", 381, 262, 320, 160, 256, 128, detail=(20, 52, 208, 60), fade_in=(274, 304), fade_out=(402, 378), side_fade=14
)  # fmt: skip
