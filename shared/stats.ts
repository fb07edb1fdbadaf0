/** Figures of a session that runs: its transport, and what each turn took. */
import * as z from 'zod'

const ms = z.number().nullable()

/** Of the session's WebRTC connection, since the one before. */
export const TransportStats = z
  .object({
    transport: z.enum(['webrtc', 'socket']),
    video_codec: z.enum(['vp8', 'h264']).nullable(),
    candidate: z
      .enum(['host', 'srflx', 'relay'])
      .nullable()
      .meta({ description: 'How the connection goes: direct, through NAT, or by TURN.' }),
    video_bps: z.number().meta({ description: 'bit/s sent; on sockets, of frames' }),
    audio_bps: z.number(),
    target_bps: z.number().nullable().meta({ description: 'bit/s that the encoder is set to' }),
    fps: z.number().meta({ description: 'frames sent a second' }),
    rtt_ms: ms,
    jitter_ms: ms,
    loss: z.number().min(0).max(1).nullable().meta({ description: 'share of packets lost, by the receiver' }),
    freezes: z.int().meta({ description: 'Gaps of over 150 ms between frames sent, since the start.' }),
    frames_dropped: z.int().meta({ description: 'Left out because encoder or line was behind, since the start.' }),
    encode_ms: ms.meta({ description: 'p50 of one frame' }),
  })
  .meta({ id: 'TransportStats' })
export type TransportStats = z.infer<typeof TransportStats>

/** One turn, ms from its beginning: the end of the user's speech, or the request. Null: no such step. */
export const TurnLedger = z
  .object({
    vad_end: ms.meta({ description: 'The detector has noticed that the user stopped.' }),
    stt_final: ms,
    llm_first_token: ms,
    tts_first_byte: ms,
    first_sound: ms,
    first_frame: ms.meta({ description: 'First frame of the moving mouth.' }),
  })
  .meta({ id: 'TurnLedger' })
export type TurnLedger = z.infer<typeof TurnLedger>

/** Counts by upper bound, as Prometheus has them but not summed up. */
export const Histogram = z
  .object({
    bounds: z.array(z.number()),
    counts: z.array(z.int()).meta({ description: 'counts[i] lies in (bounds[i-1], bounds[i]]; the last is beyond all bounds.' }),
    sum: z.number(),
  })
  .refine(({ bounds, counts }) => counts.length === bounds.length + 1, 'needs one count more than bounds')
  .meta({ id: 'Histogram' })
export type Histogram = z.infer<typeof Histogram>
