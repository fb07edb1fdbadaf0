import { expect, it } from 'vitest'
import type { FrameRequest } from '../../../origin/render/types.ts'
import { SpeakRequest } from '../../../shared/api.ts'
import { createRig, type Rig, settle } from '../../support/fakes/session-fakes.ts'
import { faceValue } from '../../support/signals/face-values.ts'

const ID = '550e8400-e29b-41d4-a716-446655440000'
const nodding = SpeakRequest.parse({ session_id: ID, text: 'Yes, of course.', cues: [{ type: 'nod', at_ms: 40 }] })

/** What the session asks of the renderer, frame by frame. */
async function frames({ session }: Rig, count: number): Promise<FrameRequest[]> {
  const asked: FrameRequest[] = []
  for (let i = 0; i < count; i++) {
    await settle()
    const prepared = session.prepare((i + 1) * 40)
    if (prepared.request) asked.push(prepared.request)
    session.deliverSound(prepared)
  }
  return asked
}

it('nods by four degrees where a cue says no other', async () => {
  const rig = createRig({ avatars: { canNod: () => true } })
  expect(rig.session.speech.speak(nodding).warnings).toBeUndefined()
  const degrees = (await frames(rig, 25)).map(({ nodDegrees = 0 }) => nodDegrees)
  expect(Math.max(...degrees)).toBeCloseTo(4)
  expect(degrees.at(-1)).toBe(0)
})

it('says that an avatar cannot nod, and speaks all the same', async () => {
  const rig = createRig({ avatars: { canNod: (avatarId) => avatarId !== 'avatar_1' } })
  expect(rig.session.speech.speak(nodding).warnings).toEqual([expect.stringContaining('cannot nod')])
  expect((await frames(rig, 10)).some(({ face }) => face !== undefined)).toBe(true)
})

it('looks away while the answer of its mind is slow', async () => {
  const rig = createRig({
    llm: {
      name: 'slow',
      defaultModel: 'slow',
      // the signal alone ends it
      async *reply(_prompt, signal) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        yield* []
      },
    },
  })
  const answer = rig.session.speech.chat({ messages: [{ role: 'user', content: 'Why?' }] }, () => undefined, new AbortController().signal)
  const asked = await frames(rig, 30)
  expect(asked.slice(0, 6).every(({ face }) => face === undefined)).toBe(true)
  expect(Math.abs(faceValue(asked.at(-1)?.face, 'gaze_x'))).toBeGreaterThan(0.15)
  expect(faceValue(asked.at(-1)?.face, 'gaze_y')).toBeGreaterThan(0.15)
  rig.session.speech.interrupt()
  await answer
})
