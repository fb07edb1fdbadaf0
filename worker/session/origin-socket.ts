/** What the origin's socket remembers of itself through a hibernation. */
import * as z from 'zod'
import type { Placement } from './session-state.ts'

export const OriginAttachment = z.object({
  v: z.literal(1),
  role: z.literal('origin'),
  /** Null before its hello. */
  placement: z.object({ origin_id: z.string(), boot_id: z.string() }).nullable(),
})
export type OriginAttachment = z.infer<typeof OriginAttachment>

export function placementOfSocket(ws: WebSocket): Placement | null {
  const parsed = OriginAttachment.safeParse(ws.deserializeAttachment())
  return parsed.success ? parsed.data.placement : null
}
