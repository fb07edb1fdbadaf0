/** The page of operators: asks for the key, looks every few seconds, does what the buttons say. */
import type { AdminOrigin, AdminSession } from '../../shared/admin.ts'
import { byId, showText } from '../common/dom.ts'
import { AdminApi, AdminError } from './api.ts'
import { Board } from './board.ts'
import { confirmed } from './confirm.ts'
import { plural, seconds } from './format.ts'

const LOOK_EVERY_MS = 3_000
/** The history has a point every 10 s. */
const HISTORY_EVERY_MS = 10_000
/** Pause after a failure at most, ms. */
const MAX_PAUSE_MS = 30_000
const TOAST_MS = 4_000
/** What a header can carry. */
const KEY_CHARACTERS = /^[\x21-\x7e]+$/

const api = new AdminApi()
const board = new Board({ onDrain: (origin) => void drain(origin), onEnd: (session) => void end(session) })
const gate = byId('gate', HTMLElement)
const key = byId('key', HTMLInputElement)

let seenAtMs = 0
let historyAtMs = 0
let failures = 0
let timer: ReturnType<typeof setTimeout> | undefined
let toastTimer: ReturnType<typeof setTimeout> | undefined

// --- looking --------------------------------------------------------------------------------------------------------------

/** Looks now, and then again and again; a hidden page does not look. */
async function look(): Promise<void> {
  clearTimeout(timer)
  if (document.hidden) return
  let pauseMs = LOOK_EVERY_MS
  try {
    const wantsHistory = performance.now() - historyAtMs > HISTORY_EVERY_MS || historyAtMs === 0
    const [overview, history] = await Promise.all([api.overview(), wantsHistory ? api.history() : undefined])
    open()
    board.show(overview)
    if (history) {
      historyAtMs = performance.now()
      board.showHistory(history)
    }
    seenAtMs = Date.now()
    failures = 0
    showText(byId('trouble', HTMLParagraphElement), '')
  } catch (error) {
    if (!(error instanceof AdminError)) throw error
    if (error.status === 401 || error.status === 403) {
      ask(api.key === '' ? '' : error.message)
      return
    }
    failures += 1
    pauseMs = Math.min(MAX_PAUSE_MS, LOOK_EVERY_MS * 2 ** (failures - 1))
    open()
    const tail = seenAtMs > 0 ? ' What stands below is from before.' : ''
    showText(byId('trouble', HTMLParagraphElement), `${error.message} Trying again by itself.${tail}`)
  }
  showFresh()
  clearTimeout(timer)
  timer = setTimeout(() => void look(), pauseMs)
}

function open(): void {
  document.body.dataset.view = 'board'
  gate.hidden = true
  byId('board', HTMLElement).hidden = false
  byId('leave', HTMLButtonElement).hidden = api.key === ''
}

/** @param trouble why the key from before does not do */
function ask(trouble: string): void {
  api.key = ''
  document.body.dataset.view = 'gate'
  gate.hidden = false
  byId('board', HTMLElement).hidden = true
  byId('leave', HTMLButtonElement).hidden = true
  showText(byId('gate-trouble', HTMLParagraphElement), trouble)
  delete document.body.dataset.fresh
  showText(byId('fresh', HTMLSpanElement), 'Locked')
  key.value = ''
  key.focus()
}

function showFresh(): void {
  const agoS = (Date.now() - seenAtMs) / 1_000
  if (document.body.dataset.view === 'gate') return
  const fresh = failures === 0 && seenAtMs > 0
  document.body.dataset.fresh = String(fresh)
  showText(byId('fresh', HTMLSpanElement), fresh ? 'Up to date' : seenAtMs > 0 ? `As of ${seconds(agoS)} ago` : 'No answer yet')
}

// --- doing ----------------------------------------------------------------------------------------------------------------

async function drain({ origin_id, draining, sessions }: AdminOrigin): Promise<void> {
  const text = sessions > 0 ? `Its ${plural(sessions, 'session')} go on until they end.` : 'It carries none at the moment.'
  const question = { title: `Drain ${origin_id}?`, text: `It takes no new sessions from now on. ${text}`, yes: 'Drain' }
  if (!draining && !(await confirmed(question))) return
  await act(() => api.drain(origin_id, !draining), draining ? `${origin_id} takes sessions again.` : `${origin_id} takes no new sessions.`)
}

async function end({ session_id, tenant }: AdminSession): Promise<void> {
  const title = `End session ${session_id.slice(0, 8)}?`
  if (!(await confirmed({ title, text: `Whoever is in it (of ${tenant}) is told that the operator ended it.`, yes: 'End it' }))) return
  await act(() => api.stop(session_id), 'The session is over.')
}

async function act(call: () => Promise<unknown>, done: string): Promise<void> {
  try {
    await call()
    toast(done)
  } catch (error) {
    if (!(error instanceof AdminError)) throw error
    toast(error.message)
  }
  await look()
}

function toast(text: string): void {
  const element = byId('toast', HTMLParagraphElement)
  showText(element, text)
  clearTimeout(toastTimer)
  toastTimer = setTimeout(() => showText(element, ''), TOAST_MS)
}

// --- the page -------------------------------------------------------------------------------------------------------------

byId('gate-form', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault()
  // what surrounds a key was copied along with it
  const typed = key.value.trim()
  if (!KEY_CHARACTERS.test(typed)) {
    ask('This is no key: keys are letters, digits and signs, without spaces.')
    return
  }
  api.key = typed
  historyAtMs = 0
  void look()
})
byId('leave', HTMLButtonElement).addEventListener('click', () => {
  clearTimeout(timer)
  ask('')
})
document.addEventListener('visibilitychange', () => void look())
addEventListener('online', () => void look())
setInterval(showFresh, 1_000)
void look()
