/** Render hosts: what each carries, and the button that drains it. */
import type { AdminOrigin } from '../../shared/admin.ts'
import { byId } from '../common/dom.ts'
import { el, KeyedList, type Row } from '../common/elements.ts'
import { bytes, percent, plural, seconds, took } from './format.ts'

/** A host that was silent for longer is marked, s: heartbeats come every 2. */
const SILENT_S = 5

/** @param onDrain the button of an origin was pressed */
export function originList(onDrain: (origin: AdminOrigin) => void): KeyedList<AdminOrigin> {
  return new KeyedList(byId('origins', HTMLUListElement), { keyOf: ({ origin_id }) => origin_id, make: () => card(onDrain) })
}

function card(onDrain: (origin: AdminOrigin) => void): Row<AdminOrigin> {
  let shown: AdminOrigin | undefined
  const name = el('h3')
  const badge = el('span', 'badge')
  const about = el('p', 'about')
  const load = el('div', 'load', el('i'))
  const words = el('p', 'words')
  const facts = el('dl', 'facts')
  const button = el('button', 'plain small')
  button.type = 'button'
  button.addEventListener('click', () => shown && onDrain(shown))
  load.ariaHidden = 'true'
  const element = el('li', 'panel origin', el('header', '', name, badge, button), about, load, words, facts)

  const update = (origin: AdminOrigin): void => {
    shown = origin
    const { origin_id, draining, device, version, uptime, last_seen_s, avatars, sessions } = origin
    const { speaking, capacity, cpu_usage, memory_usage, gpu_usage, rss_bytes, average_latency } = origin.load
    name.textContent = origin_id
    const silent = last_seen_s > SILENT_S
    badge.textContent = silent ? `silent for ${seconds(last_seen_s)}` : draining ? 'draining' : 'takes sessions'
    badge.dataset.mood = silent || draining ? 'warm' : 'good'
    button.textContent = draining ? 'Take sessions again' : 'Drain…'
    button.ariaLabel = `${draining ? 'Let it take sessions again' : 'Drain'}: ${origin_id}`
    const figures = [`${device.toUpperCase()}`, `version ${version}`, `up ${seconds(uptime)}`, plural(avatars.length, 'person', 'people')]
    about.textContent = figures.join(' · ')
    load.style.setProperty('--share', String(capacity > 0 ? Math.min(1, sessions / capacity) : 0))
    words.textContent = `${plural(sessions, 'session')}, ${speaking} speaking, room for ${capacity}`
    facts.replaceChildren(
      ...fact('CPU', percent(cpu_usage)),
      ...fact('Memory', `${percent(memory_usage)}, ${bytes(rss_bytes)} its own`),
      ...(gpu_usage === null ? [] : fact('GPU', percent(gpu_usage))),
      ...fact('To first sound', average_latency === null ? '–' : took(average_latency)),
    )
  }
  return { element, update }
}

function fact(name: string, value: string): HTMLElement[] {
  return [el('div', '', el('dt', '', name), el('dd', '', value))]
}
