/** Offers and candidates of a session's WebRTC connection. */
import type { IceCandidateRequest, StartSessionResponse } from '../../../../shared/api.ts'
import type { SessionConnection } from './session-connection.ts'

export class Signalling {
  readonly #connection: SessionConnection

  constructor(connection: SessionConnection) {
    this.#connection = connection
  }

  /** Offers a WebRTC connection (`streaming.start`); answers with the SDP of the answer. `startStream()` does all of it. @throws AvatarError */
  async start(sdp: string, { signal }: { signal?: AbortSignal } = {}): Promise<string> {
    const body = { session_id: this.#connection.session_id, sdp: { type: 'offer', sdp } }
    const answer = await this.#connection.http.json<StartSessionResponse>('/streaming.start', { body, signal, maxRetries: 0 })
    return answer.sdp.sdp
  }

  /** A candidate that was found after the offer (`streaming.ice`). @throws AvatarError */
  async addIceCandidate(candidate: IceCandidateRequest['candidate'], { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    await this.#connection.http.json('/streaming.ice', {
      body: { session_id: this.#connection.session_id, candidate },
      signal,
      repeatable: true,
    })
  }
}
