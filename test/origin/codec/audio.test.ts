import { readFile } from 'node:fs/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { type AudioHint, closeDecoders, decodeAudio } from '../../../origin/codec/audio.ts'
import { decodeBase64Audio } from '../../../origin/codec/base64.ts'
import { encodeWav } from '../../../origin/codec/wav.ts'
import { AvatarError } from '../../../shared/errors.ts'
import { countLoopTurns } from '../../support/clocks.ts'

const HINT: AudioHint = { format: 'auto', sample_rate: 24_000, channels: 1 }
const RATE = 24_000
const fixture = (name: string) => readFile(new URL(`../fixtures/audio/${name}`, import.meta.url))
afterAll(closeDecoders)

/** Frequency and level of a tone, by its rising zero crossings and its mean square. */
function toneOf(pcm: Int16Array): { hz: number; amplitude: number } {
  const middle = pcm.subarray(Math.floor(pcm.length * 0.2), Math.floor(pcm.length * 0.8))
  const crossings: number[] = []
  for (let i = 1; i < middle.length; i++) if ((middle[i - 1] ?? 0) < 0 && (middle[i] ?? 0) >= 0) crossings.push(i)
  const span = (crossings.at(-1) ?? 0) - (crossings[0] ?? 0)
  const square = middle.reduce((sum, x) => sum + x * x, 0) / middle.length
  return { hz: ((crossings.length - 1) * RATE) / span, amplitude: Math.sqrt(2 * square) }
}
function expectTone(pcm: Int16Array, { hz = 440, amplitude = 16_000, tolerance = 0.03 } = {}): void {
  const tone = toneOf(pcm)
  expect(tone.hz).toBeGreaterThan(hz - 6)
  expect(tone.hz).toBeLessThan(hz + 6)
  expect(tone.amplitude / amplitude).toBeGreaterThan(1 - tolerance)
  expect(tone.amplitude / amplitude).toBeLessThan(1 + tolerance)
}

type Kind = 'u8' | 's16' | 's24' | 's32' | 'f32' | 'f64'
const BYTES: Record<Kind, number> = { u8: 1, s16: 2, s24: 3, s32: 4, f32: 4, f64: 8 }
function writeSample(view: DataView, at: number, kind: Kind, value: number): void {
  if (kind === 'u8') view.setUint8(at, Math.round(value * 127) + 128)
  else if (kind === 's16') view.setInt16(at, Math.round(value * 0x7fff), true)
  else if (kind === 's24') {
    const whole = Math.round(value * 0x7f_ffff)
    view.setUint16(at, whole & 0xffff, true)
    view.setInt8(at + 2, whole >> 16)
  } else if (kind === 's32') view.setInt32(at, Math.round(value * 0x7fff_ffff), true)
  else if (kind === 'f32') view.setFloat32(at, value, true)
  else view.setFloat64(at, value, true)
}
interface WavOptions {
  kind?: Kind
  rate?: number
  channels?: number
  seconds?: number
  extensible?: boolean
  /** Chunk before the data. */
  extra?: Uint8Array
  dataSize?: number
  trailing?: Uint8Array
  sample?: (time: number, channel: number) => number
}
/** A WAV of a 440 Hz tone, written here byte by byte. */
function makeWav({
  kind = 's16',
  rate = 24_000,
  channels = 1,
  seconds = 0.25,
  extensible = false,
  extra = new Uint8Array(0),
  dataSize,
  trailing = new Uint8Array(0),
  sample = (time) => 0.5 * Math.sin(2 * Math.PI * 440 * time),
}: WavOptions = {}): Uint8Array {
  const frames = Math.round(seconds * rate)
  const data = new Uint8Array(frames * channels * BYTES[kind])
  const dataView = new DataView(data.buffer)
  for (let i = 0; i < frames * channels; i++) {
    writeSample(dataView, i * BYTES[kind], kind, sample(Math.floor(i / channels) / rate, i % channels))
  }
  const tag = kind.startsWith('f') ? 3 : 1
  const fmt = new Uint8Array(extensible ? 40 : 16)
  const view = new DataView(fmt.buffer)
  view.setUint16(0, extensible ? 0xfffe : tag, true)
  view.setUint16(2, channels, true)
  view.setUint32(4, rate, true)
  view.setUint32(8, rate * channels * BYTES[kind], true)
  view.setUint16(12, channels * BYTES[kind], true)
  view.setUint16(14, BYTES[kind] * 8, true)
  if (extensible) {
    view.setUint16(16, 22, true)
    view.setUint16(18, BYTES[kind] * 8, true)
    view.setUint16(24, tag, true)
    fmt.set([0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71], 26)
  }
  const chunk = (id: string, size: number, body: Uint8Array) => {
    const head = Buffer.alloc(8)
    head.write(id, 'latin1')
    head.writeUInt32LE(size, 4)
    return Buffer.concat([head, body])
  }
  const body = Buffer.concat([
    Buffer.from('WAVE'),
    chunk('fmt ', fmt.length, fmt),
    extra,
    chunk('data', dataSize ?? data.length, data),
    trailing,
  ])
  return Buffer.concat([chunk('RIFF', body.length, body)])
}
const LIST = Buffer.concat([Buffer.from('LIST'), Buffer.from([5, 0, 0, 0]), Buffer.from('INFOx'), Buffer.from([0])])

async function refusal(work: Promise<unknown> | (() => unknown)): Promise<AvatarError> {
  try {
    await (typeof work === 'function' ? work() : work)
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(AvatarError)
    return thrown as AvatarError
  }
  throw new Error('it was accepted')
}

describe('WAV', () => {
  const kinds: Kind[] = ['u8', 's16', 's24', 's32', 'f32', 'f64']
  it.each(kinds.flatMap((kind) => [8_000, 24_000, 44_100].flatMap((rate) => [1, 2].map((channels) => ({ kind, rate, channels })))))(
    'reads $kind at $rate Hz, $channels channel(s)',
    async (options) => {
      const { pcm, durationMs, container } = await decodeAudio(makeWav(options), HINT)
      expect(container).toBe('wav')
      expect(durationMs).toBeCloseTo(250, 0)
      expectTone(pcm)
    },
  )

  it.each<[string, WavOptions]>([
    ['WAVE_FORMAT_EXTENSIBLE', { extensible: true, kind: 's24' }],
    ['extensible float', { extensible: true, kind: 'f32' }],
    ['an odd LIST chunk before the data', { extra: LIST }],
    ['a LIST chunk after the data', { trailing: LIST }],
    ['data size 0', { dataSize: 0 }],
    ['data size 0xFFFFFFFF', { dataSize: 0xffff_ffff }],
    ['a data size beyond the file', { dataSize: 1_000_000 }],
    ['an odd number of data bytes', { trailing: Buffer.from([7]), dataSize: 0 }],
    ['six channels', { channels: 6 }],
    ['a rate of 11 025 Hz', { rate: 11_025 }],
    ['a rate of 96 000 Hz', { rate: 96_000 }],
  ])('reads one with %s', async (_what, options) => {
    expectTone((await decodeAudio(makeWav(options), HINT)).pcm)
  })

  it('mixes both channels', async () => {
    const left = await decodeAudio(
      makeWav({ channels: 2, sample: (time, channel) => (channel === 0 ? 0.5 * Math.sin(2 * Math.PI * 440 * time) : 0) }),
      HINT,
    )
    expectTone(left.pcm, { amplitude: 8_000 })
  })

  it('keeps 24 kHz 16-bit sound as it is, to the bit', async () => {
    const pcm = Int16Array.from({ length: 5000 }, (_, i) => ((i * 7919) % 65_536) - 32_768)
    expect((await decodeAudio(encodeWav(pcm, RATE), HINT)).pcm).toEqual(pcm)
  })

  it('clips floats beyond full scale and reads NaN as silence', async () => {
    const loud = await decodeAudio(makeWav({ kind: 'f32', sample: () => 7.5 }), HINT)
    expect(Math.min(...loud.pcm)).toBe(32_767)
    const broken = await decodeAudio(makeWav({ kind: 'f32', sample: (time) => (time < 0.1 ? Number.NaN : Number.POSITIVE_INFINITY) }), HINT)
    expect(broken.pcm.every((value) => value === 0)).toBe(true)
  })

  it.each<[string, Uint8Array]>([
    ['no chunks', makeWav().subarray(0, 12)],
    ['no data chunk', makeWav().subarray(0, 36)],
    ['no samples', makeWav({ seconds: 0 })],
    ['0 Hz', makeWav({ rate: 24_000 }).map((byte, i) => (i >= 24 && i < 28 ? 0 : byte))],
    ['no channels', makeWav().map((byte, i) => (i === 22 ? 0 : byte))],
    ['13 bits', makeWav().map((byte, i) => (i === 34 ? 13 : i === 32 ? 0 : byte))],
  ])('refuses one with %s and says what is taken', async (_what, bytes) => {
    const error = await refusal(decodeAudio(bytes, HINT))
    expect(error.code).toBe('AUDIO_PROCESSING_ERROR')
    expect(error.message).toMatch(/^Failed to process audio input: .*Send WAV, MP3/)
    expect(error.details.accepted).toContain('WAV')
  })

  it('refuses more than 60 s without decoding it', async () => {
    const error = await refusal(decodeAudio(encodeWav(new Int16Array(61 * RATE), RATE), HINT))
    expect(error.message).toContain('longer than 60 s')
    expect(error.code).toBe('AUDIO_BUFFER_FULL')
    expect((await decodeAudio(encodeWav(new Int16Array(60 * RATE), RATE), HINT)).durationMs).toBe(60_000)
  })

  it('leaves the event loop free while it converts 20 s of stereo', async () => {
    const bytes = makeWav({ kind: 'f32', rate: 48_000, channels: 2, seconds: 20, sample: () => 0.1 })
    // at least once for each second of sound
    expect(await countLoopTurns(decodeAudio(bytes, HINT))).toBeGreaterThanOrEqual(20)
  })
})

describe('compressed sound', () => {
  it.each([
    ['tone.mp3', 'mp3'],
    ['tone-id3.mp3', 'mp3'],
    ['tone.ogg', 'ogg'],
    ['tone.opus', 'ogg'],
    ['tone.webm', 'webm'],
    ['tone.flac', 'flac'],
    ['tone.m4a', 'mp4'],
    ['tone.aac', 'aac'],
    ['tone.aiff', 'aiff'],
    ['tone-alaw.wav', 'wav'],
  ])('decodes %s', async (name, container) => {
    const decoded = await decodeAudio(await fixture(name), HINT)
    expect(decoded.container).toBe(container)
    expect(decoded.durationMs).toBeGreaterThan(470)
    expect(decoded.durationMs).toBeLessThan(620)
    expectTone(decoded.pcm, { tolerance: 0.12 })
  })

  it('decodes many at once, each its own', async () => {
    const names = ['tone.mp3', 'tone.flac', 'tone.opus', 'tone.mp3', 'tone.m4a']
    for (const { pcm } of await Promise.all(names.map(async (name) => decodeAudio(await fixture(name), HINT))))
      expectTone(pcm, { tolerance: 0.12 })
  })

  it('refuses a file that is cut inside its header', async () => {
    for (const name of ['tone.ogg', 'tone.flac', 'tone.m4a', 'tone.webm']) {
      const error = await refusal(decodeAudio((await fixture(name)).subarray(0, 40), HINT))
      expect(error.code).toBe('AUDIO_PROCESSING_ERROR')
      expect(error.message).toMatch(/it looks like (ogg|flac|mp4|webm) but/)
    }
  })

  it('follows no names in a file to other files', async () => {
    const playlist = Buffer.from('#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n')
    const concat = Buffer.from("ffconcat version 1.0\nfile '/etc/passwd'\nfile '/etc/hosts'\n")
    for (const bytes of [playlist, concat]) expect((await refusal(decodeAudio(bytes, HINT))).details.found).toBe('it is text')
  })
})

describe('sound without a header', () => {
  const tone = (rate: number, channels: number, seconds = 0.25) =>
    Float32Array.from(
      { length: rate * seconds * channels },
      (_, i) => 0.5 * Math.sin((2 * Math.PI * 440 * Math.floor(i / channels)) / rate),
    )

  it('is 16-bit PCM at the rate that is said', async () => {
    const s16 = Int16Array.from(tone(16_000, 2), (value) => value * 32_767)
    const decoded = await decodeAudio(new Uint8Array(s16.buffer), { format: 'auto', sample_rate: 16_000, channels: 2 })
    expect(decoded.container).toBe('raw')
    expectTone(decoded.pcm)
  })

  it('is float where that is said', async () => {
    const f32 = tone(48_000, 1)
    expectTone((await decodeAudio(new Uint8Array(f32.buffer), { format: 'pcm_f32le', sample_rate: 48_000, channels: 1 })).pcm)
  })

  it('may begin with the bytes of an MP3 frame', async () => {
    const s16 = Int16Array.from(tone(24_000, 1), (value) => value * 32_767)
    s16.set([-1025, -28_528], 0)
    expectTone((await decodeAudio(new Uint8Array(s16.buffer), HINT)).pcm)
  })

  it.each<[string, Uint8Array]>([
    ['a PNG picture', Buffer.from('\x89PNG\r\n\x1a\n0000', 'latin1')],
    ['a PDF document', Buffer.from('%PDF-1.7 ....')],
    ['text', Buffer.from('{"audio": "this is not sound at all"}')],
    ['text', Buffer.from('<!doctype html><html><body>404</body></html>')],
  ])('is refused when it is %s', async (found, bytes) => {
    const error = await refusal(decodeAudio(bytes, HINT))
    expect(error.code).toBe('AUDIO_PROCESSING_ERROR')
    expect(error.details.found).toBe(`it is ${found}`)
  })

  it('is refused when it is empty', async () => {
    expect((await refusal(decodeAudio(new Uint8Array(0), HINT))).message).toContain('empty')
  })

  it('is refused over the size limit', async () => {
    expect((await refusal(decodeAudio(new Uint8Array(32 * 1024 * 1024 + 2), HINT))).code).toBe('PAYLOAD_TOO_LARGE')
  })
})

describe('base64', () => {
  it('gives the bytes', async () => {
    expect([...decodeBase64Audio('AAH/fw==')]).toEqual([0, 1, 255, 127])
    const wav = makeWav()
    expect(decodeBase64Audio(Buffer.from(wav).toString('base64'))).toEqual(wav)
  })

  it.each([
    ['AAH/\r\nfw==\r\n', 'line ends'],
    [' AAH/ fw= = ', 'spaces'],
    ['AAH/fw', 'no padding'],
    ['AAH_fw==', 'the URL-safe alphabet'],
    ['data:audio/webm;codecs=opus;base64,AAH/fw==', 'a data: URL'],
    ['\ndata:;base64,AAH_\nfw', 'all of that'],
  ])('takes %j: %s', (text) => {
    expect([...decodeBase64Audio(text)]).toEqual([0, 1, 255, 127])
  })

  it.each([
    ['', 'empty'],
    ['  \n', 'empty'],
    ['A', 'it was cut'],
    ['AAAAA', 'it was cut'],
    ['AA=A', 'characters follow its padding'],
    ['AAE=AAE=', 'characters follow its padding'],
    ['====', 'characters follow its padding'],
    ['!!!!', 'the character at 0'],
    ['AAA\u00e4', 'the character at 3'],
    ['data:audio/wav;base64,', 'empty'],
    ['data:audio/wav,AAAA', 'not base64'],
    ['data:audio/wav;base64', 'without a comma'],
    ['{"audio":"AAAA"}', 'the character at 0'],
  ])('refuses %j: %s', async (text, words) => {
    const error = await refusal(() => decodeBase64Audio(text))
    expect(error.code).toBe('AUDIO_PROCESSING_ERROR')
    expect(error.message).toContain(words)
  })
})

describe('damaged bytes', () => {
  /** Park and Miller's minimal standard generator. */
  const random = (seed: number) => {
    let state = seed
    return () => {
      state = (state * 48_271) % 2_147_483_647
      return state / 2_147_483_647
    }
  }

  it('never crash, never hang, and end in sound or in a documented refusal', async () => {
    const next = random(20_261_122)
    const sources = [
      makeWav({ seconds: 0.1, extensible: true, extra: LIST }),
      ...(await Promise.all(
        ['tone.mp3', 'tone.ogg', 'tone.opus', 'tone.webm', 'tone.flac', 'tone.m4a', 'tone.aac', 'tone.aiff', 'tone-alaw.wav'].map(fixture),
      )),
    ]
    let refused = 0
    for (let i = 0; i < 200; i++) {
      const source = sources[i % sources.length] ?? new Uint8Array(0)
      let bytes = Uint8Array.from(source)
      // Mostly in the header, where lengths and offsets are.
      const reach = next() < 0.6 ? Math.min(bytes.length, 200) : bytes.length
      for (let flips = 1 + Math.floor(next() * 12); flips > 0; flips--)
        bytes[Math.floor(next() * reach)] = next() < 0.3 ? 255 : Math.floor(next() * 256)
      if (next() < 0.3) bytes = bytes.slice(0, Math.floor(next() * bytes.length))
      try {
        const { pcm, durationMs } = await decodeAudio(bytes, HINT)
        expect(durationMs).toBeLessThanOrEqual(60_000)
        expect(pcm.length).toBeGreaterThan(0)
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(AvatarError)
        expect((thrown as AvatarError).code).toBe('AUDIO_PROCESSING_ERROR')
        expect(String((thrown as AvatarError).details.reason)).not.toMatch(/SIG|exit code|no answer/)
        refused++
      }
    }
    expect(refused).toBeGreaterThan(20)
    expectTone((await decodeAudio(await fixture('tone.mp3'), HINT)).pcm, { tolerance: 0.12 })
  })
})
