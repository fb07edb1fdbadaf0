/** An avatar pack's quality report for a person: what is outside the limits, and the figures. */
import type { QualityReport } from '../origin/avatar-tools/quality-report.ts'

/** Bytes of a pack that is shipped with the project. */
const MAX_PACK_BYTES = 15_000_000
/** Levels of 255: a drawn rest further from the clip than this shows when speech begins. */
const MAX_REST_LEVELS = 4
/** Levels of 255 along the rim of the mask, where a difference shows as a line. */
const MAX_RIM_LEVELS = 3
/** The same for models that draw from the clip itself, smaller than it: some softness is theirs, a step in colour is not. */
const MAX_SOUND_RIM_LEVELS = 8
/** The step over the loop's end against an ordinary step, and levels below which it is only the video's fresh key frame. */
const MAX_LOOP_RATIO = 2
const MIN_LOOP_LEVELS = 1.2
/** Levels of 255 that the widest mouth must differ from rest. */
const MIN_OPEN_MOUTH_LEVELS = 4

/** What is outside the limits, in words. */
export function complaints(report: QualityReport): string[] {
  const found: string[] = []
  for (const file of ['LICENSE', 'PROVENANCE']) {
    if (!Object.keys(report.files).some((name) => name.startsWith(file))) found.push(`the pack has no ${file} file`)
  }
  // published weights are the operator's own and are not shipped
  const ownWeights = report.layers.some(({ driven_by }) => driven_by === 'sound')
  const bytes = Object.entries(report.files).reduce((sum, [file, size]) => (ownWeights && file.endsWith('.onnx') ? sum : sum + size), 0)
  if (bytes > MAX_PACK_BYTES) found.push(`the pack has ${bytes} bytes, more than ${MAX_PACK_BYTES}`)
  if (ownWeights && !Object.keys(report.files).some((name) => name.startsWith('CONSENT'))) found.push('the pack has no CONSENT file')
  for (const { clip, step_levels, loop_step_levels } of report.clips) {
    if (loop_step_levels > Math.max(MIN_LOOP_LEVELS, MAX_LOOP_RATIO * step_levels)) {
      found.push(`${clip}: the loop jumps (${loop_step_levels} levels from the last frame to the first, ${step_levels} between others)`)
    }
  }
  for (const { layer, clip, driven_by, rest_mean_levels, rim_mean_levels } of report.layers) {
    if (driven_by === 'face' && rest_mean_levels > MAX_REST_LEVELS)
      found.push(`${layer}, ${clip}: the drawn face at rest is ${rest_mean_levels} levels off the clip`)
    if (rim_mean_levels > (driven_by === 'face' ? MAX_RIM_LEVELS : MAX_SOUND_RIM_LEVELS))
      found.push(`${layer}, ${clip}: the rim of the patch is ${rim_mean_levels} levels off the clip`)
  }
  const open = report.motion_levels.find(({ input }) => input === 'aa' || input === 'vowel')
  if (open !== undefined && open.levels < MIN_OPEN_MOUTH_LEVELS) found.push(`${open.input} moves the mouth by ${open.levels} levels only`)
  return found
}

/** Prints the figures. */
export function printReport(report: QualityReport): void {
  console.log(`${report.avatar_id}: ${(report.total_bytes / 1e6).toFixed(2)} MB`)
  for (const [file, bytes] of Object.entries(report.files)) console.log(`  ${file.padEnd(28)} ${(bytes / 1000).toFixed(1).padStart(9)} kB`)
  for (const clip of report.clips) {
    console.log(
      `clip ${clip.clip}: ${clip.frames} frames, ${clip.seconds} s; step ${clip.step_levels}, at the loop ${clip.loop_step_levels} levels`,
    )
  }
  for (const { layer, clip, ...rest } of report.layers) {
    console.log(
      `rest of ${layer} in ${clip}: mean ${rest.rest_mean_levels}, worst frame ${rest.rest_worst_frame_levels}, rim ${rest.rim_mean_levels} levels; PSNR ${rest.rest_psnr_db} dB; ${rest.clip_pixels_per_patch_pixel} clip pixels a patch pixel`,
    )
  }
  for (const { layer, input, levels } of report.motion_levels)
    console.log(`motion ${layer} ${input.padEnd(10)} ${levels.toFixed(2).padStart(6)} levels`)
  for (const model of report.models) {
    console.log(`model ${model.layer}: ${model.patch_ms_batch_1} ms a patch alone, ${model.patch_ms_batch_8} ms in a batch of 8 (one core)`)
  }
}
