/**
 * Draws the pictures of docs/design/face.md, with the renderer that serves sessions.
 *
 *     node scripts/face-pictures.ts [--packs avatars] [--avatar avatar_1] [--to docs/images]
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ExpressionAnimator } from '../origin/face/expression.ts'
import { mouthFromPhones } from '../origin/lipsync/phones.ts'
import { createFliteVoice } from '../origin/providers/tts/flite/index.ts'
import { decodeJpeg, encodeJpeg, jpegBound } from '../origin/render/compose/jpeg.ts'
import { createRenderer } from '../origin/render/index.ts'
import type { FrameRequest, Renderer } from '../origin/render/types.ts'
import type { Emotion } from '../shared/api.ts'
import { FACE_PARAMS, type FaceParam, VISEMES } from '../shared/face.ts'
import { FPS, MOUTH_FPS, QUALITIES, SAMPLE_RATE } from '../shared/media.ts'

/** A part of a frame, in shares of its side. */
interface Part {
  x: number
  y: number
  side: number
}
const WHOLE: Part = { x: 0, y: 0, side: 1 }
const HEAD: Part = { x: 0.14, y: 0, side: 0.72 }
const CLOSE: Part = { x: 0.3, y: 0.24, side: 0.44 }
const SENTENCE = 'Bob met Mama five times.'
const JPEG_QUALITY = 88
/** Frames after which an expression is reached. */
const SETTLED = 80

const { values: args } = parseArgs({
  options: {
    packs: { type: 'string', default: 'avatars' },
    avatar: { type: 'string', default: 'avatar_1' },
    to: { type: 'string', default: 'docs/images' },
  },
})

class Sheets {
  readonly #renderer: Renderer

  constructor(renderer: Renderer) {
    this.#renderer = renderer
  }

  /** Frames in rows of `columns`, written as one JPEG. */
  async write(
    name: string,
    columns: number,
    requests: readonly Partial<FrameRequest>[],
    { part, quality }: { part: Part; quality: FrameRequest['quality'] },
  ): Promise<void> {
    const { size } = QUALITIES[quality]
    const from = { x: Math.round(part.x * size), y: Math.round(part.y * size) }
    const side = Math.round(part.side * size)
    const width = columns * side
    const height = Math.ceil(requests.length / columns) * side
    const sheet = Buffer.alloc(3 * width * height)
    for (const [i, request] of requests.entries()) {
      const rgb = await this.#draw({ quality, ...request }, size)
      const left = (i % columns) * side
      const top = Math.floor(i / columns) * side
      for (let row = 0; row < side; row++) {
        const at = 3 * ((from.y + row) * size + from.x)
        rgb.copy(sheet, 3 * ((top + row) * width + left), at, at + 3 * side)
      }
    }
    const jpeg = encodeJpeg(sheet, width, JPEG_QUALITY, Buffer.alloc(jpegBound(width, height)), height)
    await writeFile(join(args.to, name), jpeg)
    console.log(`${name}: ${requests.length} frames`)
  }

  async #draw(request: Partial<FrameRequest>, size: number): Promise<Buffer> {
    const [result] = await this.#renderer.render([{ avatarId: args.avatar, quality: 'high', clip: 'idle', frame: 0, ...request }])
    if (result?.status !== 'fulfilled') throw result?.reason
    const rgb = Buffer.alloc(3 * size * size)
    decodeJpeg(Buffer.from(result.value.jpeg), rgb)
    return rgb
  }
}

function face(values: Partial<Record<FaceParam, number>>): Float32Array {
  return Float32Array.from(FACE_PARAMS, (name) => values[name] ?? 0)
}

/** The face of an emotion when it is reached. */
function emotional(emotion: Emotion): Float32Array {
  const driver = new ExpressionAnimator()
  driver.emotion = emotion
  let values: Float32Array | undefined
  for (let i = 0; i < SETTLED; i++) values = driver.next().values
  const shown = face({ sil: 1 })
  if (values) shown.set(values, VISEMES.length)
  return shown
}

/** Faces of the sentence's consecutive frames, from its first sound on. */
async function spokenFaces(count: number): Promise<Float32Array[]> {
  const voice = await createFliteVoice()
  try {
    for await (const { pcm, phones = [] } of voice.speak(
      { text: SENTENCE, voiceId: 'flite_slt', settings: {} },
      AbortSignal.timeout(20_000),
    )) {
      const mouth = mouthFromPhones(phones, pcm.length / SAMPLE_RATE)
      const first = Math.floor((phones.find(({ name }) => name === 'b')?.startS ?? 0) * FPS)
      return Array.from({ length: count }, (_, i) => {
        const row = Math.round(((first + i) * MOUTH_FPS) / FPS)
        const shown = face({})
        shown.set(mouth.subarray(row * VISEMES.length, (row + 1) * VISEMES.length))
        return shown
      })
    }
    throw new Error('the voice said nothing')
  } finally {
    await voice.close()
  }
}

/** Until every frame of the clips is there. */
async function untilFilled(renderer: Renderer): Promise<void> {
  const size = (): number => renderer.stats().clip_bytes ?? 0
  for (let before = -1; before !== size(); await new Promise((resolve) => setTimeout(resolve, 2_000))) before = size()
}

const renderer = await createRenderer({ packsDir: args.packs, capacity: 1, maxTicksBehind: 10_000 })
try {
  await untilFilled(renderer)
  const sheets = new Sheets(renderer)
  const close = { part: CLOSE, quality: 'high' } as const
  const whole = { part: WHOLE, quality: 'low' } as const
  await sheets.write(
    'shapes.jpg',
    5,
    VISEMES.map((viseme) => ({ face: face({ [viseme]: 1 }) })),
    close,
  )
  const spoken = await spokenFaces(12)
  await sheets.write(
    'bob-met-mama.jpg',
    4,
    spoken.map((shown, i) => ({ frame: i, face: shown })),
    close,
  )
  await sheets.write(
    'idle.jpg',
    4,
    Array.from({ length: 12 }, (_, i) => ({ frame: Math.round((i * 8 * FPS) / 11) })),
    whole,
  )
  await sheets.write(
    'expressions.jpg',
    4,
    [
      ...(['neutral', 'happy', 'serious', 'surprised', 'thinking'] as const).map((emotion) => ({ face: emotional(emotion) })),
      { face: face({ sil: 1, gaze_x: 1 }) },
      { face: face({ sil: 1, gaze_x: -1, gaze_y: -0.5 }) },
      { face: face({ sil: 1, blink: 1 }) },
      { nodDegrees: 4 },
      { nodDegrees: 8, face: face({ aa: 1 }) },
      { nodDegrees: -4 },
      { clip: 'listening', frame: 20 },
    ],
    { part: HEAD, quality: 'medium' },
  )
} finally {
  await renderer.close()
}
