/** The emotion and cues of tasks, applied to the face while they sound. */
import type { Cue, Emotion } from '../../shared/api.ts'
import type { Animator } from '../face/animator.ts'
import type { TickSound } from '../turn/playout.ts'
import type { Turn } from '../turn/turn.ts'
import { CueSheet } from './cue-sheet.ts'

export class FaceScripts {
  readonly #animator: Pick<Animator, 'emotion' | 'act'>
  readonly #scripts = new WeakMap<Turn, { emotion: Emotion; cues: CueSheet }>()

  constructor(animator: Pick<Animator, 'emotion' | 'act'>) {
    this.#animator = animator
  }

  add(turn: Turn, { emotion, cues }: { emotion: Emotion; cues: readonly Cue[] }): void {
    this.#scripts.set(turn, { emotion, cues: new CueSheet(cues) })
  }

  /** The next tick of a task is prepared. */
  apply(turn: Turn, { segments, untilMs }: Pick<TickSound, 'segments' | 'untilMs'>): void {
    const script = this.#scripts.get(turn)
    if (!script) return
    for (const { segment, ptsMs } of segments) {
      if (ptsMs === 0) this.#animator.emotion = script.emotion
      script.cues.begin(segment, ptsMs)
    }
    for (const cue of script.cues.due(untilMs)) this.#animator.act(cue)
  }

  /** A task has ended. */
  end(): void {
    this.#animator.emotion = 'neutral'
  }
}
