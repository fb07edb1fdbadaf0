/** When the sound of a connection begins, so that it is in step with the picture for recorders and for players. */
import { OPUS_FRAME_MS } from '../codec/opus.ts'

/**
 * A player starts with the first frame, and audio that waited for it stays late, by 90 ms in the first seconds: there silence begins this
 * many ms after the frame.
 */
const PLAYER_AUDIO_AFTER_FRAME_MS = 600
/** Without a frame, silence begins after this many ms. */
const MAX_HELD_BACK_MS = 2_000

export interface Receiver {
  hasVideo: boolean
  /** It plays what comes, with a delay of its own. Others are taken for recorders. */
  isPlayer: boolean
}

/**
 * A recorder takes the first packets of both streams for simultaneous, so the first sound has the media time of the first frame. Only
 * silence is held back; speech is always sent.
 */
export class SoundStart {
  readonly #receiver: Receiver
  /** When the first tick and the first frame were due, ms. */
  #firstTickMs: number | undefined
  #firstFrameMs: number | undefined
  #begun = false

  constructor(receiver: Receiver) {
    this.#receiver = receiver
  }

  /** A frame has left. */
  frameLeft(dueMs: number): void {
    this.#firstFrameMs ??= dueMs
  }

  /** True while silence is not to be sent. */
  holdsSilence(dueMs: number): boolean {
    if (this.#begun || !this.#receiver.hasVideo) return false
    this.#firstTickMs ??= dueMs
    if (this.#firstFrameMs === undefined) return dueMs < this.#firstTickMs + MAX_HELD_BACK_MS
    return this.#receiver.isPlayer && dueMs < this.#firstFrameMs + PLAYER_AUDIO_AFTER_FRAME_MS
  }

  /** Sound is sent. @returns media times, ms, of silent packets to be sent before it, since the first frame */
  begin(dueMs: number): number[] {
    if (this.#begun) return []
    this.#begun = true
    const missingMs = this.#receiver.isPlayer ? 0 : Math.min(MAX_HELD_BACK_MS, dueMs - (this.#firstFrameMs ?? dueMs))
    const packets = Math.max(0, Math.round(missingMs / OPUS_FRAME_MS))
    return Array.from({ length: packets }, (_, i) => dueMs - (packets - i) * OPUS_FRAME_MS)
  }
}
