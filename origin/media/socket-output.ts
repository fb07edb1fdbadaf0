/** Frames and audio for sockets, in the forms that the session's clients want, each encoded once. */
import { type BinaryKind, encodeBinaryMedia } from '../../shared/binary-media.ts'
import type { OriginEvent } from '../../shared/events.ts'
import type { MediaWants, RelayClass } from '../../shared/link.ts'
import { SAMPLE_RATE } from '../../shared/media.ts'
import { encodeWav } from '../codec/wav.ts'

/** Where events and media go: the session's socket to the edge. */
export interface MediaSink {
  sendEvent(relayClass: RelayClass, event: OriginEvent): void
  sendBinary(message: Uint8Array): void
  /** True when the socket is so far behind that frames only make it worse. */
  readonly congested: boolean
}

export interface Stamp {
  taskId?: string
  generation: number
  /** Unix seconds. */
  timestamp: number
}

export const NO_WANTS: MediaWants = {
  frame_json: false,
  frame_binary: false,
  clause_json: false,
  clause_binary: false,
  chunk_json: false,
  chunk_binary: false,
  words: false,
  stats: false,
  levels: false,
}

export class SocketOutput {
  readonly #sink: MediaSink
  readonly #sessionId: string
  wants: MediaWants = NO_WANTS
  /** Frames left out because the socket to the edge was behind. */
  droppedFrames = 0
  #frameId = 0

  constructor(sink: MediaSink, sessionId: string) {
    this.#sink = sink
    this.#sessionId = sessionId
  }

  get wantsFrames(): boolean {
    return this.wants.frame_json || this.wants.frame_binary
  }

  get wantsSound(): boolean {
    const { clause_json, clause_binary, chunk_json, chunk_binary } = this.wants
    return clause_json || clause_binary || chunk_json || chunk_binary
  }

  frame(jpeg: Uint8Array, stamp: Stamp): void {
    this.#frameId += 1
    if (this.#sink.congested) {
      this.droppedFrames += 1
      return
    }
    if (this.wants.frame_json) {
      this.#sink.sendEvent('frame', {
        type: 'frame',
        ...this.#eventFields(stamp),
        frame_id: this.#frameId,
        timestamp: stamp.timestamp,
        data: base64(jpeg),
      })
    }
    if (this.wants.frame_binary) this.#binary('frame', jpeg, stamp, { frameId: this.#frameId })
  }

  /** A playable WAV of sound that begins now. */
  clause(pcm: Int16Array, ptsMs: number, stamp: Stamp): void {
    if (!this.wants.clause_json && !this.wants.clause_binary) return
    const wav = encodeWav(pcm, SAMPLE_RATE)
    if (this.wants.clause_json) this.#sendSound('clause', 'wav', wav, pcm.length, ptsMs, stamp)
    if (this.wants.clause_binary) this.#binary('clause', wav, stamp, { ptsMs, samples: pcm.length })
  }

  /** A piece of raw PCM that begins now. */
  chunk(pcm: Int16Array, ptsMs: number, stamp: Stamp): void {
    if (!this.wants.chunk_json && !this.wants.chunk_binary) return
    const bytes = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength)
    if (this.wants.chunk_json) this.#sendSound('chunk', 'pcm_s16le', bytes, pcm.length, ptsMs, stamp)
    if (this.wants.chunk_binary) this.#binary('chunk', bytes, stamp, { ptsMs, samples: pcm.length })
  }

  #sendSound(relayClass: RelayClass, format: 'wav' | 'pcm_s16le', bytes: Uint8Array, samples: number, ptsMs: number, stamp: Stamp): void {
    this.#sink.sendEvent(relayClass, {
      type: 'audio',
      ...this.#eventFields(stamp),
      format,
      duration: samples / SAMPLE_RATE,
      sample_rate: SAMPLE_RATE,
      timestamp: stamp.timestamp,
      pts_ms: ptsMs,
      data: base64(bytes),
    })
  }

  #eventFields({ taskId, generation }: Stamp): { session_id: string; task_id?: string; generation: number } {
    return { session_id: this.#sessionId, ...(taskId === undefined ? {} : { task_id: taskId }), generation }
  }

  #binary(kind: BinaryKind, payload: Uint8Array, stamp: Stamp, about: { frameId?: number; ptsMs?: number; samples?: number }): void {
    const { frameId = 0, ptsMs = 0, samples = 0 } = about
    const sampleRate = samples > 0 ? SAMPLE_RATE : 0
    this.#sink.sendBinary(
      encodeBinaryMedia({
        kind,
        seq: 0,
        frameId,
        generation: stamp.generation,
        timestamp: stamp.timestamp,
        ptsMs,
        sampleRate,
        samples,
        payload,
      }),
    )
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
