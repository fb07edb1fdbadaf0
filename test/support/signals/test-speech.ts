/** Clean speech of voices that the detector was not trained with, and where in it somebody speaks. 16 kHz, RMS of 0.08 while speaking. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { resample } from '../../../origin/codec/resample.ts'
import { parseWav } from '../../../origin/codec/wav.ts'
import { concatPcm } from '../../../origin/dsp/pcm.ts'
import { createFliteVoice } from '../../../origin/providers/tts/flite/index.ts'

const RATE = 16_000
/** RMS of the loud parts of every utterance. */
export const LEVEL = 0.08
const ROW = 320
/** A row is speech when it is no further below the loud parts than this, and pauses shorter than 160 ms are. */
const QUIET_DB = 38
const PAUSE_ROWS = 8

export const ENGLISH = [
  'What will the weather be like tomorrow morning?',
  'Please tell me something about yourself.',
  'I would like to book a table for four people.',
  'Wait a moment, that is not what I meant.',
]
const FOREIGN = ['Dobro melata si porena, vasi tulema karo.', 'Una parola e molto bella sera.', 'Talo mies kala ranta, sino mira.']

interface CliVoice {
  engine: 'espeak-ng' | 'festival'
  name: string
  texts: readonly string[]
}
/** Of Debian's synthesisers, where they are installed. */
const CLI_VOICES: readonly CliVoice[] = [
  { engine: 'espeak-ng', name: 'en-us+Alicia', texts: ENGLISH },
  { engine: 'espeak-ng', name: 'en-gb+Andy', texts: ENGLISH },
  { engine: 'espeak-ng', name: 'fr+belinda', texts: FOREIGN },
  { engine: 'espeak-ng', name: 'es+f5', texts: FOREIGN },
  { engine: 'festival', name: 'czech_machac', texts: FOREIGN },
  { engine: 'festival', name: 'pc_diphone', texts: FOREIGN },
  { engine: 'festival', name: 'suo_fi_lj_diphone', texts: FOREIGN },
]

export interface TestSpeech {
  voice: string
  sound: Float32Array
  /** For each row of 20 ms whether somebody speaks. */
  said: boolean[]
}

/** Of the embedded voices that were kept out of training. */
export async function embeddedSpeech(voices: readonly string[], texts: readonly string[]): Promise<TestSpeech[]> {
  const flite = await createFliteVoice()
  const made: TestSpeech[] = []
  for (const voiceId of voices) {
    for (const text of texts) {
      const pieces: Int16Array[] = []
      for await (const { pcm } of flite.speak({ text, voiceId, settings: {} }, new AbortController().signal)) pieces.push(pcm)
      made.push(describe(voiceId, resample(concatPcm(pieces), 24_000, RATE)))
    }
  }
  await flite.close()
  return made
}

/** Of voices of the system; none where no synthesiser is installed. */
export function systemSpeech(): TestSpeech[] {
  const folder = mkdtempSync(join(tmpdir(), 'speech-'))
  const file = join(folder, 'said.wav')
  const script = join(folder, 'say.scm')
  try {
    return CLI_VOICES.flatMap(({ engine, name, texts }) => {
      if (spawnSync(engine, ['--version']).error) return []
      return texts.flatMap((text) => {
        if (engine === 'festival') {
          writeFileSync(script, `(voice_${name})(utt.save.wave (utt.synth (Utterance Text "${text}")) "${file}" 'riff)`)
          execFileSync('festival', ['--batch', script], { stdio: 'ignore' })
        } else {
          execFileSync('espeak-ng', ['-v', name, '-w', file, text], { stdio: 'ignore' })
        }
        const wav = parseWav(readFileSync(file))
        return [describe(`${engine} ${name}`, resample(wav.readS16(0, wav.frames), wav.sampleRate, RATE))]
      })
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function describe(voice: string, pcm: Int16Array): TestSpeech {
  const sound = Float32Array.from(pcm, (sample) => sample / 32_768)
  const most = sound.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
  const loud = sound.filter((value) => Math.abs(value) > 0.02 * most)
  const gain = LEVEL / Math.sqrt(loud.reduce((sum, value) => sum + value * value, 0) / loud.length)
  const levelled = sound.map((value) => value * gain)
  return { voice, sound: levelled, said: whereSaid(levelled) }
}

function whereSaid(sound: Float32Array): boolean[] {
  const rows = Math.floor(sound.length / ROW)
  const levels = Array.from({ length: rows }, (_, row) => {
    const energy = sound.subarray(row * ROW, (row + 1) * ROW).reduce((sum, value) => sum + value * value, 0)
    return 10 * Math.log10(energy / ROW + 1e-12)
  })
  const top = levels.toSorted((a, b) => a - b)[Math.floor(0.95 * rows)] ?? 0
  const said = levels.map((level) => level > Math.max(top - QUIET_DB, -70))
  for (let from = said.indexOf(true), row = from; row < rows; row++) {
    if (!said[row]) continue
    if (row - from <= PAUSE_ROWS) said.fill(true, from, row)
    from = row
  }
  return said
}
