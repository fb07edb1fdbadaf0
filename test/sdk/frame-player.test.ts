/** Which frames are kept, decoded and drawn, with a page of made-up parts: time passes and decoding ends when a test says so. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FramePlayer } from '../../sdk/typescript/src/browser/frame-player.ts'
import { TICK_MS } from '../../shared/media.ts'

interface Decoding {
  atMs: number
  finish(): void
  fail(): void
}
/** Its text is the time of the frame. */
class Jpeg {
  readonly text: string
  constructor([bytes]: [Uint8Array]) {
    this.text = new TextDecoder().decode(bytes)
  }
}
class Bitmap {
  static open = 0
  readonly width = 8
  readonly height = 8
  readonly close = (): void => void Bitmap.open--
  readonly atMs: number
  constructor(atMs: number) {
    this.atMs = atMs
    Bitmap.open++
  }
}

let nowMs: number
let player: FramePlayer
let shown: number[]
let decodings: Decoding[]
let refresh = (): void => undefined
const page = { hidden: false }
/** Decoding takes no time, unless a test wants to end it by itself. */
let atOnce: boolean

beforeEach(() => {
  ;[nowMs, shown, decodings, atOnce] = [0, [], [], true]
  ;[Bitmap.open, page.hidden] = [0, false]
  vi.stubGlobal('document', page)
  vi.stubGlobal('requestAnimationFrame', (draw: () => void) => {
    refresh = draw
    return 1
  })
  vi.stubGlobal('cancelAnimationFrame', () => undefined)
  vi.stubGlobal('Blob', Jpeg)
  vi.stubGlobal('createImageBitmap', ({ text }: Jpeg) => {
    const { promise, resolve, reject } = Promise.withResolvers<Bitmap>()
    const atMs = Number(text)
    const decoding = { atMs, finish: () => resolve(new Bitmap(atMs)), fail: () => reject(new Error('no JPEG')) }
    decodings.push(decoding)
    if (Number.isNaN(atMs)) decoding.fail()
    else if (atOnce) decoding.finish()
    return promise
  })
  const context = { drawImage: () => undefined }
  const canvas = { width: 0, height: 0, getContext: () => context } as unknown as HTMLCanvasElement
  player = new FramePlayer({ canvas, nowTimestampMs: () => nowMs, onShown: (atMs) => shown.push(atMs) })
})
afterEach(() => {
  player.close()
  vi.unstubAllGlobals()
})

const push = (atMs: number, generation = 0, jpeg = String(atMs)): void => player.push(new TextEncoder().encode(jpeg), atMs, generation)
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
/** Frames `from` to `to` as the server counts them. */
const ticks = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => (from + i) * TICK_MS)

/** So much later, the screen is drawn anew. */
async function show(atMs: number): Promise<void> {
  await settle()
  nowMs = atMs
  refresh()
  await settle()
}

describe('frames', () => {
  it('are each shown when they are due', async () => {
    for (const atMs of ticks(0, 50)) push(atMs)
    for (const atMs of ticks(0, 50)) await show(atMs)
    expect(shown).toEqual(ticks(0, 50))
    expect(player.dropped).toBe(0)
  })

  it.each([38, 100, 200])('wait for late sound: %i of them, and no more than twelve are decoded', async (count) => {
    for (const atMs of ticks(1, count + 1)) push(atMs)
    await settle()
    expect([decodings.length, Bitmap.open]).toEqual([12, 12])
    for (const atMs of ticks(1, count + 1)) {
      await show(atMs)
      expect(Bitmap.open).toBeLessThanOrEqual(12)
    }
    expect(shown).toEqual(ticks(1, count + 1))
    expect(player.dropped).toBe(0)
  })

  it('lose the oldest beyond 8 s', async () => {
    for (const atMs of ticks(1, 301)) push(atMs)
    for (const atMs of ticks(1, 301)) await show(atMs)
    expect(shown).toEqual(ticks(101, 301))
    expect(player.dropped).toBe(100)
  })

  it('that a newer one has overtaken are not decoded', async () => {
    nowMs = 100 * TICK_MS
    for (const atMs of ticks(0, 100)) push(atMs)
    await show(nowMs)
    expect(shown).toEqual(ticks(99, 100))
    expect(player.dropped).toBe(99)
  })

  it('that a jump of the sound leaves behind are let go', async () => {
    for (const atMs of ticks(1, 101)) push(atMs)
    await show(TICK_MS)
    await show(80 * TICK_MS)
    await show(80 * TICK_MS)
    expect(shown).toEqual([TICK_MS, 13 * TICK_MS, 80 * TICK_MS])
    await show(81 * TICK_MS)
    expect(shown.at(-1)).toBe(81 * TICK_MS)
    expect(Bitmap.open).toBeLessThanOrEqual(12)
  })

  it('that are decoded too slowly are left out, and the next shown', async () => {
    atOnce = false
    for (const atMs of ticks(0, 30)) push(atMs)
    await show(0)
    await show(10 * TICK_MS)
    expect(shown).toEqual([])
    decodings.find(({ atMs }) => atMs === 10 * TICK_MS)?.finish()
    await show(10 * TICK_MS)
    expect(shown).toEqual([10 * TICK_MS])
    for (const { finish } of decodings) finish()
    await settle()
    expect(player.dropped).toBe(10)
    for (const atMs of ticks(11, 12)) await show(atMs)
    expect(shown).toEqual(ticks(10, 12))
  })

  it('that are damaged are left out, and those behind them shown', async () => {
    for (const atMs of ticks(1, 40)) push(atMs, 0, atMs % (2 * TICK_MS) === 0 ? 'damaged' : String(atMs))
    for (const atMs of ticks(1, 40)) await show(atMs)
    expect(shown).toEqual(ticks(1, 40).filter((atMs) => atMs % (2 * TICK_MS) !== 0))
    expect(player.dropped).toBe(19)
  })

  it('of before an interrupt are neither shown nor kept', async () => {
    for (const atMs of ticks(1, 101)) push(atMs)
    await settle()
    player.advance(1)
    expect(Bitmap.open).toBe(0)
    push(101 * TICK_MS)
    push(102 * TICK_MS, 1)
    await show(103 * TICK_MS)
    expect(shown).toEqual([102 * TICK_MS])
  })

  it('of another server are shown though they count from nothing', async () => {
    player.advance(7)
    for (const atMs of ticks(1, 20)) push(atMs, 7)
    await settle()
    player.restart()
    expect(Bitmap.open).toBe(0)
    push(TICK_MS, 0)
    await show(TICK_MS)
    expect(shown).toEqual([TICK_MS])
  })

  it('of a hidden page are not kept', async () => {
    page.hidden = true
    for (const atMs of ticks(1, 50)) push(atMs)
    page.hidden = false
    push(50 * TICK_MS)
    await show(50 * TICK_MS)
    expect(decodings.map(({ atMs }) => atMs)).toEqual([50 * TICK_MS])
    expect(shown).toEqual([50 * TICK_MS])
  })

  it('whose decoding ends after the view was closed leave no memory taken', async () => {
    atOnce = false
    for (const atMs of ticks(1, 50)) push(atMs)
    await settle()
    player.close()
    for (const { finish } of decodings) finish()
    await settle()
    expect(Bitmap.open).toBe(0)
  })
})
