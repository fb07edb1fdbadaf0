/** One word at a time into a silent avatar's microphone, at many levels, and whether a turn begins. */
import { SpeechDetector } from '../../../origin/listening/speech-detector.ts'
import { TurnDetector } from '../../../origin/listening/turn-detector.ts'
import type { VadWeights } from '../../../origin/listening/vad.ts'
import { noise, seeded, toPcm } from './noise.ts'
import { embeddedSpeech, LEVEL } from './test-speech.ts'

const RATE = 16_000
const PACKET = RATE / 50
const WORDS = ['Yes.', 'No.', 'Two.', 'Okay.', 'Stop.', 'Five.', 'Sure.', 'Yeah.', 'You.', 'Bye.', 'Three.', 'Left.']
/** dB of full scale: RMS of the word, and of the room. */
const LEVELS_DB = [-20, -30, -40]
const ROOMS_DB = [-80, -62]

export interface ShortAnswer {
  voice: string
  word: string
  levelDb: number
  roomDb: number
  /** A second before the word, and one after it. */
  pcm: Int16Array
}

export async function shortAnswers(voices: readonly string[]): Promise<ShortAnswer[]> {
  const said = await embeddedSpeech(voices, WORDS)
  return said.flatMap(({ voice, sound }, i) =>
    LEVELS_DB.flatMap((levelDb) =>
      ROOMS_DB.map((roomDb, seed) => {
        const room = noise('pink', sound.length + 2 * RATE, seeded(100 * i + seed))
        const gain = 10 ** (levelDb / 20) / LEVEL
        const pcm = toPcm(room.map((value, at) => value * 10 ** (roomDb / 20) + (sound[at - RATE] ?? 0) * gain))
        return { voice, word: WORDS[i % WORDS.length] ?? '', levelDb, roomDb, pcm }
      }),
    ),
  )
}

/** How many turns begin where the avatar is silent. */
export function turnsHeard(weights: VadWeights, pcm: Int16Array, needMs = 80): number {
  const echoReference = { recent: () => new Int16Array(24_000), untilMs: 0 }
  const detector = new SpeechDetector({ weights, echoReference, now: () => 0, onLevel: () => undefined })
  const turnDetector = new TurnDetector({ threshold: 0.5, silenceMs: 500, maxMs: 60_000 })
  let turns = 0
  for (let at = 0; at < pcm.length; at += PACKET) {
    detector.push(pcm.subarray(at, at + PACKET), ({ probability }, untilMs) => {
      if (turnDetector.push(probability, untilMs, needMs)?.type === 'started') turns += 1
    })
  }
  detector.close()
  return turns
}
