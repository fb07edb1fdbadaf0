/** The microphone's way from packets to sound whose clock is right, whatever is lost, muted or late. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MIC_SAMPLE_RATE, OpusEncoder, OpusMicDecoder } from '../../../origin/codec/opus.ts'
import { JitterBuffer, opusMs } from '../../../origin/rtc/jitter-buffer.ts'
import type { MicPiece } from '../../../origin/rtc/types.ts'

const PACKET_MS = 20
const UNITS = PACKET_MS * 48

let pieces: MicPiece[]
let line: JitterBuffer
beforeEach(() => {
  vi.useFakeTimers()
  pieces = []
  line = new JitterBuffer((piece) => pieces.push(piece))
})
afterEach(() => {
  line.stop()
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

/** 20 ms of mono whose second byte tells it apart. @param shift RTP units beside the regular place */
function push(sequence: number, shift = 0): void {
  line.push({ sequence: sequence & 0xffff, timestamp: (sequence * UNITS + shift) >>> 0, payload: Uint8Array.of(0xf8, sequence & 0xff) })
}
const told = (): string[] => pieces.map((piece) => (piece.kind === 'sound' ? String(piece.opus[1]) : `${piece.kind} ${piece.ms}`))
const totalMs = (): number => pieces.reduce((sum, piece) => sum + (piece.kind === 'sound' ? PACKET_MS : piece.ms), 0)

describe('packets of the microphone', () => {
  it('pass at once while they come in order, also where their numbers begin anew', () => {
    for (let i = 65_534; i < 65_539; i++) push(i)
    expect(told()).toEqual(['254', '255', '0', '1', '2'])
  })

  it('are put in order, once each', () => {
    for (const i of [1, 3, 2, 2, 4, 1]) push(i)
    expect(told()).toEqual(['1', '2', '3', '4'])
  })

  it('that are missing are told as lost: after three others, or after 60 ms', () => {
    for (const i of [1, 3, 4]) push(i)
    expect(told()).toEqual(['1'])
    push(5)
    expect(told()).toEqual(['1', 'lost 20', '3', '4', '5'])
    push(7)
    vi.advanceTimersByTime(59)
    expect(told()).toHaveLength(5)
    vi.advanceTimersByTime(1)
    expect(told().slice(5)).toEqual(['lost 20', '7'])
  })

  it('that are missing for long are silence after 100 ms', () => {
    for (const i of [1, 21, 22, 23]) push(i)
    expect(told()).toEqual(['1', 'lost 100', 'silent 280', '21', '22', '23'])
    expect(totalMs()).toBe(23 * PACKET_MS)
  })

  it('that are not sent are silence: at once, without sound that is made up', () => {
    push(1)
    line.push({ sequence: 2, timestamp: 11 * UNITS, payload: Uint8Array.of(0xf8, 2) })
    expect(told()).toEqual(['1', 'silent 180', '2'])
  })
})

describe('the ear’s clock', () => {
  it('goes on while nothing comes, and is right when the microphone is back', () => {
    push(1)
    vi.advanceTimersByTime(350)
    expect(told()).toEqual(['1', 'silent 100', 'silent 100', 'silent 100'])
    // 400 ms later by its own clock
    line.push({ sequence: 2, timestamp: 21 * UNITS, payload: Uint8Array.of(0xf8, 2) })
    expect(told().slice(4)).toEqual(['silent 80', '2'])
    expect(totalMs()).toBe(21 * PACKET_MS)
  })

  it('catches up in the next silence when packets were only late', () => {
    push(1)
    vi.advanceTimersByTime(100)
    for (let i = 2; i < 7; i++) push(i)
    expect(totalMs()).toBe(6 * PACKET_MS + 100)
    line.push({ sequence: 7, timestamp: 17 * UNITS, payload: Uint8Array.of(0xf8, 7) })
    expect(totalMs()).toBe(17 * PACKET_MS)
  })

  it('stops after two seconds of nothing, and goes on with the next packet', () => {
    push(1)
    vi.advanceTimersByTime(60_000)
    expect(totalMs()).toBe(PACKET_MS + 2_000)
    line.push({ sequence: 2, timestamp: 3_000 * UNITS, payload: Uint8Array.of(0xf8, 2) })
    expect(totalMs()).toBe(2 * PACKET_MS + 2_000)
  })

  it.each([
    ['another device’s timestamps', 1_000_000 * UNITS],
    ['timestamps that go back', -500_000 * UNITS],
  ])('takes %s as they are', (_name, shift) => {
    push(600_001)
    push(600_002, shift)
    push(600_003, shift)
    expect(told()).toEqual([1, 2, 3].map((i) => String((600_000 + i) & 0xff)))
  })

  it('begins anew with packets of another stream', () => {
    push(1)
    push(30_000)
    push(30_001)
    expect(told()).toEqual(['1', '48', '49'])
  })
})

describe('a packet’s length', () => {
  it.each([
    [[0xf8], 20],
    [[0x08], 20],
    [[0x78], 20],
    [[0x80], 2.5],
    [[0xf9], 40],
    [[0xfb, 3], 60],
    [[0x18], 60],
  ])('%j is %d ms', (bytes, ms) => {
    expect(opusMs(Uint8Array.from(bytes))).toBe(ms)
  })

  it('of our own encoder is 20 ms', () => {
    expect(opusMs(new OpusEncoder().encode(new Int16Array(480).fill(500)))).toBe(20)
  })
})

describe('lost sound', () => {
  const level = (pcm: Int16Array): number => Math.sqrt(pcm.reduce((sum, sample) => sum + sample * sample, 0) / pcm.length)

  it('goes on as it was and dies away', () => {
    const voice = new OpusEncoder()
    const ear = new OpusMicDecoder()
    let sample = 0
    for (let i = 0; i < 10; i++) {
      ear.decode(voice.encode(Int16Array.from({ length: 480 }, () => 8_000 * Math.sin((2 * Math.PI * 440 * sample++) / 24_000))))
    }
    const concealed = ear.conceal(100)
    expect(concealed).toHaveLength((100 * MIC_SAMPLE_RATE) / 1000)
    expect(level(concealed.subarray(0, 320))).toBeGreaterThan(2_000)
    expect(level(concealed.subarray(-320))).toBeLessThan(200)
  })

  it('before any other is silence', () => {
    expect(new OpusMicDecoder().conceal(30).every((value) => value === 0)).toBe(true)
  })
})
