/** How well the mouth follows speech: from its phones, and from its sound alone. */
import { createLipSync } from '../origin/lipsync/net.ts'
import { mouthFromPhones } from '../origin/lipsync/phones.ts'
import type { LipSync } from '../origin/lipsync/types.ts'
import { createFliteVoice } from '../origin/providers/tts/flite/index.ts'
import type { Phone, SpeechProvider } from '../origin/providers/tts/types.ts'
import { VISEMES } from '../shared/face.ts'
import { MOUTH_FPS, SAMPLE_RATE } from '../shared/media.ts'
import { correlation, jawOf } from '../test/support/signals/jaw.ts'

const SHIPPED = new URL('../models/lipsync/lipsync.onnx', import.meta.url).pathname
const WIDTH = VISEMES.length
const PP = VISEMES.indexOf('PP')
/** Share of PP from which the lips count as shut. */
const SHUT = 0.5
/** s by which a closure may be early or late. */
const TOLERANCE_S = 0.02
export const SENTENCES = [
  'Bob met Mama five times.',
  'Peter, Bob and Mary bought a big purple balloon in the park.',
  'Five very brave firefighters saved every family from the fire.',
  'My mother bought me a beautiful map before breakfast.',
  'Please wait a moment while I look that up for you.',
  'We walked along the river, and then we went home.',
  'The weather will be cloudy with a chance of rain.',
  'Maybe we could go swimming tomorrow, if the pool is open by then.',
  'Hello, how are you? It is a pleasure to meet you.',
  'Your order has left our warehouse and will arrive on Tuesday morning.',
  'She opened the window because the room was far too warm.',
  'Can you tell me what you would like to know about our company?',
  'The quick brown fox jumps over the lazy dog.',
  'I am sorry, but I did not quite understand the last question.',
  'Thousands of people visit the old harbour every summer.',
  'Our oldest daughter has always wanted to become a doctor.',
]

/** Lists 1 to 4 of the Harvard sentences (IEEE Recommended Practice for Speech Quality Measurements, 1969). */
export const HARVARD = [
  'The birch canoe slid on the smooth planks.',
  'Glue the sheet to the dark blue background.',
  "It's easy to tell the depth of a well.",
  'These days a chicken leg is a rare dish.',
  'Rice is often served in round bowls.',
  'The juice of lemons makes fine punch.',
  'The box was thrown beside the parked truck.',
  'The hogs were fed chopped corn and garbage.',
  'Four hours of steady work faced us.',
  'A large size in stockings is hard to sell.',
  'The boy was there when the sun rose.',
  'A rod is used to catch pink salmon.',
  'The source of the huge river is the clear spring.',
  'Kick the ball straight and follow through.',
  'Help the woman get back to her feet.',
  'A pot of tea helps to pass the evening.',
  'Smoky fires lack flame and heat.',
  "The soft cushion broke the man's fall.",
  'The salt breeze came across from the sea.',
  'The girl at the booth sold fifty bonds.',
  'The small pup gnawed a hole in the sock.',
  'The fish twisted and turned on the bent hook.',
  'Press the pants and sew a button on the vest.',
  'The swan dive was far short of perfect.',
  'The beauty of the view stunned the young boy.',
  'Two blue fish swam in the tank.',
  'Her purse was full of useless trash.',
  'The colt reared and threw the tall rider.',
  'It snowed, rained, and hailed the same morning.',
  'Read verse out loud for pleasure.',
  'Hoist the load to your left shoulder.',
  'Take the winding path to reach the lake.',
  'Note closely the size of the gas tank.',
  'Wipe the grease off his dirty face.',
  'Mend the coat before you go out.',
  'The wrist was badly strained and hung limp.',
  'The stray cat gave birth to kittens.',
  'The young girl gave no clear response.',
  'The meal was cooked before the bell rang.',
  'What joy there is in living.',
]

export interface VoiceFigures {
  voice: string
  /** Whether the network learned from this voice. */
  in_training: boolean
  /** From sound, against the mouth that known phones make. */
  jaw_correlation: number
  closure_f1_sound: number
  /** From phone times, against the phones themselves. */
  closure_f1_phones: number
}

/** Every voice says all sentences. */
export async function benchLipsync({ modelPath = SHIPPED, sentences = [...SENTENCES, ...HARVARD] } = {}): Promise<VoiceFigures[]> {
  const lipSync = await createLipSync({ modelPath })
  const speech = await createFliteVoice()
  try {
    const figures: VoiceFigures[] = []
    for (const [voice, inTraining] of [
      ['flite_awb', false],
      ['flite_slt', true],
      ['flite_rms', true],
    ] as const) {
      figures.push({ voice, in_training: inTraining, ...(await measure(speech, lipSync, { voice, sentences })) })
    }
    return figures
  } finally {
    await Promise.all([lipSync.close(), speech.close()])
  }
}

async function measure(
  speech: SpeechProvider,
  lipSync: LipSync,
  { voice, sentences }: { voice: string; sentences: readonly string[] },
): Promise<Omit<VoiceFigures, 'voice' | 'in_training'>> {
  const jaws: { heard: number[]; known: number[] } = { heard: [], known: [] }
  const sound = new Matches()
  const phoneTimes = new Matches()
  for (const text of sentences) {
    const { pcm, phones } = await say(speech, text, voice)
    const known = mouthFromPhones(phones, pcm.length / SAMPLE_RATE)
    const heard = await hear(lipSync, pcm)
    jaws.known.push(...jawOf(known))
    jaws.heard.push(...jawOf(heard))
    sound.add(shutTimes(heard), shutTimes(known))
    phoneTimes.add(shutTimes(known), spansOf(phones))
  }
  return { jaw_correlation: correlation(jaws.heard, jaws.known), closure_f1_sound: sound.f1, closure_f1_phones: phoneTimes.f1 }
}

async function say(speech: SpeechProvider, text: string, voiceId: string): Promise<{ pcm: Int16Array; phones: Phone[] }> {
  for await (const { pcm, phones } of speech.speak({ text, voiceId, settings: {} }, AbortSignal.timeout(20_000))) {
    return { pcm, phones: phones ?? [] }
  }
  throw new Error(`${voiceId} said nothing`)
}

async function hear(lipSync: LipSync, pcm: Int16Array): Promise<Float32Array> {
  const stream = lipSync.open()
  const rows = [...(await stream.push(pcm)), ...(await stream.flush())]
  return Float32Array.from(rows)
}

/** A time in which the lips are shut, s. */
interface Span {
  from: number
  to: number
}

function shutTimes(mouth: Float32Array): Span[] {
  const spans: Span[] = []
  for (let row = 0; row < mouth.length / WIDTH; row++) {
    if ((mouth[row * WIDTH + PP] ?? 0) <= SHUT) continue
    const last = spans.at(-1)
    const from = row / MOUTH_FPS
    if (last !== undefined && from <= last.to + 1e-9) last.to = from + 1 / MOUTH_FPS
    else spans.push({ from, to: from + 1 / MOUTH_FPS })
  }
  return spans
}

/** P, B and M; neighbours are one closure. */
function spansOf(phones: readonly Phone[]): Span[] {
  const spans: Span[] = []
  for (const { name, startS, endS } of phones) {
    if (!['p', 'b', 'm'].includes(name)) continue
    const last = spans.at(-1)
    if (last !== undefined && startS <= last.to + 1e-9) last.to = endS
    else spans.push({ from: startS, to: endS })
  }
  return spans
}

/** Counts closures that are in both of two lists; one may meet one other only, so that a mouth that stays shut gains nothing. */
class Matches {
  #right = 0
  #found = 0
  #wanted = 0

  add(found: readonly Span[], wanted: readonly Span[]): void {
    const left = [...wanted]
    for (const span of found) {
      const i = left.findIndex(({ from, to }) => from <= span.to + TOLERANCE_S && to >= span.from - TOLERANCE_S)
      if (i < 0) continue
      left.splice(i, 1)
      this.#right++
    }
    this.#found += found.length
    this.#wanted += wanted.length
  }

  get f1(): number {
    return (2 * this.#right) / Math.max(1, this.#found + this.#wanted)
  }
}
