/** One WebRTC connection: the offer, its candidates, what comes in, the microphone. Knows nothing of when to try again. */

import { type AvatarError, avatarError } from '../core/errors.ts'
import type { Signalling } from '../core/signalling.ts'

export type PeerState = 'connecting' | 'connected' | 'disconnected' | 'failed'

export interface PeerOptions {
  signalling: Pick<Signalling, 'start' | 'addIceCandidate'>
  configuration: RTCConfiguration
  microphone: MediaStreamTrack | undefined
  onState: (state: PeerState) => void
}

export class Peer {
  /** The avatar's video and sound. */
  readonly media = new MediaStream()
  readonly #options: PeerOptions
  readonly #pc: RTCPeerConnection
  readonly #sender: RTCRtpSender
  readonly #abort = new AbortController()
  #state: PeerState = 'connecting'
  /** Found before the server has answered; undefined from then on. */
  #early: RTCIceCandidate[] | undefined = []

  constructor(options: PeerOptions) {
    this.#options = options
    const pc = new RTCPeerConnection(options.configuration)
    this.#pc = pc
    pc.addTransceiver('video', { direction: 'recvonly' })
    // ready for a microphone, which can then come and go without another offer
    this.#sender = pc.addTransceiver('audio', { direction: 'sendrecv' }).sender
    pc.addEventListener('track', ({ track }) => this.media.addTrack(track))
    pc.addEventListener('connectionstatechange', () => this.#changed(pc.connectionState))
    pc.addEventListener('icecandidate', ({ candidate }) => {
      if (!candidate || candidate.candidate === '') return
      if (this.#early) this.#early.push(candidate)
      else this.#tell(candidate)
    })
    this.microphone = options.microphone
  }

  get state(): PeerState {
    return this.#state
  }

  set microphone(track: MediaStreamTrack | undefined) {
    // refused only once the connection is closed, and then nobody is heard by it
    void this.#sender.replaceTrack(track ?? null).catch(() => undefined)
  }

  stats(): Promise<RTCStatsReport> {
    return this.#pc.getStats()
  }

  /** Offers, and takes the answer. @throws AvatarError */
  async open(): Promise<void> {
    const { signalling } = this.#options
    const { signal } = this.#abort
    try {
      await this.#pc.setLocalDescription()
      const answer = await signalling.start(this.#pc.localDescription?.sdp ?? '', { signal })
      signal.throwIfAborted()
      await this.#pc.setRemoteDescription({ type: 'answer', sdp: answer })
    } catch (thrown) {
      if (thrown instanceof DOMException && !signal.aborted) {
        const message = `The WebRTC connection cannot be made: ${thrown.message}`
        throw avatarError({ code: 'CONNECTION_FAILED', message, cause: thrown })
      }
      throw thrown
    }
    for (const candidate of this.#early ?? []) this.#tell(candidate)
    this.#early = undefined
  }

  close(): void {
    this.#abort.abort()
    this.#pc.close()
    for (const track of this.media.getTracks()) track.stop()
  }

  #changed(state: RTCPeerConnectionState): void {
    const now = state === 'new' ? 'connecting' : state === 'closed' ? 'failed' : state
    if (now === this.#state || this.#abort.signal.aborted) return
    this.#state = now
    this.#options.onState(now)
  }

  #tell(candidate: RTCIceCandidate): void {
    const { candidate: line, sdpMid, sdpMLineIndex } = candidate.toJSON()
    const told = this.#options.signalling.addIceCandidate(
      { candidate: line ?? '', sdpMid: sdpMid ?? null, sdpMLineIndex: sdpMLineIndex ?? null },
      { signal: this.#abort.signal },
    )
    // one of several ways that does not come about: whether any does is seen by the connection's state
    told.catch((_: AvatarError) => undefined)
  }
}
