/** Everything that is shown of an overview and of the last hour. */
import type { AdminHistory, AdminOrigin, AdminOverview, AdminSession } from '../../shared/admin.ts'
import { byId, showText } from '../common/dom.ts'
import { el, type KeyedList } from '../common/elements.ts'
import { bytes, percent, plural, took } from './format.ts'
import { originList } from './origins.ts'
import { Plot } from './plot.ts'
import { sessionList } from './sessions.ts'

export interface BoardEvents {
  onDrain: (origin: AdminOrigin) => void
  onEnd: (session: AdminSession) => void
}

export class Board {
  readonly #origins: KeyedList<AdminOrigin>
  readonly #sessions: KeyedList<AdminSession>
  readonly #plots = plots()

  constructor({ onDrain, onEnd }: BoardEvents) {
    this.#origins = originList(onDrain)
    this.#sessions = sessionList(onEnd)
    byId('plots', HTMLDivElement).append(...this.#plots.map(({ element }) => element))
  }

  show({ origins, sessions, totals }: AdminOverview): void {
    this.#origins.show(origins)
    this.#sessions.show(sessions)
    byId('no-origins', HTMLParagraphElement).hidden = origins.length > 0
    byId('no-sessions', HTMLParagraphElement).hidden = sessions.length > 0
    byId('sessions', HTMLTableElement).hidden = sessions.length === 0
    const more = totals.sessions - sessions.length
    showText(byId('more-sessions', HTMLParagraphElement), more > 0 ? `${plural(more, 'older session')} more.` : '')
    const tiles: [string, string, string][] = [
      ['Sessions', String(totals.sessions), `${totals.speaking} speaking`],
      ['Room', String(totals.capacity), 'can speak at once'],
      ['Hosts', String(totals.origins), drained(origins)],
      ['Sockets', String(totals.sockets), 'of clients'],
      ['Ever opened', String(totals.sessions_created), 'sessions'],
      ['Store', bytes(totals.store_bytes), 'at the edge'],
    ]
    byId('tiles', HTMLDListElement).replaceChildren(
      ...tiles.map(([name, value, more_]) => el('div', 'panel', el('dt', '', name), el('dd', '', value), el('dd', 'minor', more_))),
    )
  }

  showHistory({ points }: AdminHistory): void {
    for (const plot of this.#plots) plot.show(points, Date.now() / 1_000)
  }
}

function drained(origins: readonly AdminOrigin[]): string {
  const count = origins.filter(({ draining }) => draining).length
  return count > 0 ? `${count} draining` : 'taking sessions'
}

function plots(): Plot[] {
  const whole = (value: number): string => String(Math.round(value))
  return [
    new Plot({
      title: 'Sessions',
      series: [
        { name: 'open', of: ({ sessions }) => sessions },
        { name: 'speaking', of: ({ speaking }) => speaking },
      ],
      format: whole,
      atLeast: 5,
    }),
    new Plot({
      title: 'To the first sound',
      series: [{ name: '', of: ({ latency_p50 }) => latency_p50 }],
      format: took,
      atLeast: 500,
      sparse: true,
    }),
    new Plot({ title: 'CPU', series: [{ name: '', of: ({ cpu_usage }) => cpu_usage }], format: percent, atLeast: 100 }),
    new Plot({ title: 'Memory of the hosts', series: [{ name: '', of: ({ rss_bytes }) => rss_bytes }], format: bytes, atLeast: 1e9 }),
  ]
}
