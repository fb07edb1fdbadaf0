/** WebRTC of the process: chooses the ICE servers of each connection, takes ports one connection at a time, and warms up at start. */
import { performance } from 'node:perf_hooks'
import { RTCPeerConnection } from 'werift'
import { AvatarError } from '../../shared/errors.ts'
import type { RtcIceServer, RtcPeer, RtcPeerOptions, RtcSettings } from './types.ts'
import { askOnly } from './werift-parts.ts'
import { answerOffer, GATHER_MS } from './werift-peer.ts'

/** ms for which a STUN server that did not answer in time is not used: every connection would wait for it. */
const STUN_PAUSE_MS = 300_000
const WARM_UP_MS = 5_000

export type AnswerOptions = Omit<RtcPeerOptions, 'settings'>

export interface RtcEngineOptions {
  settings: RtcSettings
  /** Called when a STUN server is not used for STUN_PAUSE_MS. */
  onSlowStun: () => void
}

export class RtcEngine {
  readonly #settings: RtcSettings
  readonly #onSlowStun: () => void
  #last: Promise<unknown> = Promise.resolve()
  #stunPausedUntilMs = 0

  constructor({ settings, onSlowStun }: RtcEngineOptions) {
    this.#settings = settings
    this.#onSlowStun = onSlowStun
  }

  /**
   * @returns the connection, and the answer with all its candidates
   * @throws AvatarError `INVALID_REQUEST` with the reason; `WEBRTC_NOT_READY` without the TURN server that it must go through
   */
  async answer(offerSdp: string, options: AnswerOptions): Promise<{ peer: RtcPeer; sdp: string }> {
    const iceServers = this.#usable(options.iceServers)
    const answering = async (): Promise<{ peer: RtcPeer; sdp: string }> => {
      const startedMs = performance.now()
      const answered = await answerOffer(offerSdp, { ...options, iceServers, settings: this.#settings })
      if (!this.#settings.relayOnly && iceServers.length > 0 && performance.now() - startedMs >= GATHER_MS) {
        this.#stunPausedUntilMs = performance.now() + STUN_PAUSE_MS
        this.#onSlowStun()
      }
      return answered
    }
    if (!this.#settings.portRange) return answering()
    // the library looks for a free port before it binds it: two connections at once would find the same one
    const mine = this.#last.then(answering)
    this.#last = mine.catch(() => {})
    return mine
  }

  /**
   * Makes one connection to this process: code is compiled and a certificate made, and the first client connects in a third of the
   * time. Never fails; what does not work shows at the first client.
   */
  async warmUp(): Promise<void> {
    const client = new RTCPeerConnection({
      iceServers: [],
      // otherwise the library forgets to close the socket of the part that is bundled away
      bundlePolicy: 'max-bundle',
      iceUseIpv4: false,
      iceUseIpv6: false,
      iceAdditionalHostAddresses: ['127.0.0.1'],
    })
    const settings: RtcSettings = { publicAddresses: [], portRange: undefined, relayOnly: false, loopback: true }
    let peer: RtcPeer | undefined
    try {
      for (const kind of ['video', 'audio'] as const) client.addTransceiver(kind, { direction: 'recvonly' })
      const offer = await client.createOffer()
      askOnly([], client)
      await client.setLocalDescription(offer)
      const connected = client.connectionStateChange.watch((state) => state === 'connected', WARM_UP_MS)
      const ignore = (): void => undefined
      const answered = await answerOffer(client.localDescription?.sdp ?? '', {
        settings,
        iceServers: [],
        onState: ignore,
        onKeyframeRequest: ignore,
        onMic: ignore,
      })
      peer = answered.peer
      await client.setRemoteDescription({ type: 'answer', sdp: answered.sdp })
      await connected
    } catch {
      // only a warm-up
    } finally {
      await Promise.allSettled([client.close(), peer?.close()])
    }
  }

  /**
   * The origin itself needs a TURN server only when it may not be reached otherwise, and a STUN server only when it does not
   * know its address.
   */
  #usable(servers: readonly RtcIceServer[]): RtcIceServer[] {
    const { relayOnly, publicAddresses, loopback } = this.#settings
    if (relayOnly) {
      const turn = pick(servers, /^turns?:/)
      if (turn) return [turn]
      throw new AvatarError(
        'WEBRTC_NOT_READY',
        'This origin must go through a TURN server, and the session has none: set one up on the edge.',
      )
    }
    if (publicAddresses.length > 0 || loopback || performance.now() < this.#stunPausedUntilMs) return []
    const stun = pick(servers, /^stun:/)
    return stun ? [stun] : []
  }
}

/** The first server of a kind, with only its addresses of that kind. */
function pick(servers: readonly RtcIceServer[], kind: RegExp): RtcIceServer | undefined {
  for (const server of servers) {
    const urls = [server.urls].flat().find((url) => kind.test(url))
    if (urls !== undefined) return { ...server, urls }
  }
  return undefined
}
