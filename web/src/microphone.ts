/** The microphone button: a click for hands-free on and off, held down for push to talk; how loud the user is; what is wrong. */
import { AvatarError, type AvatarSession, type Listening } from '@avatar/sdk'
import { byId } from '../common/dom.ts'
import { explainMicrophone } from './copy.ts'

/** A press this long is push to talk; a shorter one is a click. */
const HOLD_MS = 240
/** What the user said is understood at most so long after the microphone was closed, ms. */
const UNDERSTOOD_WITHIN_MS = 15_000

export type Ear = 'closed' | 'asking' | 'open' | 'held'

const LABELS: Record<Ear, string> = {
  closed: 'Microphone',
  asking: 'Microphone, starting',
  open: 'Microphone, listening hands-free',
  held: 'Microphone, listening while held',
}

export interface MicrophoneEvents {
  /** The user wants to be heard: what sounds may need a gesture first, or a session. Undefined: nobody is there to hear. */
  session: () => AvatarSession | undefined
  onEar: (ear: Ear) => void
  onTrouble: (text: string) => void
}

export class Microphone {
  readonly #events: MicrophoneEvents
  readonly #button = byId('microphone', HTMLButtonElement)
  #ear: Ear = 'closed'
  #closedAtMs = Number.NEGATIVE_INFINITY
  #listening: Listening | undefined
  /** Of the listening that is wanted now; aborted when it is not wanted any more. */
  #want = new AbortController()
  #holdTimer: ReturnType<typeof setTimeout> | undefined
  /** A press became push to talk, so that its click is none. */
  #wasHeld = false

  constructor(events: MicrophoneEvents) {
    this.#events = events
    const button = this.#button
    button.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return
      button.setPointerCapture(event.pointerId)
      this.press()
    })
    for (const type of ['pointerup', 'pointercancel'] as const) button.addEventListener(type, () => this.release())
    button.addEventListener('click', () => {
      if (!this.#wasHeld) this.toggle()
      this.#wasHeld = false
    })
    // a long press is for talking, not for a menu
    button.addEventListener('contextmenu', (event) => event.preventDefault())
    addEventListener('blur', () => this.release())
    this.#show('closed')
  }

  /** Whether what a user of the session says may have been said here. */
  get heard(): boolean {
    return this.#ear !== 'closed' || performance.now() - this.#closedAtMs < UNDERSTOOD_WITHIN_MS
  }

  /** Hands-free on or off. */
  toggle(): void {
    if (this.#ear === 'closed') void this.#open('open')
    else this.close()
  }

  /** Something is held down: after a moment this is push to talk. */
  press(): void {
    this.#wasHeld = false
    clearTimeout(this.#holdTimer)
    this.#holdTimer = setTimeout(() => {
      if (this.#ear !== 'closed') return
      this.#wasHeld = true
      void this.#open('held')
    }, HOLD_MS)
  }

  /** It was let go: push to talk ends, and what was said is answered. */
  release(): void {
    clearTimeout(this.#holdTimer)
    if (this.#button.dataset.wanted === 'held') this.close()
  }

  close(): void {
    this.#want.abort()
    void this.#listening?.stop().catch(() => undefined)
    this.#listening = undefined
    if (this.#ear !== 'closed') this.#closedAtMs = performance.now()
    this.#show('closed')
  }

  async #open(ear: 'open' | 'held'): Promise<void> {
    const session = this.#events.session()
    if (!session) return
    this.#want = new AbortController()
    const { signal } = this.#want
    this.#show('asking', ear)
    try {
      const listening = await session.listen({
        mode: ear === 'held' ? 'manual' : 'vad',
        signal,
        onLevel: (level) => this.#button.style.setProperty('--level', level.toFixed(2)),
      })
      if (signal.aborted) return
      this.#listening = listening
      this.#show(ear, ear)
      await listening.finished
      if (!signal.aborted) this.close()
    } catch (error) {
      if (signal.aborted) return
      this.close()
      if (!(error instanceof AvatarError && error.code === 'SESSION_ENDED')) this.#events.onTrouble(explainMicrophone(error))
    }
  }

  #show(ear: Ear, wanted: Ear = ear): void {
    this.#ear = ear
    this.#button.dataset.ear = ear
    this.#button.dataset.wanted = wanted
    this.#button.ariaPressed = String(ear === 'open' || ear === 'held')
    this.#button.ariaLabel = LABELS[ear]
    this.#button.title = ear === 'closed' ? 'Click to talk hands-free (Alt+M), hold to push to talk' : 'Click to stop listening'
    if (ear === 'closed') this.#button.style.removeProperty('--level')
    this.#events.onEar(ear)
  }
}
