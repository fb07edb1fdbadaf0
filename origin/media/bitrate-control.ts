/** Bitrate of a video stream: what its quality asks for, less while the network carries less. */

/** Share of lost packets from which the rate falls, and up to which it may rise again. */
const LOSS_TOO_HIGH = 0.08
const LOSS_FINE = 0.02
/** The same by NACKed packets as a share of those sent, which arrive sooner: loss reports are late on a congested network. */
const ASKED_TOO_OFTEN = 0.25
/** Weight of the latest report: a second has few packets, so its loss varies by chance. */
const LOSS_WEIGHT = 0.3
const DOWN = 0.7
const UP = 1.25
/** Below it a face is not recognisable. */
const FLOOR_BPS = 150_000
/** s between changes: each restarts a VP8 stream with a key frame, which costs bits itself. */
const HOLD_DOWN_S = 2
const HOLD_UP_S = 8
/**
 * The receiver's estimate starts low and needs seconds to converge: it is used once it has been above the bitrate, once packets are
 * lost as well, or after this many s.
 */
const TRUST_ESTIMATE_AFTER_S = 20
/** Share of the estimate that must be sent for it to be a limit: it never grows far beyond what is received. */
const USED_SHARE = 0.9
/** Share of the estimate that video may use; audio and retransmissions need the rest. */
const ESTIMATE_SHARE = 0.85

export interface NetworkReport {
  /** Share of packets lost in the latest report, 0..1. */
  loss: number
  /** The receiver's bandwidth estimate, bit/s; undefined before its first. */
  estimateBps: number | undefined
  /** bit/s of video sent over the last second. */
  videoBps: number
  /** Since the connection began: packets sent, and packets that the client NACKed. */
  packetsSent: number
  nacks: number
}

export class BitrateControl {
  readonly #fullBps: number
  #bps: number
  #seconds = 0
  #changedAt = 0
  /** The estimate has been as high as the bitrate, or has had time to converge. */
  #trusted = false
  #loss = 0
  #before = { packetsSent: 0, nacks: 0 }

  /** @param fullBps what the quality asks for */
  constructor(fullBps: number) {
    this.#fullBps = fullBps
    this.#bps = fullBps
  }

  get bitrateBps(): number {
    return this.#bps
  }

  /** To be called once a second. Returns the bitrate from now on. */
  next({ loss, estimateBps, videoBps, packetsSent, nacks }: NetworkReport): number {
    this.#seconds += 1
    const asked = (nacks - this.#before.nacks) / Math.max(1, packetsSent - this.#before.packetsSent)
    this.#before = { packetsSent, nacks }
    this.#loss += (loss - this.#loss) * LOSS_WEIGHT
    const losing = this.#loss > LOSS_TOO_HIGH || asked > ASKED_TOO_OFTEN
    if (losing || (estimateBps ?? 0) * ESTIMATE_SHARE >= this.#bps || this.#seconds > TRUST_ESTIMATE_AFTER_S) this.#trusted = true
    const heldS = this.#seconds - this.#changedAt
    const ceiling = this.#ceiling(estimateBps, videoBps)
    if (heldS >= HOLD_DOWN_S && (losing || ceiling < this.#bps)) {
      this.#change(Math.min(losing ? this.#bps * DOWN : this.#bps, ceiling))
    } else if (heldS >= HOLD_UP_S && this.#loss <= LOSS_FINE && !losing && this.#bps < this.#fullBps) {
      const raised = Math.min(this.#fullBps, this.#bps * UP)
      if (raised <= ceiling) this.#change(raised)
    }
    return this.#bps
  }

  #ceiling(estimateBps: number | undefined, sentBps: number): number {
    if (estimateBps === undefined || sentBps < estimateBps * USED_SHARE) return Number.POSITIVE_INFINITY
    return this.#trusted ? estimateBps * ESTIMATE_SHARE : Number.POSITIVE_INFINITY
  }

  #change(bps: number): void {
    const bounded = Math.round(Math.max(Math.min(FLOOR_BPS, this.#fullBps), bps))
    if (bounded === this.#bps) return
    this.#bps = bounded
    this.#changedAt = this.#seconds
  }
}
