/** How this page is connected: a line in the bar, and what stands behind it. */
import type { AvatarSession, Transport, TransportStats } from '@avatar/sdk'
import { byId, showText } from '../common/dom.ts'
import { CONNECTION, PATHS, type Phase, TRANSPORTS } from './copy.ts'

const PING_EVERY_MS = 5_000
/** Round trips of which the quickest is shown. */
const PINGS = 4
/** Without an answer for so long something is wrong; sooner where the device says that its network is gone, ms. */
const QUIET_AFTER_MS = 6_000
const OFFLINE_AFTER_MS = 1_500

export class Connection {
  readonly #onQuiet: (quiet: boolean) => void
  #session: AvatarSession | undefined
  #phase: Phase = 'opening'
  #transport: Transport = 'socket'
  #stats: TransportStats | undefined
  #pings: number[] = []

  /** @param onQuiet the server does not answer, though the connection stands; or it does again */
  constructor(onQuiet: (quiet: boolean) => void) {
    this.#onQuiet = onQuiet
    setInterval(() => void this.#measure(), PING_EVERY_MS)
    // a server on this device answers all the same
    addEventListener('offline', () => void this.#measure(OFFLINE_AFTER_MS))
    addEventListener('online', () => void this.#measure())
  }

  set phase(phase: Phase) {
    this.#phase = phase
    this.#show()
    if (phase === 'live') void this.#measure()
  }

  /** How video and sound travel now. */
  set transport(transport: Transport) {
    this.#transport = transport
    this.#stats = undefined
    this.#show()
  }

  follow(session: AvatarSession): void {
    this.#session = session
    this.#stats = undefined
    this.#pings = []
    session.on('stats', ({ stats }) => {
      this.#stats = stats
      this.#show()
    })
  }

  async #measure(quietAfterMs = QUIET_AFTER_MS): Promise<void> {
    const session = this.#session
    if (session?.connection !== 'open' || document.hidden) return
    const late = setTimeout(() => session === this.#session && this.#onQuiet(true), quietAfterMs)
    try {
      const tookMs = await session.ping()
      if (session !== this.#session) return
      this.#pings = [...this.#pings.slice(1 - PINGS), tookMs]
      this.#onQuiet(false)
    } catch {
      // just lost: the phase says it
      this.#pings = []
    } finally {
      clearTimeout(late)
    }
    this.#show()
  }

  /** The quickest of the last: what the network takes, not what this page was busy with. */
  get #roundTripMs(): number | undefined {
    return this.#pings.length > 0 ? Math.max(1, Math.round(Math.min(...this.#pings))) : undefined
  }

  #show(): void {
    const live = this.#phase === 'live'
    showText(byId('connection-state', HTMLSpanElement), CONNECTION[this.#phase])
    const { short, long } = TRANSPORTS[this.#transport]
    byId('connection-way', HTMLSpanElement).textContent = live ? short : ''
    byId('connection-words', HTMLParagraphElement).textContent = live ? long : 'Nothing travels at the moment.'
    byId('connection-facts', HTMLDListElement).replaceChildren(...(live ? this.#facts().map(fact) : []))
  }

  #facts(): [name: string, value: string][] {
    const roundTripMs = this.#roundTripMs
    const facts: [string, string][] = [['Round trip', roundTripMs === undefined ? '…' : `${roundTripMs} ms`]]
    const stats = this.#stats
    // a guest's socket is told the figures of the WebRTC connection, which is not its own
    if (stats && stats.transport === this.#transport) {
      facts.push(['Frames', `${Math.round(stats.fps)} a second`])
      facts.push(['Sent to you', bitsPerSecond(stats.video_bps + stats.audio_bps)])
      if (stats.candidate) facts.push(['Path', PATHS[stats.candidate]])
      if (stats.video_codec) facts.push(['Video', stats.video_codec.toUpperCase()])
      if (stats.loss !== null) facts.push(['Packets lost', `${(stats.loss * 100).toFixed(1)} %`])
      if (stats.jitter_ms !== null) facts.push(['Jitter', `${Math.round(stats.jitter_ms)} ms`])
    }
    if (this.#session) facts.push(['Session', this.#session.session_id.slice(0, 8)])
    return facts
  }
}

function fact([name, value]: [string, string]): HTMLElement {
  const pair = document.createElement('div')
  const term = document.createElement('dt')
  const text = document.createElement('dd')
  term.textContent = name
  text.textContent = value
  pair.append(term, text)
  return pair
}

function bitsPerSecond(bps: number): string {
  return bps >= 1_000_000 ? `${(bps / 1_000_000).toFixed(1)} Mbit/s` : `${Math.round(bps / 1000)} kbit/s`
}
