/** Viewers of a session besides its own client: each a WebRTC connection that receives video and sound and sends no microphone. */
import { randomUUID } from 'node:crypto'
import { AvatarError } from '../../shared/errors.ts'
import type { Quality } from '../../shared/media.ts'
import type { Logger } from '../log.ts'
import type { RtcCandidate, RtcIceServer } from '../rtc/types.ts'
import { PeerOutput, type RtcServices, type TransportChange } from './peer-output.ts'
import { SharedEncoders } from './shared-encoders.ts'

/** Each costs 0.5 to 2 Mbit/s of bandwidth, and its own packets. */
export const MAX_VIEWERS = 8
/** A viewer that is not connected for this long (ms) is removed. */
const NOT_CONNECTED_MS = 30_000

interface Viewer {
  output: PeerOutput
  /** Removes it; runs while it is not connected. */
  removal: NodeJS.Timeout | undefined
}

export interface ViewersOptions {
  services: RtcServices
  quality: Quality
  iceServers: readonly RtcIceServer[]
  log: Logger
}

export class Viewers {
  readonly #options: ViewersOptions
  /** Not shared with the session's own client, whose bitrate must not depend on a viewer's network. */
  readonly #encoders: SharedEncoders
  readonly #viewers = new Map<string, Viewer>()
  #closed = false

  constructor(options: ViewersOptions) {
    this.#options = options
    this.#encoders = new SharedEncoders(options.services.encoders)
  }

  get size(): number {
    return this.#viewers.size
  }

  /** None is connected, and one is about to be. */
  get awaited(): boolean {
    return this.#outputs().some(({ awaited }) => awaited) && !this.#outputs().some(({ active }) => active)
  }

  get wantsFrames(): boolean {
    return this.#outputs().some(({ wantsFrames }) => wantsFrames)
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
    const { services, quality, iceServers, log } = this.#options
    const out = new PeerOutput({
      services: { ...services, encoders: this.#encoders },
      quality,
      iceServers,
      log: log.child({ viewer_id }),
      onTransport: (news) => this.#transportChanged(viewer_id, news),
      onMic: () => undefined,
    })
    // entered before the answer, so that concurrent offers stay within the bound
    this.#viewers.set(viewer_id, { output: out, removal: this.#removeLater(viewer_id) })
    try {
      return { viewer_id, sdp: await out.start(offerSdp) }
    } catch (thrown) {
      this.#remove(viewer_id)
      throw thrown
    }
  }

  /** Candidates that the viewer found after its offer. @throws AvatarError `NOT_FOUND`, `INVALID_REQUEST` */
  async addCandidates(viewerId: string, candidates: readonly RtcCandidate[]): Promise<void> {
    const viewer = this.#viewers.get(viewerId)
    if (!viewer) throw noSuchViewer(viewerId)
    for (const candidate of candidates) await viewer.output.addCandidate(candidate)
  }

  /** @throws AvatarError `NOT_FOUND` */
  unwatch(viewerId: string): void {
    if (!this.#remove(viewerId)) throw noSuchViewer(viewerId)
  }

  /** The sound of one tick, see PeerOutput. */
  sound(pcm: Int16Array | undefined, dueMs: number, { stale }: { stale: boolean }): void {
    for (const out of this.#outputs()) out.sound(pcm, dueMs, { stale })
  }

  /** Speech was interrupted: it fades out. */
  cutOff(): void {
    for (const out of this.#outputs()) out.cutOff()
  }

  /** @param rgb handed over @param dueMs on the same clock as sound */
  frame(rgb: Uint8Array<ArrayBuffer>, dueMs: number): void {
    for (const out of this.#outputs()) out.frame(rgb, dueMs)
  }

  close(): void {
    this.#closed = true
    for (const viewerId of [...this.#viewers.keys()]) this.#remove(viewerId)
  }

  #outputs(): PeerOutput[] {
    return [...this.#viewers.values()].map(({ output: out }) => out)
  }

  #transportChanged(viewerId: string, { active, reason }: TransportChange): void {
    const viewer = this.#viewers.get(viewerId)
    if (!viewer || this.#closed) return
    if (active === 'webrtc') {
      clearTimeout(viewer.removal)
      viewer.removal = undefined
    } else if (reason === 'failed') {
      this.#remove(viewerId)
    } else {
      viewer.removal ??= this.#removeLater(viewerId)
    }
  }

  #removeLater(viewerId: string): NodeJS.Timeout {
    return setTimeout(() => {
      this.#options.log.info({ viewer_id: viewerId }, 'a viewer was silent and is given up')
      this.#remove(viewerId)
    }, NOT_CONNECTED_MS)
  }

  /** False when there is none. */
  #remove(viewerId: string): boolean {
    const viewer = this.#viewers.get(viewerId)
    if (!viewer) return false
    this.#viewers.delete(viewerId)
    clearTimeout(viewer.removal)
    viewer.output.close()
    return true
  }
}

function noSuchViewer(viewerId: string): AvatarError {
  return new AvatarError('NOT_FOUND', 'There is no such viewer, or no longer; offer again.', { viewer_id: viewerId })
}
