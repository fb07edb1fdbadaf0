import { describe, expect, it } from 'vitest'
import { resample } from '../../../origin/codec/resample.ts'
import { AudioWindow } from '../../../origin/face/audio-window.ts'
import { MelStream, wav2lipSound } from '../../../origin/render/adapters/wav2lip-mel.ts'
import { TICK_SAMPLES } from '../../../shared/media.ts'
import { createRig, settle } from '../../support/fakes/session-fakes.ts'

const TICKS = 40
const speech = Int16Array.from({ length: TICKS * TICK_SAMPLES }, (_, i) => {
  const t = i / 24_000
  return (
    9_000 * Math.sin(2 * Math.PI * (140 + 60 * Math.sin(5 * t)) * t) * (0.4 + 0.6 * Math.sin(11 * t) ** 2) +
    1_500 * Math.sin(2 * Math.PI * 2_300 * t)
  )
})
const tick = (i: number): Int16Array => speech.subarray(i * TICK_SAMPLES, (i + 1) * TICK_SAMPLES)
const rest = (i: number): Int16Array[] => [speech.subarray((i + 1) * TICK_SAMPLES)]

/** Windows of the whole speech as one file. */
function windowsOfFile(frames: readonly number[]): Float32Array[] {
  const stream = new MelStream()
  const sound = Float32Array.from(resample(speech, 24_000, 16_000), (sample) => sample / 32_768)
  const found: Float32Array[] = []
  let pushed = 0
  for (const frame of frames) {
    const needed = Math.min(sound.length, Math.ceil(frame * 640 + wav2lipSound.lookAheadMs * 16) + 10)
    stream.push(sound.subarray(pushed, needed))
    pushed = needed
    found.push(stream.window(frame))
  }
  return found
}
function meanDifference(a: Float32Array = new Float32Array(0), b: Float32Array = a): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - Number(b[i])), 0) / Math.max(1, a.length)
}

describe('the sound of a sound-driven avatar', () => {
  it('is, frame for frame, what the whole speech gives as a file', () => {
    const feed = new AudioWindow(wav2lipSound)
    const frames = Array.from({ length: 30 }, (_, i) => i)
    const whole = windowsOfFile(frames)
    for (const i of frames) {
      const heard = feed.next(tick(i), rest(i))
      // a file's first samples have no silence before them to smooth the step at its beginning
      expect(meanDifference(heard?.window, whole[i])).toBeLessThan(i < 3 ? 0.15 : 0.01)
    }
    feed.close()
  })

  it('is nothing in silence, and rises within three frames', () => {
    const feed = new AudioWindow(wav2lipSound)
    expect(feed.next(undefined, [])).toBeUndefined()
    expect(feed.next(new Int16Array(TICK_SAMPLES), [])).toBeUndefined()
    expect([0, 1, 2].map((i) => feed.next(tick(i), rest(i))?.blend)).toEqual([0.34, 0.68, 1])
    feed.close()
  })

  it('begins to move before the sound does, where the sound is ready', () => {
    const feed = new AudioWindow(wav2lipSound)
    const ahead = [new Int16Array(TICK_SAMPLES), speech]
    expect(feed.next(new Int16Array(TICK_SAMPLES), ahead)?.blend).toBe(0.34)
    feed.close()
  })

  it('falls silent within three frames of an interrupt and forgets what was ahead', () => {
    const feed = new AudioWindow(wav2lipSound)
    for (let i = 0; i < 10; i++) feed.next(tick(i), rest(i))
    const closing = [1, 2, 3].map(() => feed.next(undefined, []))
    expect(closing.map((heard) => heard && Math.round(100 * heard.blend))).toEqual([66, 32, undefined])
    // 40 ms after the last sound most of the window is silent
    expect((closing[1]?.window ?? []).filter((value) => value === -4).length).toBeGreaterThan(700)
    feed.close()
  })

  it('hears sound that was not ready when its place came near', () => {
    const late = new AudioWindow(wav2lipSound)
    const ready = new AudioWindow(wav2lipSound)
    for (let i = 0; i < 5; i++) ready.next(tick(i), rest(i))
    for (let i = 0; i < 5; i++) late.next(tick(i), [])
    const [a, b] = [late.next(tick(5), rest(5)), ready.next(tick(5), rest(5))]
    expect(meanDifference(a?.window, b?.window)).toBeLessThan(0.02)
    late.close()
    ready.close()
  })

  it('goes on after it was closed', () => {
    const feed = new AudioWindow(wav2lipSound)
    feed.next(tick(0), rest(0))
    feed.close()
    feed.close()
    expect(feed.next(tick(1), rest(1))?.window.length).toBe(80 * 16)
    feed.close()
  })
})

describe('a session', () => {
  it('asks for sound-driven frames while it speaks, and for the clip alone before and after', async () => {
    const { session } = createRig({ avatars: { soundOf: (id) => (id === 'avatar_1' ? wav2lipSound : undefined) } })
    const heard: boolean[] = []
    const tickOnce = async (): Promise<void> => {
      await settle()
      const prepared = session.prepare(0)
      heard.push(prepared.request?.sound !== undefined)
      session.deliverSound(prepared)
    }
    for (let i = 0; i < 3; i++) await tickOnce()
    session.speech.speak({ session_id: session.id, text: 'x'.repeat(20) })
    for (let i = 0; i < 25; i++) await tickOnce()
    // 0.4 s are ten frames; the mouth closes within three
    expect(heard.indexOf(true)).toBeGreaterThanOrEqual(3)
    expect(heard.filter(Boolean).length).toBeGreaterThanOrEqual(10)
    expect(heard.filter(Boolean).length).toBeLessThanOrEqual(13)
    expect(heard.at(-1)).toBe(false)
    session.close('client_stop', { afterSpeech: false })
  })

  it('hears nothing for an avatar that its mouth shapes drive', async () => {
    const { session } = createRig()
    session.speech.speak({ session_id: session.id, text: 'hello' })
    await settle()
    expect(session.prepare(0).request).toMatchObject({ face: expect.any(Float32Array) })
    expect(session.prepare(0).request).not.toHaveProperty('sound')
  })
})
