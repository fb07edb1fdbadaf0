/** A plot of the last hour as SVG: an area, a line above it where there are two, and what it was at the pointer. */
import type { HistoryPoint } from '../../shared/admin.ts'
import { el } from '../common/elements.ts'
import { clock } from './format.ts'

/** Units of the drawing; the page scales it. */
const WIDTH = 480
const HEIGHT = 132
/** What is shown at most, and while there is less to show, s. */
const MAX_SPAN_S = 3_600
const MIN_SPAN_S = 600
/** Points further apart than this are not joined: nobody was there to count, s. */
const GAP_S = 35
const SVG = 'http://www.w3.org/2000/svg'

export interface PlotSeries {
  name: string
  of: (point: HistoryPoint) => number | null
}

export interface PlotOptions {
  title: string
  /** The first is filled, a second is drawn above it. */
  series: readonly [PlotSeries, ...PlotSeries[]]
  format: (value: number) => string
  /** The scale reaches at least so far. */
  atLeast: number
  /** Figures come now and then: they are marked, and joined whatever lies between. @default false */
  sparse?: boolean
}

export class Plot {
  readonly element: HTMLElement
  readonly #options: PlotOptions
  readonly #svg = document.createElementNS(SVG, 'svg')
  readonly #now = el('span', 'now')
  readonly #top = el('span', 'top')
  readonly #empty = el('p', 'empty', 'Nothing yet.')
  readonly #from = el('span')
  readonly #marker = shape('line', { class: 'marker', y1: 0, y2: HEIGHT })
  readonly #drawn: SVGElement[] = []
  #points: readonly HistoryPoint[] = []
  #endS = 0
  #spanS = MAX_SPAN_S
  #max = 1

  constructor(options: PlotOptions) {
    this.#options = options
    this.#svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`)
    this.#svg.setAttribute('preserveAspectRatio', 'none')
    this.#svg.setAttribute('role', 'img')
    const lines = [0.5, 1].map((share) => shape('line', { class: 'grid', x1: 0, x2: WIDTH, y1: HEIGHT * share, y2: HEIGHT * share }))
    this.#svg.append(...lines, this.#marker)
    const head = el('header', '', el('h3', '', options.title), this.#now)
    const canvas = el('div', 'canvas', this.#svg, this.#top, this.#empty)
    const axis = el('footer', '', this.#from, el('span', '', 'now'))
    axis.ariaHidden = 'true'
    this.element = el('article', 'panel plot', head, canvas, axis)
    this.#svg.addEventListener('pointermove', ({ offsetX }) => this.#point(offsetX / this.#svg.clientWidth))
    this.#svg.addEventListener('pointerleave', () => this.#point(undefined))
  }

  /** @param nowS Unix seconds: the right end */
  show(points: readonly HistoryPoint[], nowS: number): void {
    this.#points = points
    this.#endS = nowS
    this.#spanS = Math.min(MAX_SPAN_S, Math.max(MIN_SPAN_S, nowS - (points[0]?.at ?? 0)))
    const { series, atLeast } = this.#options
    const values = points.flatMap((point) => series.map(({ of }) => of(point))).filter((value) => value !== null)
    this.#max = roundUp(Math.max(atLeast, ...values))
    for (const element of this.#drawn.splice(0)) element.remove()
    for (const [at, one] of series.entries()) this.#draw(one, at === 0)
    this.#empty.hidden = values.length > 0
    this.#top.textContent = this.#options.format(this.#max)
    this.#from.textContent = clock(nowS - this.#spanS)
    this.#svg.setAttribute('aria-label', `${this.#options.title} over the last hour: ${this.#summary()}`)
    this.#point(undefined)
  }

  #draw({ of }: PlotSeries, filled: boolean): void {
    const { sparse = false } = this.#options
    for (const run of runs(this.#points, of, sparse ? Number.POSITIVE_INFINITY : GAP_S)) {
      const line = run.map(({ at, value }) => `${this.#x(at).toFixed(1)} ${this.#y(value).toFixed(1)}`)
      const [first, last] = [run[0], run.at(-1)]
      if (!first || !last) continue
      // one point alone is seen too
      const path = line.length === 1 ? `M${line[0]}h2` : `M${line.join('L')}`
      if (filled) this.#add('area', `${path}V${HEIGHT}H${this.#x(first.at).toFixed(1)}Z`)
      this.#add(filled ? 'line' : 'line second', path)
      // a stroke without length is a dot, where its ends are round
      if (sparse) this.#add('dots', line.map((place) => `M${place}h0`).join(''))
    }
  }

  #add(className: string, d: string): void {
    const path = shape('path', { class: className, d })
    this.#drawn.push(path)
    this.#svg.insertBefore(path, this.#marker)
  }

  #x(atS: number): number {
    return WIDTH * (1 - (this.#endS - atS) / this.#spanS)
  }

  #y(value: number): number {
    // half a line's width stays free at both ends
    return 2 + (HEIGHT - 3) * (1 - value / this.#max)
  }

  /** Shows what it was there; at no place, what it is. @param share of the width */
  #point(share: number | undefined): void {
    const atS = share === undefined ? undefined : this.#endS - this.#spanS * (1 - share)
    const point = atS === undefined ? this.#points.at(-1) : this.#points.find(({ at }) => Math.abs(at - atS) < 15)
    this.#marker.classList.toggle('on', atS !== undefined && point !== undefined)
    if (atS !== undefined && point) {
      this.#marker.setAttribute('x1', String(this.#x(point.at)))
      this.#marker.setAttribute('x2', String(this.#x(point.at)))
    }
    const told = point ? this.#told(point).map((text, at) => el('span', at === 0 ? '' : 'second', text)) : []
    this.#now.replaceChildren(...(atS !== undefined && point ? [`at ${clock(point.at)}`, ...told] : told))
  }

  #told(point: HistoryPoint): string[] {
    const { series, format } = this.#options
    return series.map(({ name, of }) => {
      const value = of(point)
      return value === null ? '–' : `${format(value)}${series.length > 1 ? ` ${name}` : ''}`
    })
  }

  #summary(): string {
    const { series, format } = this.#options
    const last = this.#points.at(-1)
    const values = this.#points.map(series[0].of).filter((value) => value !== null)
    return last && values.length > 0 ? `now ${this.#told(last).join(', ')}; highest ${format(Math.max(...values))}` : 'nothing yet'
  }
}

/** Stretches without a gap. */
function runs(points: readonly HistoryPoint[], of: PlotSeries['of'], gapS: number): { at: number; value: number }[][] {
  const found: { at: number; value: number }[][] = []
  let lastS = Number.NEGATIVE_INFINITY
  for (const point of points) {
    const value = of(point)
    if (value === null) continue
    if (point.at - lastS > gapS) found.push([])
    found.at(-1)?.push({ at: point.at, value })
    lastS = point.at
  }
  return found
}

/** The next of 1, 2, 5, 10, 20 … */
function roundUp(value: number): number {
  const base = 10 ** Math.floor(Math.log10(value))
  return base * ([1, 2, 5, 10].find((step) => step * base >= value) ?? 10)
}

function shape(name: string, attributes: Record<string, string | number>): SVGElement {
  const element = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value))
  return element
}
