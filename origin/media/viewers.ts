/** Further receivers of a session's frames and sound, beside its own client: each a WebRTC connection without a microphone. */
import { randomUUID } from 'node:crypto'
import { AvatarError } from '../../shared/errors.ts'
import type { Quality } from '../../shared/media.ts'
import type { Logger } from '../log.ts'
import type { RtcCandidate, RtcIceServer } from '../rtc/types.ts'
import { PeerOutput, type RtcServices, type TransportChange } from './peer-output.ts'
import { SharedEncoders } from './shared-encoders.ts'

/** Each costs 0.5 to 2 Mbit/s of the line, and its own packets. */
export const MAX_VIEWERS = 8
/** ms after which one that does not come, or is silent, is given up. */
const SILENCE_MS = 30_000

interface Viewer {
  out: PeerOutput
  /** Runs while it is not connected. */
  silence: NodeJS.Timeout | undefined
}

export interface ViewersOptions {
  parts: RtcServices
  quality: Quality
  iceServers: readonly RtcIceServer[]
  log: Logger
}

export class Viewers {
  readonly #options: ViewersOptions
  /** Apart from those of the session's own client, whose frames must not suffer from another's line. */
  readonly #encoders: SharedEncoders
  readonly #viewers = new Map<string, Viewer>()
  #closed = false

  constructor(options: ViewersOptions) {
    this.#options = options
    this.#encoders = new SharedEncoders(options.parts.encoders)
  }

  get size(): number {
    return this.#viewers.size
  }

  get wantsFrames(): boolean {
    return this.#outs().some(({ wantsFrames: wantsPictures }) => wantsPictures)
  }

  /**
   * Answers a viewer's offer.
   *
   * @throws AvatarError `INVALID_REQUEST` saying what is wrong with the offer; `CONCURRENCY_LIMIT`
   */
  async watch(offerSdp: string): Promise<{ viewer_id: string; sdp: string }> {
    if (this.#viewers.size >= MAX_VIEWERS) {
      throw new AvatarError('CONCURRENCY_LIMIT', `A session has at most ${MAX_VIEWERS} viewers; end one first.`, { limit: MAX_VIEWERS })
    }
    const viewer_id = randomUUID()
    const { parts, quality, iceServers, log } = this.#options
    const out = new PeerOutput({
      parts: { ...parts, encoders: this.#encoders },
      quality,
      iceServers,
      log: log.child({ viewer_id }),
      onTransport: (news) => this.#changed(viewer_id, news),
      onMic: () => undefined,
    })
    // noted before the answer, so that many at once stay within the bound
    this.#viewers.set(viewer_id, { out, silence: this.#patience(viewer_id) })
    try {
      return { viewer_id, sdp: await out.start(offerSdp) }
    } catch (thrown) {
      this.#drop(viewer_id)
      throw thrown
    }
  }

  /** Candidates that the viewer found after its offer. @throws AvatarError `NOT_FOUND`, `INVALID_REQUEST` */
  async addCandidates(viewerId: string, candidates: readonly RtcCandidate[]): Promise<void> {
    const viewer = this.#viewers.get(viewerId)
    if (!viewer) throw unknown(viewerId)
    for (const candidate of candidates) await viewer.out.addCandidate(candidate)
  }

  /** @throws AvatarError `NOT_FOUND` */
  unwatch(viewerId: string): void {
    if (!this.#drop(viewerId)) throw unknown(viewerId)
  }

  /** The sound of one tick, as PeerOut takes it. */
  sound(pcm: Int16Array | undefined, dueMs: number, { stale }: { stale: boolean }): void {
    for (const out of this.#outs()) out.sound(pcm, dueMs, { stale })
  }

  /** Speech was interrupted: it dies away. */
  cutOff(): void {
    for (const out of this.#outs()) out.cutOff()
  }

  /** @param rgb handed over @param dueMs on the same clock as sound */
  frame(rgb: Uint8Array<ArrayBuffer>, dueMs: number): void {
    for (const out of this.#outs()) out.frame(rgb, dueMs)
  }

  close(): void {
    this.#closed = true
    for (const viewerId of [...this.#viewers.keys()]) this.#drop(viewerId)
  }

  #outs(): PeerOutput[] {
    return [...this.#viewers.values()].map(({ out }) => out)
  }

  #changed(viewerId: string, { active, reason }: TransportChange): void {
    const viewer = this.#viewers.get(viewerId)
    if (!viewer || this.#closed) return
    if (active === 'webrtc') {
      clearTimeout(viewer.silence)
      viewer.silence = undefined
    } else if (reason === 'failed') {
      this.#drop(viewerId)
    } else {
      viewer.silence ??= this.#patience(viewerId)
    }
  }

  #patience(viewerId: string): NodeJS.Timeout {
    return setTimeout(() => {
      this.#options.log.info({ viewer_id: viewerId }, 'a viewer was silent and is given up')
      this.#drop(viewerId)
    }, SILENCE_MS)
  }

  /** False when there is none. */
  #drop(viewerId: string): boolean {
    const viewer = this.#viewers.get(viewerId)
    if (!viewer) return false
    this.#viewers.delete(viewerId)
    clearTimeout(viewer.silence)
    viewer.out.close()
    return true
  }
}

function unknown(viewerId: string): AvatarError {
  return new AvatarError('NOT_FOUND', 'There is no such viewer, or no longer; offer again.', { viewer_id: viewerId })
}
