/** What handlers of a session get. */
import { type BinaryMedia, decodeBinaryMedia } from '../../../../shared/binary-media.ts'
import type { ServerEvent } from '../../../../shared/events.ts'
import { fromBase64, readWav, toBase64 } from './bytes.ts'
import type { Handler } from './emitter.ts'
import type { ConnectionEvent } from './socket.ts'

export type { BinaryMedia } from '../../../../shared/binary-media.ts'
export type { ClientEvent, ServerEvent, SessionEndReason } from '../../../../shared/events.ts'

/** The event of one type. */
export type EventOf<Type extends ServerEvent['type']> = Extract<ServerEvent, { type: Type }>
export type Frame = EventOf<'frame'>
export type Audio = EventOf<'audio'>

/** One frame or sound, however it travelled. Sound is 16-bit little-endian mono PCM. */
export interface MediaEvent {
  type: 'media'
  kind: 'frame' | 'sound'
  /** JPEG of a frame; PCM of sound. */
  data: Uint8Array<ArrayBuffer>
  /** Unix ms, on the server's clock, at which it is due. */
  timestampMs: number
  /** Rises with every interrupt; what is older is to be dropped. */
  generation: number
  /** Of a frame; 0 for sound. */
  frameId: number
  /** ms from the first sample of its task; 0 for a frame. */
  ptsMs: number
  /** Hz; 0 for a frame. */
  sampleRate: number
}

/** Arguments of the handlers, by event type. `frame` and `audio`: the base64 text first, then the whole event. */
export type SessionEventMap = {
  [Type in Exclude<ServerEvent['type'], 'frame' | 'audio'>]: [event: EventOf<Type>]
} & {
  frame: [data: string, event: Frame]
  audio: [data: string, event: Audio]
  /** Every frame and sound as bytes. */
  media: [event: MediaEvent]
  /** The connection's own ups and downs. */
  connection: [event: ConnectionEvent]
  /** This client interrupts: what plays may stop before the server says so. `next`: a new task was asked for with it. */
  interrupting: [event: { type: 'interrupting'; next: boolean }]
  /** Every event of the server, video and sound included. */
  event: [event: ServerEvent]
}

/** Where handlers of a session are put. */
export interface EventSource {
  /** Calls the handler for each event of a type; returns the function that takes it off again. */
  on<Type extends keyof SessionEventMap>(type: Type, handler: Handler<SessionEventMap[Type]>): () => void
}

/** A binary message as media. @throws RangeError when it is none of this version */
export function mediaOfBinary(message: ArrayBuffer): { media: MediaEvent; binary: BinaryMedia } {
  const binary = decodeBinaryMedia(message)
  const bytes = new Uint8Array(message, message.byteLength - binary.payload.length)
  const media: MediaEvent = {
    type: 'media',
    kind: binary.kind === 'frame' ? 'frame' : 'sound',
    data: binary.kind === 'clause' ? ((readWav(bytes)?.data ?? bytes) as Uint8Array<ArrayBuffer>) : bytes,
    timestampMs: binary.timestamp * 1000,
    generation: binary.generation,
    frameId: binary.frameId,
    ptsMs: binary.ptsMs,
    sampleRate: binary.sampleRate,
  }
  return { media, binary }
}

/** The event that the message would have been as JSON. */
export function eventOfBinary(binary: BinaryMedia, session_id: string): Frame | Audio {
  const { seq, generation, timestamp } = binary
  const common = { seq, session_id, generation, timestamp, data: toBase64(binary.payload) }
  if (binary.kind === 'frame') return { ...common, type: 'frame', frame_id: binary.frameId }
  return {
    ...common,
    type: 'audio',
    format: binary.kind === 'clause' ? 'wav' : 'pcm_s16le',
    duration: binary.samples / binary.sampleRate,
    sample_rate: binary.sampleRate,
    pts_ms: binary.ptsMs,
  }
}

/** undefined where the bytes are no sound that can be played as they are. */
export function mediaOfEvent(event: Frame | Audio): MediaEvent | undefined {
  const bytes = fromBase64(event.data)
  const common = { type: 'media' as const, timestampMs: event.timestamp * 1000, generation: event.generation ?? 0 }
  if (event.type === 'frame') return { ...common, kind: 'frame', data: bytes, frameId: event.frame_id, ptsMs: 0, sampleRate: 0 }
  const pcm = event.format === 'wav' ? readWav(bytes)?.data : bytes
  if (!pcm) return undefined
  return { ...common, kind: 'sound', data: pcm as Uint8Array<ArrayBuffer>, frameId: 0, ptsMs: event.pts_ms, sampleRate: event.sample_rate }
}
