/** Sound in, sound with its mouth out: from phones where the voice knows them, else by the lip-sync network. */
import { VISEMES } from '../../shared/face.ts'
import { MOUTH_FPS, SAMPLE_RATE } from '../../shared/media.ts'
import type { LipSync, LipSyncStream, MouthFrames, MouthFromPhones } from '../lipsync/types.ts'
import type { Stage } from '../pipeline/stage.ts'
import type { Segment, Speech } from './types.ts'

const SAMPLES_PER_MOUTH_FRAME = SAMPLE_RATE / MOUTH_FPS

export interface MoveMouthOptions {
  mouthFromPhones: MouthFromPhones
  lipSync: LipSync
}

/** Mouth frames that cover a piece of sound; the rows before it belong to earlier pieces. */
function rows(mouth: MouthFrames, startSample: number, samples: number): MouthFrames {
  const from = Math.floor(startSample / SAMPLES_PER_MOUTH_FRAME)
  const to = Math.ceil((startSample + samples) / SAMPLES_PER_MOUTH_FRAME)
  return mouth.subarray(from * VISEMES.length, to * VISEMES.length)
}

export const moveMouth = ({ mouthFromPhones, lipSync }: MoveMouthOptions): Stage<Speech, Segment> =>
  async function* moveMouth(speech, { signal }) {
    let stream: LipSyncStream | undefined
    let known: MouthFrames | undefined
    let startSample = 0
    // The network looks ahead, so its rows trail the sound; pieces wait here until theirs are complete.
    let waiting: { piece: Speech; startSample: number }[] = []
    let collected = new Float32Array(0)
    const collect = (more: MouthFrames): void => {
      const joined = new Float32Array(collected.length + more.length)
      joined.set(collected)
      joined.set(more, collected.length)
      collected = joined
    }
    for await (const piece of speech) {
      if (piece.first) {
        startSample = 0
        collected = new Float32Array(0)
        waiting = []
        known = piece.phones ? mouthFromPhones(piece.phones, piece.clause.durationMs / 1000) : undefined
        stream = known ? undefined : lipSync.open()
      }
      if (known) {
        yield segment(piece, startSample, rows(known, startSample, piece.pcm.length))
      } else if (stream) {
        waiting.push({ piece, startSample })
        collect(await stream.push(piece.pcm))
        signal.throwIfAborted()
        if (piece.last) collect(await stream.flush())
        const certain = (collected.length / VISEMES.length) * SAMPLES_PER_MOUTH_FRAME
        while (waiting[0] && (piece.last || waiting[0].startSample + waiting[0].piece.pcm.length <= certain)) {
          const next = waiting.shift()
          if (next) yield segment(next.piece, next.startSample, rows(collected, next.startSample, next.piece.pcm.length))
        }
      }
      startSample += piece.pcm.length
    }
  }

function segment({ clause, pcm }: Speech, startSample: number, mouth: MouthFrames): Segment {
  return { clause, offsetMs: (startSample / SAMPLE_RATE) * 1000, pcm, mouth }
}
