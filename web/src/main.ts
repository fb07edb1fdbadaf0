/** The demo page: one person, one text field. */
import { AvatarClient, AvatarError, type AvatarSession } from '@avatar/sdk'
import { Composer, type Mode } from './composer.ts'
import { byId, showText } from './dom.ts'
import { Ledger } from './ledger.ts'
import { Lifecycle, type Situation } from './lifecycle.ts'
import { Notices } from './notice.ts'
import { Settings } from './settings.ts'
import { type Cover, Stage } from './stage.ts'
import { Transcript } from './transcript.ts'
import { CONNECTION, ended, explain, explainInvitation, explainMessage, HOST_LOST, RECONNECTING, type Status } from './words.ts'

const PING_EVERY_MS = 5_000
/** Round trips of which the quickest is shown. */
const PINGS = 4
const { origin } = location
let leaving = false

const client = new AvatarClient({
  apiUrl: `${origin}/v1`,
  wsUrl: `${origin.replace(/^http/, 'ws')}/ws`,
  // a call made while the page goes away would otherwise be cut off
  fetch: (input, init) => fetch(input, leaving ? { ...init, keepalive: true } : init),
})

const welcome = byId('welcome', HTMLDivElement)
const latency = byId('latency', HTMLParagraphElement)
const soundButton = byId('sound', HTMLButtonElement)
const captionsButton = byId('captions', HTMLButtonElement)
const hints = document.querySelectorAll<HTMLButtonElement>('.hint')
const shareButton = byId('share', HTMLButtonElement)

const notices = new Notices()
const ledger = new Ledger(byId('ledger', HTMLDListElement))
const transcript = new Transcript(byId('transcript', HTMLOListElement), byId('scroll', HTMLDivElement))
const stage = new Stage({ onPicture: () => ledger.picture(), onSpeech: (atMs) => ledger.heard(atMs), onSoundChange: showSound })
const composer = new Composer({ onSend: (text, mode) => void send(text, mode), onStop: stop })
const settings = new Settings(() => startAnew())
const lifecycle = new Lifecycle(client, { onSituation: show, onSession: meet })

const pings: number[] = []
let status: Status = 'idle'

// --- the session ------------------------------------------------------------------------------------------------------

function startAnew(token?: string): void {
  if (token === undefined) history.replaceState(null, '', location.pathname)
  transcript.clear()
  ledger.clear()
  notices.clear()
  showWelcome()
  setStatus('idle')
  void lifecycle.open(settings.choice, token)
}

function meet(session: AvatarSession): void {
  void learnNames()
  transcript.divide('A new session')
  pings.length = 0
  stage.show(session, settings.name)
  session.on('status', (event) => setStatus(event.status))
  session.on('chat', ({ role, content, task_id }) => {
    if (role === 'user') transcript.userSaid(content)
    else {
      transcript.agentSaid(content, task_id)
      stage.caption(content)
    }
    notices.clear()
    showWelcome()
  })
  session.on('speech_started', ({ latency_ms }) => ledger.started(latency_ms))
  session.on('interrupted', ({ task_id, spoken_text }) => {
    transcript.interrupted(task_id, spoken_text)
    stage.caption('')
  })
  session.on('error', ({ code, message }) => notices.show(explainMessage({ code, message })))
  session.on('session_expiring', ({ in_s, reason }) => {
    if (reason === 'idle_timeout') {
      const stay = () =>
        void session.keepAlive().then(
          () => notices.clear(),
          () => undefined,
        )
      notices.show(`Still there? It is quiet: the session ends in ${Math.round(in_s)} s.`, { label: 'Stay', run: stay })
    } else notices.show(`The session ends in ${Math.round(in_s)} s: it has reached its longest time.`)
  })
}

/** Who and what can be chosen; the page works without, so a failure is not told. */
async function learnNames(): Promise<void> {
  try {
    const [{ avatars }, { voices }] = await Promise.all([client.avatars(), client.voices()])
    settings.offer(avatars, voices)
  } catch {
    // with a session token only, on some servers: the settings then offer nothing
  }
  transcript.name = settings.name
  showText(byId('name', HTMLSpanElement), settings.name)
}

async function send(text: string, mode: Mode): Promise<void> {
  const { session } = lifecycle
  if (!session) return
  stage.startSound()
  notices.clear()
  ledger.sent()
  const takeBack = mode === 'chat' ? transcript.typed(text) : undefined
  showWelcome()
  try {
    if (mode === 'say') await session.speak(text)
    else {
      // a new question takes the floor
      if (status === 'speaking' || status === 'thinking') await session.interrupt()
      setStatus('thinking')
      for await (const _piece of session.chatStream(text)) ledger.firstWord()
    }
  } catch (error) {
    if (session !== lifecycle.session) return
    if (status === 'thinking') setStatus('idle')
    notices.show(error instanceof AvatarError ? explainMessage(error) : String(error))
    takeBack?.()
    composer.giveBack(text)
    showWelcome()
  }
}

function stop(): void {
  // when the connection is gone nothing is being said
  void lifecycle.session?.interrupt().catch(() => undefined)
}

// --- what is shown ------------------------------------------------------------------------------------------------------

function setStatus(now: Status): void {
  status = now
  stage.status(now)
  composer.busy = now === 'speaking' || now === 'thinking'
}

function show(situation: Situation): void {
  const { phase } = situation
  document.body.dataset.phase = phase
  composer.ready = phase === 'live'
  for (const hint of hints) hint.disabled = phase !== 'live'
  shareButton.disabled = phase !== 'live'
  showText(byId('connection', HTMLParagraphElement), CONNECTION[phase])
  if (phase !== 'live') {
    composer.busy = false
    showText(latency, '')
  }
  if (phase === 'reconnecting') status = 'idle'
  stage.cover(coverOf(situation))
  if (phase === 'live') {
    setStatus(status)
    void measure()
  }
}

/** What lies over the picture; nothing while she is there. */
function coverOf(situation: Situation): Cover | undefined {
  const pill = CONNECTION[situation.phase]
  switch (situation.phase) {
    case 'live':
      return undefined
    case 'opening':
      return { title: 'One moment…', text: '', pill, busy: true }
    case 'reconnecting': {
      if (situation.hostLost) return { ...HOST_LOST, pill, busy: true }
      return { ...RECONNECTING, pill, busy: true, action: { label: 'Try now', run: () => lifecycle.retryNow() } }
    }
    case 'waiting': {
      const action = { label: `Try now (${situation.inS})`, run: () => lifecycle.retryNow() }
      return { ...explain(situation.error), pill, busy: true, action }
    }
    case 'ended':
      return { ...ended(situation.event?.reason), pill, busy: false, action: { label: 'Start again', run: () => startAnew() } }
    case 'refused':
      return {
        ...(situation.invited ? explainInvitation(situation.error) : explain(situation.error)),
        pill,
        busy: false,
        action: { label: 'Start a session', run: () => startAnew() },
      }
  }
}

function showWelcome(): void {
  welcome.hidden = !transcript.empty
}

function showSound(): void {
  soundButton.setAttribute('aria-pressed', String(stage.audible))
  soundButton.title = stage.audible ? 'Sound is on' : 'Sound is off'
}

async function share(): Promise<void> {
  const { session } = lifecycle
  if (!session) return
  const url = `${origin}${location.pathname}#token=${session.access_token}`
  try {
    await navigator.clipboard.writeText(url)
    notices.toast('Link copied. Whoever opens it joins this session.')
  } catch {
    // no permission for the clipboard: the link is shown instead
    notices.show(`Whoever opens this link joins this session: ${url}`)
  }
}

async function measure(): Promise<void> {
  const { session } = lifecycle
  if (lifecycle.phase !== 'live' || !session || document.hidden) return
  try {
    pings.push(await session.ping())
    // the quickest of the last: what the network takes, not what this page was busy with
    showText(latency, `${Math.max(1, Math.round(Math.min(...pings.slice(-PINGS))))} ms`)
  } catch {
    // just lost: the state says it
    showText(latency, '')
  }
}

// --- the page -----------------------------------------------------------------------------------------------------------

soundButton.addEventListener('click', () => {
  const silence = stage.audible
  stage.muted = silence
  if (!silence) stage.startSound()
})
captionsButton.addEventListener('click', () => {
  const captions = captionsButton.getAttribute('aria-pressed') !== 'true'
  captionsButton.setAttribute('aria-pressed', String(captions))
  stage.captions = captions
})
shareButton.addEventListener('click', () => void share())
for (const hint of hints) hint.addEventListener('click', () => void send(hint.textContent ?? '', 'chat'))
addEventListener('online', () => lifecycle.retryNow())
addEventListener('pagehide', () => {
  leaving = true
  void lifecycle.leave()
})
addEventListener('pageshow', ({ persisted }) => {
  leaving = false
  if (persisted) startAnew()
})
setInterval(() => void measure(), PING_EVERY_MS)
// a keyboard that slides in would cover half of a phone: there the user taps the field
if (matchMedia('(pointer: fine)').matches) composer.focus()
startAnew(/^#token=([\w.-]+)$/.exec(location.hash)?.[1])
