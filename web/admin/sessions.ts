/** Sessions of all tenants: what they do, how their media travels, what the last answer took. */
import type { AdminSession } from '../../shared/admin.ts'
import { byId } from '../common/dom.ts'
import { el, KeyedList, type Row } from '../common/elements.ts'
import { rowsOf, stripOf, turnSteps } from '../common/turn-steps.ts'
import { bits, plural, seconds, took } from './format.ts'

const STATES = { idle: 'waits', listening: 'listens', thinking: 'thinks', speaking: 'speaks' } as const
const PATHS = { host: 'direct', srflx: 'through NAT', relay: 'by TURN' } as const

/** @param onEnd the button of a session was pressed */
export function sessionList(onEnd: (session: AdminSession) => void): KeyedList<AdminSession> {
  return new KeyedList(byId('session-rows', HTMLTableSectionElement), { keyOf: ({ session_id }) => session_id, make: () => row(onEnd) })
}

function row(onEnd: (session: AdminSession) => void): Row<AdminSession> {
  let shown: AdminSession | undefined
  const [id, who] = [el('code'), el('span', 'minor')]
  const state = el('span', 'badge')
  const since = el('span')
  const [way, wayMore] = [el('span'), el('span', 'minor')]
  const [sent, sentMore] = [el('span'), el('span', 'minor')]
  const answer = lastAnswer()
  const button = el('button', 'plain small', 'End…')
  button.type = 'button'
  button.addEventListener('click', () => shown && onEnd(shown))

  const cells: [label: string, ...content: Node[]][] = [
    ['Session', id, who],
    ['Does', state],
    ['Since', since],
    ['Travels by', way, wayMore],
    ['Sent', sent, sentMore],
    ['Last answer', answer.element],
    ['', button],
  ]
  const element = el(
    'tr',
    '',
    ...cells.map(([label, ...content], at) => {
      const cell = el(at === 0 ? 'th' : 'td', '', ...content)
      if (at === 0) cell.setAttribute('scope', 'row')
      cell.dataset.label = label
      return cell
    }),
  )

  const update = (session: AdminSession): void => {
    shown = session
    const { session_id, tenant, origin_id, avatar_id, quality, duration, stats } = session
    id.textContent = session_id.slice(0, 8)
    id.title = session_id
    who.textContent = `${tenant} · ${avatar_id}, ${quality} · on ${origin_id}`
    state.textContent = session.state === null ? 'starts' : STATES[session.state]
    state.dataset.mood = session.state === 'speaking' || session.state === 'thinking' ? 'accent' : ''
    since.textContent = seconds(duration)
    way.textContent = stats === null ? '–' : stats.transport === 'webrtc' ? 'WebRTC' : 'WebSocket'
    const path = stats?.candidate ? PATHS[stats.candidate] : ''
    const loss = stats?.loss ? `${(stats.loss * 100).toFixed(1)} % lost` : ''
    wayMore.textContent = [path, stats?.video_codec?.toUpperCase() ?? '', loss, plural(session.sockets, 'socket')]
      .filter(Boolean)
      .join(', ')
    sent.textContent = stats === null ? '–' : bits(stats.video_bps + stats.audio_bps)
    sentMore.textContent = stats === null ? '' : `${plural(Math.round(stats.fps), 'frame')} a second`
    answer.update(session)
    button.ariaLabel = `End session ${session_id.slice(0, 8)}`
  }
  return { element, update }
}

/** To the first sound; opened, every step. */
function lastAnswer(): Row<AdminSession> {
  const none = el('span', '', '–')
  const total = el('span')
  const strip = el('span', 'strip')
  strip.ariaHidden = 'true'
  const steps = el('dl', 'steps')
  const details = el('details', 'turn', el('summary', '', total, strip), steps)
  const element = el('div', '', none, details)
  const update = ({ last_turn }: AdminSession): void => {
    const turn = turnSteps(last_turn ?? {})
    const ms = last_turn?.first_sound ?? turn.at(-1)?.ms
    none.hidden = ms !== undefined
    details.hidden = ms === undefined
    if (ms === undefined) return
    total.textContent = took(ms)
    strip.replaceChildren(...stripOf(turn))
    steps.replaceChildren(...rowsOf(turn))
  }
  return { element, update }
}
