/** The parameters that drive a face, in the one order that every array of them has. */

/** Oculus visemes; weights are >= 0 and sum to 1 in speech. `sil` is the mouth at rest. */
export const VISEMES = ['sil', 'PP', 'FF', 'TH', 'DD', 'kk', 'CH', 'SS', 'nn', 'RR', 'aa', 'E', 'ih', 'oh', 'ou'] as const
export type Viseme = (typeof VISEMES)[number]

/**
 * What a face shows besides its visemes. `jaw`: opening added to the visemes' own, 0..1. `smile`, `brow_up`,
 * `brow_down`, `blink`: 0 (rest) to 1 (full). `gaze_x`, `gaze_y`: -1..1, + is to the frame's right and up.
 */
export const EXPRESSIONS = ['jaw', 'smile', 'brow_up', 'brow_down', 'blink', 'gaze_x', 'gaze_y'] as const
export type Expression = (typeof EXPRESSIONS)[number]

/** Layout of a face vector (`Float32Array` of this length). */
export const FACE_PARAMS = [...VISEMES, ...EXPRESSIONS] as const
export type FaceParam = (typeof FACE_PARAMS)[number]
