/** One session for a component: opened when it is mounted, ended when it is gone. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import {
  AvatarClient,
  type AvatarClientOptions,
  AvatarError,
  type AvatarSession,
  type ChatInput,
  type ChatOptions,
  type MicrophoneListening,
  type MicrophoneOptions,
  type SessionGrant,
  type SessionOptions,
  type SpeakOptions,
  type SpeakResponse,
  type SpeechTask,
  type Transport,
  type View,
  type ViewOptions,
} from '../index.ts'
import { type Message, withChat, withoutPartial } from './messages.ts'

export type AvatarStatus = 'connecting' | 'idle' | 'listening' | 'thinking' | 'speaking' | 'reconnecting' | 'ended'

export interface UseAvatarOptions extends Pick<AvatarClientOptions, 'apiUrl' | 'wsUrl'> {
  /** What opens a session that your server created, or how to get it. Without it, the session is created here. */
  grant?: string | SessionGrant | (() => Promise<string | SessionGrant>)
  /** What a session that is created here is opened with. */
  session?: SessionOptions
  /** Further events, as in `connect()`. */
  events?: ViewOptions['events']
  /** Called with each session before it connects: the place for handlers. A function that it returns is called when the session is left. */
  onSession?: (session: AvatarSession) => unknown
}

export interface AvatarHandle {
  status: AvatarStatus
  /** Undefined while there is none. */
  session: AvatarSession | undefined
  /** How video and sound come; undefined while the session is not shown. */
  transport: Transport | undefined
  /** What was said, oldest first. */
  messages: readonly Message[]
  /** What went wrong last; undefined once there is a session again. */
  error: AvatarError | undefined
  speak(text: string, options?: SpeakOptions): Promise<SpeechTask & SpeakResponse>
  chat(input: ChatInput, options?: ChatOptions): Promise<string>
  interrupt(): Promise<void>
  listen(options?: MicrophoneOptions): Promise<MicrophoneListening>
  /** Opens another session in the place of this one. */
  restart(): void
  /** Shows the session in an element; `<Avatar/>` does that. Returns what takes it off again. */
  show(element: HTMLElement, options?: ViewOptions): () => void
}

/**
 * @example
 * const avatar = useAvatar({ apiUrl: 'http://localhost:8000/v1', grant: accessToken })
 * return <><Avatar avatar={avatar} /><button onClick={() => avatar.speak('Hello!')}>Say hello</button></>
 */
export function useAvatar(options: UseAvatarOptions): AvatarHandle {
  const latest = useRef(options)
  latest.current = options
  const [status, setStatus] = useState<AvatarStatus>('connecting')
  const [session, setSession] = useState<AvatarSession>()
  const [transport, setTransport] = useState<Transport>()
  const [messages, setMessages] = useState<readonly Message[]>([])
  const [error, setError] = useState<AvatarError>()
  const [round, setRound] = useState(0)
  // options are written anew with every rendering: what they say counts
  const { apiUrl, wsUrl, grant, session: wanted } = options
  const key = JSON.stringify([apiUrl, wsUrl, typeof grant === 'function' ? 'asked for' : grant, wanted, round])

  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for all that is read of the options
  useEffect(() => {
    const { events, onSession } = latest.current
    let left = false
    let leave = (): void => undefined
    const fail = (thrown: unknown): void => {
      if (left) return
      setError(
        thrown instanceof AvatarError ? thrown : new AvatarError({ code: 'INVALID_REQUEST', message: String(thrown), cause: thrown }),
      )
      setStatus('ended')
    }
    const begin = async (): Promise<void> => {
      setStatus('connecting')
      setMessages([])
      const opened = await open(latest.current)
      const off = onSession?.(opened)
      leave = () => {
        if (typeof off === 'function') off()
        setSession(undefined)
        // over already, or out of reach: then the server ends it by itself
        opened.disconnect().catch(() => undefined)
      }
      if (left) return leave()
      follow(opened)
      await opened.connect({ media: 'binary', audio: 'chunks', ...(events ? { events } : {}) })
      if (left) return
      setError(undefined)
      setSession(opened)
    }
    const follow = (opened: AvatarSession): void => {
      const mine =
        <Event>(act: (event: Event) => void) =>
        (event: Event): void => {
          if (!left) act(event)
        }
      opened.on(
        'status',
        mine((event) => setStatus(event.status)),
      )
      opened.on(
        'chat',
        mine((event) => setMessages((before) => withChat(before, event))),
      )
      opened.on(
        'user_speech_dropped',
        mine(() => setMessages(withoutPartial)),
      )
      opened.on(
        'error',
        mine(({ code, message, details }) => setError(new AvatarError({ code, message, details }))),
      )
      opened.on(
        'session_state',
        mine(({ state }) => setStatus(state === 'live' ? 'idle' : 'reconnecting')),
      )
      opened.on(
        'connection',
        mine((event) => {
          if (event.state === 'reconnecting') setStatus('reconnecting')
          if (event.state !== 'closed') return
          setStatus('ended')
          setError(event.error)
        }),
      )
    }
    // a moment later: React mounts twice in StrictMode, and one session is enough
    const timer = setTimeout(() => void begin().catch(fail), 0)
    return () => {
      left = true
      clearTimeout(timer)
      leave()
    }
  }, [key])

  const show = useCallback(
    (element: HTMLElement, viewOptions: ViewOptions = {}): (() => void) => {
      if (!session) return () => undefined
      const view: View = session.attach(element, viewOptions)
      setTransport(view.transport)
      const off = view.on('transportchange', (event) => setTransport(event.transport))
      return () => {
        off()
        view.stop()
        setTransport(undefined)
      }
    },
    [session],
  )
  const calls = useMemo(() => {
    const here = (): AvatarSession => {
      if (session) return session
      throw new AvatarError({ code: 'NOT_CONNECTED', message: 'There is no session yet; wait until status is idle.' })
    }
    return {
      speak: async (text: string, given?: SpeakOptions) => await here().speak(text, given),
      chat: async (input: ChatInput, given?: ChatOptions) => await here().chat(input, given),
      interrupt: async () => void (await here().interrupt()),
      listen: async (given?: MicrophoneOptions) => await here().listen(given),
      restart: () => setRound((before) => before + 1),
    }
  }, [session])
  return { status, session, transport, messages, error, show, ...calls }
}

async function open({ apiUrl, wsUrl, grant, session = {} }: UseAvatarOptions): Promise<AvatarSession> {
  const client = new AvatarClient({ apiUrl, ...(wsUrl === undefined ? {} : { wsUrl }) })
  if (grant === undefined) return await client.createSession(session)
  return client.attachSession(typeof grant === 'function' ? await grant() : grant)
}
