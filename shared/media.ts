/** Every media constant, with its unit. Plain TypeScript: no zod, no platform types. */

/** Hz, mono. Speech inside the origin and on the wire. */
export const SAMPLE_RATE = 24_000
/** Frames a second at every quality. */
export const FPS = 25
/** ms of media in one tick of the session clock: one frame and its sound. */
export const TICK_MS = 1000 / FPS
/** Samples in one tick. */
export const TICK_SAMPLES = SAMPLE_RATE / FPS
/** Mouth frames a second: the hop of phone blending and of the lip-sync network (20 ms). */
export const MOUTH_FPS = 50
/** Longest WAV that one `audio` event carries, ms: short enough to start and stop quickly. */
export const MAX_CLAUSE_MS = 2_500
/** ms in one piece of a client that asked for `audio=chunks`. */
export const CHUNK_MS = 100
/** Longest client audio that waits for its commit, ms. */
export const MAX_AUDIO_BUFFER_MS = 60_000
/** Frames that a client which acknowledges may have outstanding. */
export const MAX_UNACKED_FRAMES = 5

/** Frame size in pixels (square) and video bitrate by quality. */
export const QUALITIES = {
  low: { size: 360, bitrateBps: 500_000 },
  medium: { size: 512, bitrateBps: 1_000_000 },
  high: { size: 720, bitrateBps: 2_000_000 },
} as const
export type Quality = keyof typeof QUALITIES
