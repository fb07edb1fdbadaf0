/** What is said in a session: sends what the user types, and shows what comes back. */
import { AvatarError, type AvatarSession } from '@avatar/sdk'
import type { Composer, Mode } from './composer.ts'
import { explainMessage, type Status } from './copy.ts'
import type { Microphone } from './microphone.ts'
import type { Notices } from './notice.ts'
import type { Stage } from './stage.ts'
import type { Transcript } from './transcript.ts'
import type { TurnTimings } from './turn-timings.ts'

export interface ChatControllerParts {
  stage: Stage
  transcript: Transcript
  timings: TurnTimings
  notices: Notices
  composer: Composer
  microphone: Microphone
  /** Whether somebody is there. */
  isLive: () => boolean
  /** The transcript has changed. */
  onChange: () => void
}

/** The microphone says the one; the other is about what the page does by itself: people's messages do not go by the socket. */
const TOLD_ELSEWHERE = ['STT_UNAVAILABLE', 'RATE_LIMITED']

interface Message {
  text: string
  mode: Mode
  /** Takes it off the transcript. */
  takeBack: () => void
}

export class ChatController {
  readonly #parts: ChatControllerParts
  #session: AvatarSession | undefined
  #status: Status = 'idle'
  /** Sent while nobody was there. */
  #waiting: Message | undefined
  /** What is older was interrupted. */
  #generation = 0

  constructor(parts: ChatControllerParts) {
    this.#parts = parts
  }

  get status(): Status {
    return this.#status
  }

  set status(status: Status) {
    const { stage, composer, transcript } = this.#parts
    this.#status = status
    stage.status(status)
    composer.busy = status === 'speaking' || status === 'thinking'
    if (status !== 'speaking') transcript.silence()
  }

  /** Something typed; waits for the next session where there is none now. */
  say(text: string, mode: Mode): void {
    const { transcript, notices, stage, isLive, onChange } = this.#parts
    stage.startSound()
    notices.clear()
    const message = { text, mode, takeBack: mode === 'chat' ? transcript.typed(text).takeBack : () => undefined }
    onChange()
    if (isLive()) void this.#send(message)
    else {
      this.#giveBack()
      this.#waiting = message
    }
  }

  interrupt(): void {
    // when the connection is gone nothing is being said
    void this.#session?.interrupt().catch(() => undefined)
  }

  /** Somebody is there: what waited is sent. */
  live(): void {
    const message = this.#waiting
    this.#waiting = undefined
    if (message) void this.#send(message)
  }

  /** Nobody will be there: what waited goes back into the field. */
  hopeless(): void {
    this.#giveBack()
  }

  meet(session: AvatarSession): void {
    const { stage, transcript, timings, notices, microphone, onChange } = this.#parts
    this.#session = session
    this.#generation = 0
    session.on('status', ({ status }) => {
      this.status = status
    })
    session.on('chat', ({ role, content, task_id, partial = false }) => {
      if (role === 'user') transcript.userSaid(content, { partial, spokenHere: microphone.heard })
      else {
        transcript.agentSaid(content, task_id)
        stage.caption(content)
      }
      notices.clear()
      onChange()
    })
    session.on('word', ({ word, task_id, generation = 0 }) => {
      this.#generation = Math.max(this.#generation, generation)
      const show = (): void => {
        if (session !== this.#session || generation < this.#generation || this.#status !== 'speaking') return
        transcript.word(word, task_id)
        stage.word(word)
      }
      setTimeout(show, stage.soundDelayMs)
    })
    session.on('user_speech_stopped', () => timings.asked())
    session.on('user_speech_dropped', () => transcript.dropPartial())
    session.on('turn_metrics', ({ metrics }) => timings.measured(metrics))
    session.on('interrupted', ({ task_id, spoken_text, generation = this.#generation + 1 }) => {
      this.#generation = generation
      transcript.interrupted(task_id, spoken_text)
      stage.caption('')
    })
    session.on('error', ({ code, message }) => {
      if (!TOLD_ELSEWHERE.includes(code)) notices.show(explainMessage({ code, message }))
    })
    session.on('session_expiring', ({ in_s, reason }) => this.#warn(session, in_s, reason))
  }

  async #send(message: Message): Promise<void> {
    const { timings, notices } = this.#parts
    const session = this.#session
    if (!session) return
    try {
      timings.asked()
      if (message.mode === 'say') await session.speak(message.text)
      else {
        this.status = 'thinking'
        // a new question takes the floor
        await session.chat(message.text, { mode: 'interrupt' })
      }
    } catch (error) {
      if (session !== this.#session) return
      if (this.#status === 'thinking') this.status = 'idle'
      notices.show(error instanceof AvatarError ? explainMessage(error) : String(error))
      this.#return(message)
    }
  }

  #giveBack(): void {
    const message = this.#waiting
    this.#waiting = undefined
    if (message) this.#return(message)
  }

  #return({ text, takeBack }: Message): void {
    takeBack()
    this.#parts.composer.giveBack(text)
    this.#parts.onChange()
  }

  #warn(session: AvatarSession, inS: number, reason: 'idle_timeout' | 'max_duration'): void {
    const { notices } = this.#parts
    if (reason === 'max_duration') {
      notices.show(`The session ends in ${Math.round(inS)} s: it has reached its longest time.`)
      return
    }
    const stay = (): void => {
      session.keepAlive().then(
        () => notices.clear(),
        // gone already: the page says so itself
        () => undefined,
      )
    }
    notices.show(`Still there? It is quiet: the session ends in ${Math.round(inS)} s.`, { label: 'Stay', run: stay })
  }
}
