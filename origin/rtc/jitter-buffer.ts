/** Jitter buffer for the client's microphone: reorders packets, and emits concealment or silence in place of missing ones. */
import type { MicPiece } from './types.ts'

/** RTP units of Opus in a ms (RFC 7587 section 4.1). */
const UNITS_PER_MS = 48
/** A missing packet counts as lost once this many later ones wait for it, or after this many ms. */
const MAX_WAITING = 3
const WAIT_MS = 60
/** Lost audio up to this many ms is concealed; the rest is silence. */
const MAX_CONCEALED_MS = 100
/** Without a packet for this many ms silence is emitted, in pieces of this length. */
const IDLE_MS = 100
/** ms of silence after which no more is emitted; a larger gap of timestamps means another device. */
const MAX_SILENT_MS = 2_000
/** Packets: a sequence number further from the expected one than this starts another stream. */
const MAX_STRAY = 500

export interface MicPacket {
  sequence: number
  timestamp: number
  /** One Opus packet; empty ones carry nothing. */
  payload: Uint8Array
}

export class JitterBuffer {
  readonly #onPiece: (piece: MicPiece) => void
  /** The next packet in order; undefined before the first packet. */
  #expected: { sequence: number; timestamp: number } | undefined
  /** Packets that wait for a missing one, by sequence number. */
  readonly #waiting = new Map<number, MicPacket>()
  #lossTimer: NodeJS.Timeout | undefined
  #idleTimer: NodeJS.Timeout | undefined
  /** ms of silence emitted since the last packet. */
  #silentMs = 0
  /** ms of silence emitted in place of packets that were only late. */
  #excessMs = 0
  #stopped = false

  constructor(onPiece: (piece: MicPiece) => void) {
    this.#onPiece = onPiece
  }

  push(packet: MicPacket): void {
    if (this.#stopped || packet.payload.length === 0) return
    const early = this.#expected ? wrapped(packet.sequence - this.#expected.sequence, 16) : 0
    if (Math.abs(early) > MAX_STRAY) {
      this.#waiting.clear()
      this.#expected = undefined
    } else if (early < 0) return
    this.#waiting.set(packet.sequence, packet)
    this.#drain()
    if (this.#waiting.size >= MAX_WAITING) this.#skipMissing()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#lossTimer)
    clearInterval(this.#idleTimer)
    this.#waiting.clear()
  }

  /** Emits the packets that are there without a gap. */
  #drain(): void {
    if (!this.#expected) {
      const [first] = this.#waiting.values()
      if (first) this.#expected = { sequence: first.sequence, timestamp: first.timestamp }
    }
    for (let packet = this.#take(); packet; packet = this.#take()) this.#emit(packet, { lost: false })
    clearTimeout(this.#lossTimer)
    if (this.#waiting.size > 0) this.#lossTimer = setTimeout(() => this.#skipMissing(), WAIT_MS)
  }

  #take(): MicPacket | undefined {
    const packet = this.#expected && this.#waiting.get(this.#expected.sequence)
    if (packet) this.#waiting.delete(packet.sequence)
    return packet
  }

  /** Treats the missing packets as lost, and continues with the first that waits. */
  #skipMissing(): void {
    const next = this.#expected
    if (!next) return
    const [first] = [...this.#waiting.values()].sort(
      (a, b) => wrapped(a.sequence - next.sequence, 16) - wrapped(b.sequence - next.sequence, 16),
    )
    if (!first) return
    this.#waiting.delete(first.sequence)
    this.#emit(first, { lost: true })
    this.#drain()
  }

  #emit({ sequence, timestamp, payload }: MicPacket, { lost }: { lost: boolean }): void {
    const gapMs = wrapped(timestamp - (this.#expected?.timestamp ?? timestamp), 32) / UNITS_PER_MS
    if (gapMs >= 0 && gapMs <= MAX_SILENT_MS) this.#fillGap(gapMs, lost)
    else this.#excessMs = 0
    this.#silentMs = 0
    this.#expected = { sequence: (sequence + 1) & 0xffff, timestamp: (timestamp + opusMs(payload) * UNITS_PER_MS) >>> 0 }
    this.#onPiece({ kind: 'sound', opus: payload })
    if (this.#idleTimer) this.#idleTimer.refresh()
    else this.#idleTimer = setInterval(() => this.#emitSilence(), IDLE_MS)
  }

  /** Emits concealment or silence for the time between two packets, less what was emitted already. */
  #fillGap(gapMs: number, lost: boolean): void {
    this.#excessMs += this.#silentMs
    const missingMs = Math.max(0, gapMs - this.#excessMs)
    this.#excessMs = Math.max(0, this.#excessMs - gapMs)
    const concealedMs = lost ? Math.min(missingMs, MAX_CONCEALED_MS) : 0
    if (concealedMs > 0) this.#onPiece({ kind: 'lost', ms: concealedMs })
    if (missingMs > concealedMs) this.#onPiece({ kind: 'silent', ms: missingMs - concealedMs })
  }

  #emitSilence(): void {
    if (this.#silentMs >= MAX_SILENT_MS) {
      clearInterval(this.#idleTimer)
      this.#idleTimer = undefined
      return
    }
    this.#silentMs += IDLE_MS
    this.#onPiece({ kind: 'silent', ms: IDLE_MS })
  }
}

/** As a signed number of that many bits. */
function wrapped(difference: number, bits: 16 | 32): number {
  return (difference << (32 - bits)) >> (32 - bits)
}

/** ms of sound in a packet (RFC 6716 section 3.1 and 3.2). */
export function opusMs(packet: Uint8Array): number {
  const [toc = 0, count = 1] = packet
  const config = toc >> 3
  const sizes = config < 12 ? [10, 20, 40, 60] : config < 16 ? [10, 20, 10, 20] : [2.5, 5, 10, 20]
  const frames = [1, 2, 2, count & 0x3f][toc & 3] ?? 1
  return (sizes[config & 3] ?? 20) * frames
}
