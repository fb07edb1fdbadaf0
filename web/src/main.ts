/** The demo page: one person, one text field, one microphone. */
import { AvatarClient, type AvatarSession } from '@avatar/sdk'
import { byId, showText } from '../common/dom.ts'
import { ChatController } from './chat-controller.ts'
import { Composer, type Mode } from './composer.ts'
import { Connection } from './connection.ts'
import { CONNECTION, ended, explain, explainInvitation, HOST_LOST, OFFLINE, RECONNECTING } from './copy.ts'
import { Lifecycle, type Situation } from './lifecycle.ts'
import { Microphone } from './microphone.ts'
import { Notices } from './notice.ts'
import { Settings } from './settings.ts'
import { Share, tokenOfLink } from './share.ts'
import { listenForShortcuts } from './shortcuts.ts'
import { type Cover, Stage } from './stage.ts'
import { Transcript } from './transcript.ts'
import { TurnTimings } from './turn-timings.ts'

/** The folder of this page, which may stand below a path of its host. */
const base = new URL('.', location.href).href
let leaving = false

const client = new AvatarClient({
  apiUrl: `${base}v1`,
  wsUrl: `${base.replace(/^http/, 'ws')}ws`,
  // a call made while the page goes away would otherwise be cut off
  fetch: (input, init) => fetch(input, leaving ? { ...init, keepalive: true } : init),
})

const welcome = byId('welcome', HTMLDivElement)
const soundButton = byId('sound', HTMLButtonElement)
const captionsButton = byId('captions', HTMLButtonElement)
const hints = document.querySelectorAll<HTMLButtonElement>('.hint')

const notices = new Notices()
const timings = new TurnTimings()
const connection = new Connection((quiet) => lifecycle.quiet(quiet))
const transcript = new Transcript(byId('transcript', HTMLOListElement), byId('scroll', HTMLDivElement))
const stage = new Stage({
  onSpeech: (atMs) => timings.heard(atMs),
  onSoundChange: showSound,
  onTransport: (transport) => {
    connection.transport = transport
  },
})
const composer = new Composer({ onSend: send, onStop: () => chat.interrupt() })
const microphone = new Microphone({
  session: () => {
    stage.startSound()
    return lifecycle.phase === 'live' ? lifecycle.session : undefined
  },
  onEar: (ear) => {
    composer.ear = ear
  },
  onTrouble: (text) => notices.show(text),
})
const chat = new ChatController({
  stage,
  transcript,
  timings,
  notices,
  composer,
  microphone,
  isLive: () => lifecycle.phase === 'live',
  onChange: showWelcome,
})
const settings = new Settings(() => startAnew())
const share = new Share(() => notices.toast('Link copied. Whoever opens it joins this session.'))
const lifecycle = new Lifecycle(client, { onSituation: show, onSession: meet })

// --- the session ------------------------------------------------------------------------------------------------------

/** @param token of somebody else's session; without one a session of one's own */
function startAnew(token?: string): void {
  transcript.clear()
  timings.clear()
  notices.clear()
  showWelcome()
  chat.status = 'idle'
  open(token)
}

function open(token?: string): void {
  if (token === undefined) history.replaceState(null, '', location.pathname)
  byId('guest', HTMLParagraphElement).hidden = token === undefined
  microphone.close()
  void lifecycle.open(settings.choice, token)
}

function meet(session: AvatarSession, guest: boolean): void {
  void learnNames()
  transcript.divide('A new session')
  connection.follow(session)
  stage.show(session, { name: settings.name, guest })
  chat.meet(session)
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

function send(text: string, mode: Mode): void {
  chat.say(text, mode)
  // whoever types into a session that went to sleep wakes it
  if (lifecycle.phase === 'ended') open()
}

// --- what is shown ------------------------------------------------------------------------------------------------------

function show(situation: Situation): void {
  const { phase } = situation
  document.body.dataset.phase = phase
  connection.phase = phase
  composer.ready = phase !== 'refused'
  for (const hint of hints) hint.disabled = phase === 'refused'
  share.token = phase === 'live' ? lifecycle.session?.access_token : undefined
  // while only the line to her is broken she goes on
  if (phase !== 'live' && !(situation.phase === 'reconnecting' && !situation.hostLost)) chat.status = 'idle'
  if (phase === 'refused') chat.hopeless()
  if (phase === 'ended' || phase === 'refused') microphone.close()
  stage.cover(coverOf(situation))
  if (phase === 'live') chat.live()
}

/** What lies over the video; nothing while she is there. */
function coverOf(situation: Situation): Cover | undefined {
  const pill = CONNECTION[situation.phase]
  switch (situation.phase) {
    case 'live':
      return undefined
    case 'opening':
      return { title: 'One moment…', text: '', pill, busy: true }
    case 'reconnecting': {
      if (situation.hostLost) return { ...HOST_LOST, pill, busy: true }
      return {
        ...(navigator.onLine ? RECONNECTING : OFFLINE),
        pill,
        busy: true,
        action: { label: 'Try now', run: () => lifecycle.retryNow() },
      }
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
  soundButton.ariaPressed = String(stage.audible)
  soundButton.title = stage.audible ? 'Sound is on (Alt+S)' : 'Sound is off (Alt+S)'
}

// --- the page -----------------------------------------------------------------------------------------------------------

function toggleSound(): void {
  const silence = stage.audible
  stage.muted = silence
  if (!silence) stage.startSound()
}

function toggleCaptions(): void {
  stage.captions = captionsButton.ariaPressed !== 'true'
  captionsButton.ariaPressed = String(stage.captions)
  captionsButton.title = stage.captions ? 'Captions are on (Alt+C)' : 'Captions are off (Alt+C)'
}

soundButton.addEventListener('click', toggleSound)
captionsButton.addEventListener('click', toggleCaptions)
for (const hint of hints) hint.addEventListener('click', () => send(hint.textContent ?? '', 'chat'))
listenForShortcuts(composer.field, {
  interrupt: () => composer.busy && chat.interrupt(),
  press: () => microphone.press(),
  release: () => microphone.release(),
  toggleMicrophone: () => microphone.toggle(),
  toggleSound,
  toggleCaptions,
  type: () => composer.focus(),
})
addEventListener('online', () => lifecycle.retryNow())
addEventListener('pagehide', () => {
  leaving = true
  microphone.close()
  void lifecycle.leave()
})
addEventListener('pageshow', ({ persisted }) => {
  leaving = false
  if (persisted) startAnew()
})
// a keyboard that slides in would cover half of a phone: there the user taps the field
if (matchMedia('(pointer: fine)').matches) composer.focus()
startAnew(tokenOfLink())
