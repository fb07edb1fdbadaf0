import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AudioDecoder, type AudioHint, closeDecoders } from '../../../origin/codec/audio.ts'
import { ALAW, MULAW } from '../../../origin/codec/g711.ts'
import { resample } from '../../../origin/codec/resample.ts'
import { encodeWav, wavHeader } from '../../../origin/codec/wav.ts'
import { concatPcm } from '../../../origin/dsp/pcm.ts'
import { createFliteVoice } from '../../../origin/providers/tts/flite/index.ts'
import { AvatarError } from '../../../shared/errors.ts'
import { correlation, impurityDb } from '../../support/signals/compare-sound.ts'
import { type Encoding, encodeAudio } from '../../support/signals/encode-audio.ts'

const RATE = 24_000
/** 2.5 s of speech at RATE. */
let speech: Int16Array

beforeAll(async () => {
  const flite = await createFliteVoice()
  const parts: Int16Array[] = []
  const request = { text: 'Hello there, this is a test of the system.', voiceId: flite.defaultVoiceId, settings: {} }
  for await (const { pcm } of flite.speak(request, new AbortController().signal)) parts.push(pcm)
  await flite.close()
  speech = concatPcm(parts)
})
afterAll(closeDecoders)

const bytesOf = (pcm: Int16Array) => new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength)
const cut = (bytes: Uint8Array, ...sizes: number[]): Uint8Array[] => {
  const pieces: Uint8Array[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? bytes.length
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return pieces
}
async function decode(pieces: readonly Uint8Array[], hint: AudioHint = {}): Promise<Int16Array> {
  const decoder = new AudioDecoder()
  const parts: Int16Array[] = []
  try {
    for (const piece of pieces) parts.push(await decoder.push(piece, hint))
    parts.push(await decoder.finish())
  } finally {
    decoder.close()
  }
  return concatPcm(parts)
}
async function refusal(pieces: readonly Uint8Array[], hint: AudioHint = {}): Promise<AvatarError> {
  const thrown = await decode(pieces, hint).then(
    (pcm) => new Error(`it was accepted: ${pcm.length} samples`),
    (error: unknown) => error,
  )
  if (!(thrown instanceof AvatarError)) throw thrown
  return thrown
}
function expectSame(got: Int16Array, wanted: Int16Array, tolerance = 0.02): void {
  expect(Math.abs(got.length / wanted.length - 1)).toBeLessThan(tolerance)
  expect(correlation(wanted, got)).toBeGreaterThan(0.9)
}

describe('a file that comes in pieces', () => {
  const live = { live: true }
  const files: Record<string, Encoding> = {
    'WebM by clusters': { codec: 'libopus', muxer: 'webm', sampleRate: 48_000, options: { live: '1', cluster_time_limit: '200' }, ...live },
    'a WebM file': { codec: 'libopus', muxer: 'webm', sampleRate: 48_000 },
    'fragmented MP4': {
      codec: 'aac',
      muxer: 'mp4',
      sampleRate: 48_000,
      options: { movflags: 'frag_keyframe+empty_moov+default_base_moof', frag_duration: '200000' },
    },
    'MP4 with its index at the end': { codec: 'aac', muxer: 'mp4', sampleRate: 44_100 },
    MP3: { codec: 'libmp3lame', muxer: 'mp3' },
    'MP3 at 44.1 kHz': { codec: 'libmp3lame', muxer: 'mp3', sampleRate: 44_100, bitRate: 128_000 },
    'Ogg Opus': { codec: 'libopus', muxer: 'ogg', sampleRate: 48_000, options: { page_duration: '100000' }, ...live },
    'Ogg Vorbis': { codec: 'libvorbis', muxer: 'ogg', sampleRate: 44_100, ...live },
    FLAC: { codec: 'flac', muxer: 'flac' },
    ADTS: { codec: 'aac', muxer: 'adts', sampleRate: 44_100 },
    'ADTS behind a tag': { codec: 'aac', muxer: 'adts', sampleRate: 44_100, options: { write_id3v2: '1' } },
    'WAV of unknown length': { codec: 'pcm_s16le', muxer: 'wav', sampleRate: 16_000, ...live },
    'mu-law WAV': { codec: 'pcm_mulaw', muxer: 'wav', sampleRate: 16_000 },
    'A-law WAV': { codec: 'pcm_alaw', muxer: 'wav', sampleRate: 16_000 },
    AIFF: { codec: 'pcm_s16be', muxer: 'aiff' },
  }

  it.each(Object.keys(files))('is one sound: %s', async (name) => {
    const bytes = await encodeAudio(speech, files[name] as Encoding)
    const whole = await decode([bytes])
    expectSame(whole, speech)
    for (const sizes of [[1024], [4063, 1697], [1, 37, 5000]]) expect(await decode(cut(bytes, ...sizes)), sizes.join()).toEqual(whole)
  })

  it.each(['WebM by clusters', 'Ogg Opus', 'FLAC', 'WAV of unknown length', 'Ogg Vorbis'])(
    'may be followed by others: %s',
    async (name) => {
      const bytes = await encodeAudio(speech, files[name] as Encoding)
      const thrice = concatPcm([speech, speech, speech])
      for (const pieces of [[bytes, bytes, bytes], cut(Buffer.concat([bytes, bytes, bytes]), 1021)])
        expectSame(await decode(pieces), thrice)
    },
  )

  it.each(['MP3', 'ADTS', 'fragmented MP4', 'MP4 with its index at the end'])(
    'may be followed by others, with what encoders pad: %s',
    async (name) => {
      const bytes = await encodeAudio(speech, files[name] as Encoding)
      const one = await decode([bytes])
      const joined = await decode(cut(Buffer.concat([bytes, bytes, bytes]), 1021))
      expect(Math.abs(joined.length / one.length - 3)).toBeLessThan(0.05)
      for (const part of [0, 1, 2]) {
        const at = Math.round((joined.length / 3) * part)
        expect(correlation(speech, joined.subarray(at, at + speech.length))).toBeGreaterThan(0.9)
      }
    },
  )

  it('gives its sound as it comes', async () => {
    const bytes = await encodeAudio(speech, files['WebM by clusters'] as Encoding)
    const decoder = new AudioDecoder()
    const given: number[] = []
    for (const piece of cut(bytes, Math.ceil(bytes.length / 10))) given.push((await decoder.push(piece)).length)
    decoder.close()
    expect(given.every((samples) => samples > 0)).toBe(true)
  })

  it('may change to another kind, in a piece of its own', async () => {
    const parts = [
      encodeWav(speech, RATE),
      await encodeAudio(speech, files.FLAC as Encoding),
      await encodeAudio(speech, files['Ogg Opus'] as Encoding),
    ]
    expectSame(await decode([...parts, encodeWav(resample(speech, RATE, 16_000), 16_000)]), concatPcm([speech, speech, speech, speech]))
  })

  it('is refused from its middle on', async () => {
    const webm = await encodeAudio(speech, files['WebM by clusters'] as Encoding)
    const cluster = Buffer.from(webm).indexOf(Buffer.from([0x1f, 0x43, 0xb6, 0x75]))
    expect((await refusal([webm.subarray(cluster)])).message).toContain('without the header of its file')
    expect((await refusal([webm.subarray(cluster + 100)])).message).toContain('noise')
    const ogg = await encodeAudio(speech, files['Ogg Opus'] as Encoding)
    const page = Buffer.from(ogg).indexOf('OggS', 300)
    expect((await refusal([ogg.subarray(page)])).message).toContain('beginning is missing')
  })

  it('is refused where it can be read no further', async () => {
    const mp4 = await encodeAudio(speech, files['MP4 with its index at the end'] as Encoding)
    expect((await refusal(cut(mp4.subarray(0, mp4.length - 500), 1024))).code).toBe('AUDIO_PROCESSING_ERROR')
  })
})

describe('a WAV stream', () => {
  const header = (dataBytes: number) => {
    const bytes = wavHeader(0, RATE)
    new DataView(bytes.buffer).setUint32(40, dataBytes, true)
    return bytes
  }

  it.each([
    ['0', 0],
    ['0xFFFFFFFF', 0xffff_ffff],
    ['that of the first piece', 9_600],
    ['more than comes', 10_000_000],
  ])('goes on without headers where its length is %s', async (_what, dataBytes) => {
    expect(await decode([header(dataBytes), ...cut(bytesOf(speech), 9_600)])).toEqual(speech)
    expect(await decode(cut(Buffer.concat([header(dataBytes), bytesOf(speech)]), 1_697))).toEqual(speech)
  })

  it('has notes before and after its samples, and an odd number of bytes', async () => {
    const list = Buffer.from('LIST\x05\0\0\0INFOx\0', 'latin1')
    const wav = encodeWav(speech, RATE)
    const noted = Buffer.concat([wav.subarray(0, 36), list, wav.subarray(36), list, Buffer.from('id3 \x02\0\0\0ab', 'latin1')])
    expect(await decode(cut(noted, 1024))).toEqual(speech)
    expect(await decode(cut(Buffer.concat([noted, noted]), 777))).toEqual(concatPcm([speech, speech]))
  })

  it.each([
    ['a WAV', () => encodeWav(speech, RATE)],
    ['raw samples', () => bytesOf(speech)],
  ])('is not continued by text: %s', async (_what, make) => {
    expect((await refusal([make(), Buffer.from('no sound at all, just words')])).details.found).toBe('it is text')
  })

  it('may have a header in every piece, without a seam at any rate', async () => {
    const tone = Int16Array.from({ length: 16_000 }, (_, i) => 20_000 * Math.sin((2 * Math.PI * 440 * i) / 16_000))
    const pieces = cut(bytesOf(tone), 640).map((bytes) => encodeWav(new Int16Array(bytes.slice().buffer), 16_000))
    const got = await decode(pieces)
    expect(got.length).toBe(24_000)
    expect(impurityDb(got.subarray(200, -200), 440, RATE)).toBeLessThan(-60)
  })
})

describe('raw samples in pieces', () => {
  const stereo = () => Int16Array.from({ length: speech.length * 2 }, (_, i) => speech[i >> 1] ?? 0)
  const s24 = () =>
    Uint8Array.from({ length: speech.length * 3 }, (_, i) =>
      i % 3 === 0 ? 0 : ((speech[Math.floor(i / 3)] ?? 0) >> (i % 3 === 1 ? 0 : 8)) & 255,
    )
  it.each<[string, AudioHint, () => Uint8Array]>([
    ['s16 that is not said', {}, () => bytesOf(speech)],
    ['s16', { format: 'pcm_s16le' }, () => bytesOf(speech)],
    ['big-endian', { format: 'pcm_s16be' }, () => Buffer.from(bytesOf(speech)).swap16()],
    ['L16 in the order of the network', { format: 'audio/L16;rate=24000' }, () => Buffer.from(bytesOf(speech)).swap16()],
    ['L16 in the other order', { format: 'audio/L16;rate=24000' }, () => bytesOf(speech)],
    ['stereo', { channels: 2 }, () => bytesOf(stereo())],
    ['f32', { format: 'pcm_f32le' }, () => new Uint8Array(Float32Array.from(speech, (value) => value / 32_768).buffer)],
    ['s24', { format: 'pcm_s24le' }, s24],
  ])('wait for the rest of a sample: %s', async (_what, hint, make) => {
    const bytes = make()
    for (const sizes of [[4063, 1697], [1, 2, 4000], [bytes.length]])
      expect(await decode(cut(bytes, ...sizes), hint), sizes.join()).toEqual(speech)
  })

  it.each([8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000])('have no seams at %i Hz', async (rate) => {
    const tone = Int16Array.from({ length: rate }, (_, i) => 20_000 * Math.sin((2 * Math.PI * 997 * i) / rate))
    for (const ms of [10, 20, 32]) {
      const got = await decode(cut(bytesOf(tone), Math.round((rate * ms) / 1000) * 2 + 1), { format: 'pcm_s16le', sample_rate: rate })
      expect(Math.abs(got.length - RATE)).toBeLessThanOrEqual(1)
      expect(impurityDb(got.subarray(200, -200), 997, RATE)).toBeLessThan(-60)
    }
  })

  it('are not taken for pictures or text, wherever they are cut', async () => {
    // between them quiet samples have the first bytes of a JPEG picture, cut inside a sample
    const quiet = Int16Array.from({ length: 3_000 }, (_, i) => [-40, -40, -36, -256 * 40 - 1][i % 4] ?? 0)
    for (const format of ['pcm_s16le', 'auto']) {
      for (const size of [1_001, 63, 7]) expect(await decode(cut(bytesOf(quiet), size), { format }), `${format} ${size}`).toEqual(quiet)
    }
    for (const format of ['mulaw', 'alaw', 'pcm_u8'] as const) {
      for (const value of [0x7e, 0x40, 0x21]) {
        expect((await decode(cut(new Uint8Array(1_600).fill(value), 160), { format })).length, `${format} ${value}`).toBeGreaterThan(1_590)
      }
      const hum = Uint8Array.from({ length: 1_600 }, (_, i) => 0x50 + Math.round(45 * Math.sin(i / 9)))
      expect((await decode(cut(hum, 160), { format })).length, `${format} hum`).toBeGreaterThan(1_590)
      const words = Buffer.from(JSON.stringify({ error: { message: 'The voice is not there, please try again later.', code: 1 } }))
      expect((await refusal([words], { format })).details.found).toBe('it is text')
    }
  })

  it('may change their rate', async () => {
    const decoder = new AudioDecoder()
    const low = bytesOf(resample(speech, RATE, 16_000))
    const parts = [await decoder.push(low, { sample_rate: 16_000 }), await decoder.push(bytesOf(speech)), await decoder.finish()]
    expectSame(concatPcm(parts), concatPcm([speech, speech]))
  })
})

describe('telephone sound', () => {
  const encode = (pcm: Int16Array, table: Float32Array) =>
    Uint8Array.from(pcm, (value) => {
      let best = 0
      for (let byte = 1; byte < 256; byte++)
        if (Math.abs((table[byte] ?? 9) - value / 32_768) < Math.abs((table[best] ?? 9) - value / 32_768)) best = byte
      return best
    })

  it.each(['mulaw', 'g711_ulaw', 'ulaw_8000', 'audio/x-mulaw', 'PCMU', 'audio/basic'])('is read as %s', async (format) => {
    expectSame(await decode(cut(encode(resample(speech, RATE, 8_000), MULAW), 160), { format }), speech)
  })
  it.each(['alaw', 'g711_alaw', 'audio/PCMA;rate=8000'])('is read as %s', async (format) => {
    expectSame(await decode(cut(encode(resample(speech, RATE, 8_000), ALAW), 160), { format }), speech)
  })

  it.each([
    ['mu-law', MULAW],
    ['A-law', ALAW],
  ])('is never taken for 16-bit samples: %s', async (name, table) => {
    for (const size of [160, 1_000, 8_000]) {
      const error = await refusal(cut(encode(resample(speech, RATE, 8_000), table), size))
      expect(error.code).toBe('AUDIO_PROCESSING_ERROR')
      expect(error.message).toContain(`it is ${name} by its values`)
    }
  })

  it('refuses other samples too that are not what auto stands for', async () => {
    const f32 = new Uint8Array(Float32Array.from(speech, (value) => value / 32_768).buffer)
    expect((await refusal(cut(f32, 4_096))).details.looks_like).toBe('f32le')
    expect((await refusal(cut(Buffer.from(bytesOf(speech)).swap16(), 4_096))).details.looks_like).toBe('s16be')
  })

  it('leaves quiet and loud 16-bit sound alone', async () => {
    const quiet = speech.map((value) => value / 200)
    const clipped = speech.map((value) => Math.max(-32_768, Math.min(32_767, value * 20)))
    for (const pcm of [
      quiet,
      clipped,
      new Int16Array(9_000),
      Int16Array.from({ length: 9_000 }, (_, i) => (i % 50 < 25 ? 20_000 : -20_000)),
    ]) {
      expect(await decode(cut(bytesOf(pcm), 1_000))).toEqual(pcm)
    }
  })
})

describe('what else is sent', () => {
  it.each<[string, Encoding, number]>([
    ['AU', { codec: 'pcm_s16be', muxer: 'au' }, 0],
    ['RF64', { codec: 'pcm_s16le', muxer: 'wav', options: { rf64: 'always' } }, 0],
    ['QuickTime', { codec: 'aac', muxer: 'mov', sampleRate: 44_100 }, 0],
    ['FLAC in Ogg', { codec: 'flac', muxer: 'ogg' }, 0],
    ['MP3 of large frames', { codec: 'libmp3lame', muxer: 'mp3', bitRate: 320_000, sampleRate: 48_000 }, 0],
    ['MP3 from the middle of a frame', { codec: 'libmp3lame', muxer: 'mp3', sampleRate: 44_100 }, 777],
    ['AAC from the middle of a frame', { codec: 'aac', muxer: 'adts', sampleRate: 44_100 }, 333],
  ])('is taken: %s', async (_what, encoding, from) => {
    const bytes = await encodeAudio(speech, encoding)
    expectSame(await decode(cut(bytes.subarray(from), 1024), from > 0 ? { format: encoding.muxer === 'mp3' ? 'mp3' : 'aac' } : {}), speech)
  })

  it('is taken: MP3 behind the picture of its cover', async () => {
    const cover = Buffer.alloc(200_000, 0x55)
    const tag = Buffer.from([0x49, 0x44, 0x33, 3, 0, 0, 0, (cover.length >> 14) & 127, (cover.length >> 7) & 127, cover.length & 127])
    expectSame(
      await decode(cut(Buffer.concat([tag, cover, await encodeAudio(speech, { codec: 'libmp3lame', muxer: 'mp3' })]), 1024)),
      speech,
    )
  })

  const repeat = (byte: number) => new Uint8Array(8_000).fill(byte)
  const tone = (hz: number, shape: (sine: number, i: number) => number) =>
    Int16Array.from({ length: RATE }, (_, i) => shape(Math.sin((2 * Math.PI * hz * i) / RATE), i))
  it.each<[string, () => Int16Array]>([
    ['a square wave', () => tone(7_000, (sine) => (sine > 0 ? 30_000 : -30_000))],
    ['impulses', () => tone(1, (_sine, i) => (i % 240 === 0 ? 30_000 : 0))],
    ['the highest tone', () => tone(1, (_sine, i) => (i % 2 ? 20_000 : -20_000))],
    ['an offset', () => speech.map((value) => value / 2 + 8_000)],
    ['a click', () => speech.slice(9_000, 9_060)],
  ])('is 16-bit sound: %s', async (_what, make) => {
    expect(await decode(cut(bytesOf(make()), 1_024))).toEqual(make())
  })

  it.each<[string, () => Uint8Array]>([
    ['silence in A-law', () => repeat(0xd5)],
    ['silence of 8 bits', () => repeat(0x80)],
    ['base64 twice', () => Buffer.from(Buffer.from(encodeWav(speech, RATE)).toString('base64'))],
    ['bytes that were read as UTF-8', () => Buffer.from(Buffer.from(encodeWav(speech, RATE)).toString('utf8'))],
    ['Wave64', () => Buffer.concat([Buffer.from('riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb', 'latin1'), bytesOf(speech).subarray(0, 8_000)])],
    ['a photo', () => Buffer.concat([Buffer.from('\xff\xd8\xff\xe0\x00\x10JFIF\x00', 'latin1'), bytesOf(speech).subarray(0, 8_000)])],
    ['gzip', () => Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, ...bytesOf(speech).subarray(0, 3_000)])],
    ['an Ogg that is none', () => Buffer.from(`OggS${'\x07'.repeat(3_000)}`, 'latin1')],
    ['an ID3 tag that is none', () => Buffer.from(`ID3${'\xff'.repeat(3_000)}`, 'latin1')],
  ])('is refused with the first piece: %s', async (_what, make) => {
    const decoder = new AudioDecoder()
    await expect(decoder.push(make())).rejects.toMatchObject({ code: 'AUDIO_PROCESSING_ERROR' })
    decoder.close()
  })
})
