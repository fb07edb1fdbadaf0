import { describe, expect, it } from 'vitest'
import { type BinaryMedia, decodeBinaryMedia, encodeBinaryMedia } from '../../shared/binary-media.ts'
import type { OriginEvent } from '../../shared/events.ts'
import { decodeRelay, encodeRelay, type RelayClass, type RelayHeader, relayHeader, withSeq } from '../../shared/link.ts'

const session_id = '550e8400-e29b-41d4-a716-446655440000'
const task_id = 'task_x3k9q0p2m1ab'
const EVENT = '{"type":"status","session_id":"x","status":"idle","message":"\\"a\\nb\\" \u{1f600}"}'

describe('the envelope of an event', () => {
  it.each<RelayHeader>([
    { class: 'control' },
    { class: 'control', to: 'cli_0123456789ab' },
    { class: 'control', to: 'a "client"\nof two lines' },
    { class: 'control', task: { id: task_id, state: 'open' } },
    { class: 'control', task: { id: task_id, state: 'closed' }, transport: 'webrtc' },
    { class: 'control', transport: 'socket' },
    { class: 'frame', frame_id: 0 },
    { class: 'frame', frame_id: 4_294_967_295 },
    { class: 'clause' },
    { class: 'chunk' },
    { class: 'word' },
    { class: 'stats' },
    { class: 'level' },
  ])('comes back as it was: %j', (header) => {
    expect(decodeRelay(encodeRelay(header, EVENT))).toEqual({ header, eventJson: EVENT })
  })

  it.each([
    ['nothing', ''],
    ['a link message', '{"type":"activity","busy":true}'],
    ['no header', 'E'],
    ['no header before the line ends', `E\n${EVENT}`],
    ['no event', 'E{"class":"control"}'],
    ['no event after the line', 'E{"class":"control"}\n'],
    ['an event without fields', 'E{"class":"control"}\n{}'],
    ['an event that is no object', 'E{"class":"control"}\n["a"]'],
    ['half of a header', `E{"class":"contr\n${EVENT}`],
    ['a header that is no object', `Enull\n${EVENT}`],
    ['a class that there is not', `E{"class":"dream"}\n${EVENT}`],
    ['a frame without its id', `E{"class":"frame"}\n${EVENT}`],
    ['a frame with half an id', `E{"class":"frame","frame_id":1.5}\n${EVENT}`],
    ['a task that is no task', `E{"class":"control","task":{"id":"1","state":"open"}}\n${EVENT}`],
    ['a task in no state', `E{"class":"control","task":{"id":"${task_id}"}}\n${EVENT}`],
    ['a transport that there is not', `E{"class":"control","transport":"pigeon"}\n${EVENT}`],
    ['a client without a name', `E{"class":"control","to":""}\n${EVENT}`],
    ['the envelope of protocol 1', `Ec\n${EVENT}`],
  ])('is refused with %s', (_what, text) => {
    expect(decodeRelay(text)).toBeUndefined()
  })

  it('ignores fields of the header that it does not know', () => {
    expect(decodeRelay(`E{"class":"word","later":1}\n${EVENT}`)).toEqual({ header: { class: 'word' }, eventJson: EVENT })
  })
})

describe('the header of an event', () => {
  const frame = { type: 'frame', session_id, data: 'AAAA', frame_id: 7, timestamp: 1 } as const
  it.each<[OriginEvent, RelayClass, string | undefined, RelayHeader]>([
    [{ type: 'status', session_id, status: 'idle', message: '' }, 'control', undefined, { class: 'control' }],
    [{ type: 'status', session_id, status: 'idle', message: '', task_id }, 'control', undefined, { class: 'control' }],
    [{ type: 'audio_buffer_cleared', session_id, cleared_ms: 0 }, 'control', 'cli_1', { class: 'control', to: 'cli_1' }],
    [frame, 'frame', undefined, { class: 'frame', frame_id: 7 }],
    [{ type: 'level', session_id, level_db: -30, speech: null }, 'level', undefined, { class: 'level' }],
    [
      { type: 'audio_buffer_committed', session_id, task_id, duration_ms: 1 },
      'control',
      'cli_1',
      { class: 'control', to: 'cli_1', task: { id: task_id, state: 'open' } },
    ],
    [
      { type: 'speech_started', session_id, task_id, latency_ms: 1 },
      'control',
      undefined,
      { class: 'control', task: { id: task_id, state: 'open' } },
    ],
    [
      { type: 'speech_finished', session_id, task_id, reason: 'completed', played_ms: 1 },
      'control',
      undefined,
      { class: 'control', task: { id: task_id, state: 'closed' } },
    ],
    [
      { type: 'interrupted', session_id, task_id: null, played_ms: 0, spoken_text: '"type":"transport"', dropped_ms: 0 },
      'control',
      undefined,
      { class: 'control' },
    ],
    [
      { type: 'transport', session_id, active: 'webrtc', reason: 'connected' },
      'control',
      undefined,
      { class: 'control', transport: 'webrtc' },
    ],
  ])('%j', (event, relayClass, to, header) => {
    expect(relayHeader(relayClass, event, to)).toEqual(header)
    expect(decodeRelay(encodeRelay(header, JSON.stringify(event)))?.header).toEqual(header)
  })
})

describe('the number of an event', () => {
  it.each([0, 1, 4_294_967_296])('%d stands in front of its other fields, which stay as they are', (seq) => {
    const numbered = withSeq(EVENT, seq)
    expect(JSON.parse(numbered)).toEqual({ seq, ...JSON.parse(EVENT) })
    expect(numbered.startsWith(`{"seq":${seq},"type":`)).toBe(true)
    expect(numbered.endsWith(EVENT.slice(1))).toBe(true)
  })
})

describe('binary media', () => {
  const base: BinaryMedia = {
    kind: 'frame',
    seq: 4_294_967_295,
    frameId: 12,
    generation: 3,
    timestamp: 1_705_920_123.456,
    ptsMs: 0,
    sampleRate: 0,
    samples: 0,
    payload: new Uint8Array([255, 216, 0, 1]),
  }
  const sound = { frameId: 0, ptsMs: 1_840.5, sampleRate: 24_000, samples: 2_400 }

  it.each<BinaryMedia>([
    base,
    { ...base, ...sound, kind: 'clause' },
    { ...base, ...sound, kind: 'chunk' },
    { ...base, payload: new Uint8Array(0) },
  ])('comes back as it was: $kind of $payload.length bytes', (media) => {
    expect(decodeBinaryMedia(encodeBinaryMedia(media).slice().buffer)).toEqual(media)
  })

  it.each([
    ['nothing', new ArrayBuffer(0)],
    ['half of a header', encodeBinaryMedia(base).slice(0, 39).buffer],
    ['another version', Uint8Array.from(encodeBinaryMedia(base), (byte, i) => (i === 0 ? 2 : byte)).buffer],
    ['a kind that there is not', Uint8Array.from(encodeBinaryMedia(base), (byte, i) => (i === 1 ? 9 : byte)).buffer],
  ])('is refused with %s', (_what, message) => {
    expect(() => decodeBinaryMedia(message)).toThrow(RangeError)
  })
})
