/**
 * An avatar pack: a folder with `manifest.json` (this schema), looped clips, placements, masks, a model, licence and provenance.
 * One renderer serves every pack. All frames are square, sRGB, 25 a second.
 */
import * as z from 'zod'
import { FACE_PARAMS } from './face.ts'

const File = z
  .string()
  .regex(/^[A-Za-z0-9_.\-/]+$/)
  .refine((path) => !path.split('/').includes('..') && !path.startsWith('/'), 'must be a path inside the pack')

/**
 * A looped clip. `file` is an ordinary video (H.264, `size` x `size`, 25 fps, no sound); its last frame leads back to its first.
 * `tracks`: little-endian float32, `frames` rows of FACE_PARAMS.length values: the face that each frame shows (its blink, say).
 */
export const Clip = z.object({ file: File, frames: z.int().min(1).max(3000), tracks: File })

/**
 * Under what terms a published model's weights came, and the word of whoever runs them that these terms fit their use. A pack
 * without that word is not served. It holds for one file only: `sha256` is that of the model.
 */
export const WeightsLicence = z.object({
  name: z.string().min(1).meta({ description: 'The licence, as its owner words it.' }),
  source: z.string().optional().meta({ description: 'Where the weights are from.' }),
  accepted: z
    .object({ by: z.string().min(1), at: z.iso.datetime(), sha256: z.string().regex(/^[0-9a-f]{64}$/) })
    .optional()
    .meta({ description: 'Who accepted the licence for their use, when, and for which file.' }),
})
export type WeightsLicence = z.infer<typeof WeightsLicence>

/**
 * A part of the face that a model draws anew.
 *
 * `mask`: 8-bit grey PNG of the patch's size; the share of the patch in the result, 0 at its border.
 * `placements[clip]`: little-endian float32; per frame of that clip one row of 4 + 2 * grid * grid values:
 * x, y, width, height of the box that the patch may touch, in clip pixels (integers), then for grid x grid nodes spread evenly
 * over that box (corners included, row by row) the x and y of the patch pixel seen there, in patch pixels, pixel centres at +0.5.
 * Between nodes the renderer interpolates bilinearly.
 */
export const Layer = z.object({
  name: z.enum(['face', 'mouth', 'eyes']),
  patch: z.object({ width: z.int().min(16).max(512), height: z.int().min(16).max(512) }),
  mask: File,
  grid: z.int().min(2).max(16),
  placements: z.record(z.string(), File),
  model: z.discriminatedUnion('kind', [
    /**
     * Our decoder. Input `params` float32 [B, inputs.length], FACE_PARAMS values in the order of `inputs`;
     * output `patch` float32 [B, 3, height, width], RGB 0..1.
     */
    z.object({
      kind: z.literal('decoder'),
      file: File,
      half: File.optional().meta({ description: 'The same in half precision, inputs and output as before; for accelerators.' }),
      inputs: z.array(z.enum(FACE_PARAMS)).min(1),
      viseme_gain: z.number().min(0.5).max(1.5),
    }),
    /**
     * A network of Wav2Lip's kind, driven by sound. Inputs: mel [B, 1, 80, 16] and frames [B, 6, S, S] (the face with its lower
     * half black, then the face as it is; BGR 0..1); output: [B, 3, S, S], BGR. Names, layouts and number types are read from
     * the file, the output's range is found out by a run. S is the patch's width and height. `placements` say where in each
     * frame the face box is: the grid's corners carry the patch to it and back.
     */
    z.object({ kind: z.literal('wav2lip'), file: File, licence: WeightsLicence }),
  ]),
})
export type Layer = z.infer<typeof Layer>

/**
 * How head and body of the still person move, so that she can nod and glide from one clip into another; packs without it show
 * the clips' own motion only.
 *
 * `fields`: little-endian float32 [4, grid, grid, 2]: where a point of the still picture goes, in clip pixels (x, y), for one degree
 * of yaw (+ to the frame's right), of pitch (+ down), of roll (+ top to the left), and for one full breath; nodes are spread evenly
 * over the frame, corners included. `stances[clip]`: float32 [frames, 4]: how much of each a frame shows.
 */
export const Head = z.object({ grid: z.int().min(2).max(65), fields: File, stances: z.record(z.string(), File) })

export const AvatarManifest = z.object({
  schema: z.literal(1),
  id: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  name: z.string().min(1),
  description: z.string(),
  licence: z.string().meta({ description: 'SPDX id or a few words; the text is in LICENSE of the pack.' }),
  size: z.int().min(128).max(1080).meta({ description: 'Side of the clips, pixels.' }),
  fps: z.literal(25),
  clips: z.object({ idle: Clip, listening: Clip.optional() }),
  layers: z.array(Layer).min(1).max(2),
  head: Head.optional(),
})
export type AvatarManifest = z.infer<typeof AvatarManifest>
export type ClipName = keyof AvatarManifest['clips']
