import { afterAll, describe, expect, it } from 'vitest'
import { AudioDecoder, closeDecoders } from '../../../origin/codec/audio.ts'
import { resample } from '../../../origin/codec/resample.ts'
import { encodeWav } from '../../../origin/codec/wav.ts'
import { listeningServices } from '../../support/fakes/listening-fakes.ts'
import { createRig, type Rig } from '../../support/fakes/session-fakes.ts'
import { encodeAudio } from '../../support/signals/encode-audio.ts'

afterAll(closeDecoders)
const sound = Int16Array.from({ length: 24_000 }, (_, i) => 12_000 * Math.sin((2 * Math.PI * (200 + i / 60) * i) / 24_000))
const bytesOf = (pcm: Int16Array) => new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength)
const create = () => createRig({ openAudio: () => new AudioDecoder() })
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')

/** Sends the bytes in pieces and waits for all answers. */
async function append(
  { session, sink, runUntil }: Rig,
  bytes: Uint8Array,
  { size = 1024, client = 'a', format = 'auto' }: { size?: number; client?: string; format?: string } = {},
): Promise<void> {
  const answers = () => sink.of('audio_buffer_appended').length + sink.of('error').length
  const before = answers()
  let sent = 0
  for (let at = 0; at < bytes.length; at += size) {
    session.handleEvent({ type: 'audio_buffer_append', data: { audio: base64(bytes.subarray(at, at + size)), format } }, client)
    sent += 1
    if (sent % 50 === 0) await runUntil('the answers', () => answers() === before + sent)
  }
  await runUntil('the answers', () => answers() === before + sent)
}
async function commit({ session, sink, runUntil }: Rig): Promise<void> {
  const answers = () => sink.of('audio_buffer_committed').length + sink.of('error').length
  const before = answers()
  session.handleEvent({ type: 'audio_buffer_commit' }, 'a')
  await runUntil('the commit', () => answers() > before)
}

describe('the audio buffer', () => {
  it('takes a recording in any pieces as one sound', async () => {
    const rig = create()
    await append(rig, await encodeAudio(sound, { codec: 'libopus', muxer: 'webm', sampleRate: 48_000, live: true, options: { live: '1' } }))
    await commit(rig)
    expect(rig.sink.of('error')).toEqual([])
    expect(rig.sink.of('audio_buffer_committed')).toMatchObject([{ duration_ms: 1_000 }])
  })

  it('counts every sample that was appended, at any rate', async () => {
    const rig = create()
    await append(rig, bytesOf(resample(sound, 24_000, 16_000)), { size: 4_063, format: 'pcm_16000' })
    expect(rig.sink.of('audio_buffer_appended').at(-1)).toMatchObject({ buffered_ms: 1_000 })
    await commit(rig)
    expect(rig.sink.of('audio_buffer_committed')).toMatchObject([{ duration_ms: 1_000 }])
  })

  it('begins anew after a commit, a clear and a refusal', async () => {
    const rig = create()
    const wav = encodeWav(sound, 24_000)
    await append(rig, wav.subarray(0, 9_001))
    rig.session.handleEvent({ type: 'audio_buffer_clear' }, 'a')
    await append(rig, wav, { size: 5_000 })
    await commit(rig)
    await append(rig, wav, { size: 5_000 })
    await commit(rig)
    await append(rig, Buffer.from('<!doctype html><html><body>this is no sound at all</body></html>'))
    await append(rig, wav, { size: 5_000 })
    await commit(rig)
    expect(rig.sink.of('audio_buffer_committed').map(({ duration_ms }) => duration_ms)).toEqual([1_000, 1_000, 1_000])
    expect(rig.sink.of('error').map(({ code }) => code)).toEqual(['AUDIO_PROCESSING_ERROR'])
  })

  it('keeps the streams of two clients apart', async () => {
    const rig = create()
    const wav = encodeWav(sound, 24_000)
    for (let at = 0; at < wav.length; at += 8_001)
      for (const client of ['a', 'b']) await append(rig, wav.subarray(at, at + 8_001), { size: 8_001, client })
    await commit(rig)
    expect(rig.sink.of('audio_buffer_committed')).toMatchObject([{ duration_ms: 2_000 }])
  })

  it('says at the commit that a file never was complete', async () => {
    const rig = create()
    await append(rig, (await encodeAudio(sound, { codec: 'flac', muxer: 'flac' })).subarray(0, 40), { size: 20 })
    await commit(rig)
    expect(rig.sink.of('error')).toMatchObject([{ code: 'AUDIO_PROCESSING_ERROR', details: { container: 'flac' } }])
  })
})

describe('listening by messages', () => {
  it('hears a recording that is cut anywhere', async () => {
    const heard: number[] = []
    const rig = createRig({
      openAudio: () => new AudioDecoder(),
      listening: listeningServices({
        name: 'fake',
        live: false,
        open: () => ({
          begin: () => {
            let samples = 0
            return {
              push: (pcm) => {
                samples += pcm.length
              },
              finish: async () => {
                heard.push(samples)
                return ''
              },
            }
          },
          close: () => undefined,
        }),
        close: async () => undefined,
      }),
    })
    const { session, runUntil } = rig
    session.handleEvent({ type: 'start_listening', data: { mode: 'manual' } }, 'a')
    const bytes = await encodeAudio(sound, { codec: 'libopus', muxer: 'ogg', sampleRate: 48_000, live: true })
    for (let at = 0; at < bytes.length; at += 777) {
      session.handleEvent({ type: 'user_audio_append', data: { audio: base64(bytes.subarray(at, at + 777)), format: 'auto' } }, 'a')
    }
    session.handleEvent({ type: 'stop_listening' }, 'a')
    await runUntil('the words', () => heard.length > 0)
    expect(Math.abs((heard[0] ?? 0) - 16_000)).toBeLessThan(100)
    expect(rig.sink.of('error')).toEqual([])
  })
})
