/** WebRTC of all sessions in a few figures, for `/metrics`. */
import type { EncoderPool } from '../codec/encoder-pool.ts'
import type { Session } from '../session/session.ts'

/** Names and units as they appear under `render`. */
export function rtcLoad(sessions: readonly Session[], encoders: EncoderPool): Record<string, number> {
  const peers = sessions.flatMap(({ peerStats }) => peerStats ?? [])
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0)
  const rtts = peers.flatMap(({ rttMs }) => rttMs ?? [])
  return {
    rtc_connections: peers.filter(({ state }) => state === 'connected').length,
    rtc_bitrate_bps: sum(peers.map(({ videoBps, audioBps }) => videoBps + audioBps)),
    rtc_rtt_ms: rtts.length > 0 ? Math.round((sum(rtts) / rtts.length) * 10) / 10 : 0,
    rtc_loss_max: Math.max(0, ...peers.map(({ loss }) => loss)),
    rtc_jitter_ms_max: Math.max(0, ...peers.map(({ jitterMs }) => Math.round(jitterMs * 10) / 10)),
    rtc_frames_dropped: sum(peers.map(({ framesDropped }) => framesDropped)),
    rtc_keyframe_requests: sum(peers.map(({ keyframeRequests }) => keyframeRequests)),
    video_streams: encoders.streams,
    video_encode_ms_p50: Math.round((encoders.encodeMs?.p50 ?? 0) * 100) / 100,
  }
}
