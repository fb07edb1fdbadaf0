/**
 * What does a speaking face cost, how many does this machine carry, how good is it?
 *
 *     node bench/render.ts [--packs avatars] [--rounds 3] [--seconds 3]
 *
 * Prints what it measured variant by variant, then every figure beside its goal, then one JSON line. About three minutes.
 */
import '../origin/onnx/no-telemetry.ts'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { InferJob, InferResult, InferSetup } from '../origin/render/infer/infer-worker.ts'
import { PatchSource } from '../origin/render/infer/patch-source.ts'
import { findPacks, inferModel, loadPack } from '../origin/render/pack/pack.ts'
import { startRenderWorker } from '../origin/render/render-worker.ts'
import { RenderStats } from '../origin/render/stats.ts'
import { benchEventLoop } from './event-loop.ts'
import { type Figures, median, type Threshold, tell, tenths } from './figures.ts'
import { benchLipsync, type VoiceFigures } from './lipsync.ts'
import { benchSessions, CARRIED_SHARE, DEADLINE_MS, SESSIONS } from './render-sessions.ts'
import { benchWav2lip } from './wav2lip.ts'

/** Largest number of patches drawn at once, and how often. */
const BATCH = 8
const RUNS = 24
/** On two cores. */
const THRESHOLDS: readonly Threshold[] = [
  { name: 'mouth_patch_ms', unit: 'ms', atMost: 12 },
  { name: 'sessions_carried', unit: 'sessions', atLeast: 4 },
  { name: 'event_loop_delay_4_sessions_p90_ms', unit: 'ms', atMost: 10 },
  { name: 'event_loop_encoding_longest_ms', unit: 'ms', atMost: 150 },
  { name: 'event_loop_converting_p90_ms', unit: 'ms', atMost: 50 },
  { name: 'batch_gain', unit: 'times', atLeast: 1.5 },
  { name: 'psnr_mean_db', unit: 'dB', atLeast: 32 },
  { name: 'psnr_lowest_db', unit: 'dB', atLeast: 32 },
  { name: 'ssim_lowest', unit: 'of 1', atLeast: 0.95 },
  { name: 'jaw_correlation_held_out_lowest', unit: 'of 1', atLeast: 0.8 },
  { name: 'closure_f1_sound_held_out_lowest', unit: 'of 1', atLeast: 0.65 },
  { name: 'closure_f1_phones_lowest', unit: 'of 1', atLeast: 0.95 },
  { name: 'wav2lip_path_share_percent', unit: '%', atLeast: 90 },
]

const { values: args } = parseArgs({
  options: {
    packs: { type: 'string', default: 'avatars' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    variant: { type: 'string' },
  },
})

async function openModels(packsDir: string, threads: number) {
  const [folder = ''] = await findPacks(packsDir)
  const { layers } = await loadPack(folder)
  const setup: InferSetup = { models: layers.map(inferModel), device: 'cpu', intraOpThreads: 1 }
  const open = () =>
    startRenderWorker<InferJob, InferResult>({
      entry: new URL('../origin/render/infer/infer-worker.ts', import.meta.url),
      name: 'infer',
      data: setup,
    })
  const first = await open()
  const clients: [typeof first, ...(typeof first)[]] = [first]
  while (clients.length < threads) clients.push(await open())
  return { layers, clients }
}

/** Model alone on one core: ms a patch in batches of 1 and 8. */
async function benchModel(packsDir: string): Promise<Figures> {
  const { layers, clients } = await openModels(packsDir, 1)
  const figures: Figures = {}
  for (const [model, layer] of layers.entries()) {
    if (layer.kind !== 'decoder') continue
    const { name, width, height, inputs } = layer
    for (const batch of [1, BATCH]) {
      const slots = Array.from({ length: batch }, () => new Float32Array(new SharedArrayBuffer(12 * width * height)))
      const times: number[] = []
      for (let run = 0; run < RUNS; run++) {
        const { runMs } = await clients[0].run({ kind: 'run', model, rows: rowsOf(batch * inputs.length, run), slots })
        times.push(runMs / batch)
      }
      figures[`${name}_patch_ms_batch_${batch}`] = median(times.slice(4))
    }
  }
  await clients[0].close()
  return figures
}

/** Patches a second of the first model on all cores, as the renderer shares them out: one at a time, and eight at once. */
async function benchBatch(packsDir: string): Promise<Figures> {
  const { layers, clients } = await openModels(packsDir, availableParallelism())
  const source = new PatchSource({ clients, models: layers, stats: new RenderStats(), device: 'cpu' })
  const [layer] = layers
  const inputs = layer?.kind === 'decoder' ? layer.inputs.length : 0
  let drawn = 0
  const draw = async (count: number): Promise<number> => {
    const started = performance.now()
    const loans = await Promise.all(Array.from({ length: count }, () => source.patch(0, rowsOf(inputs, drawn++))))
    for (const loan of loans) loan.release()
    return performance.now() - started
  }
  await draw(BATCH)
  const alone: number[] = []
  const together: number[] = []
  for (let run = 0; run < RUNS; run++) {
    for (let i = 0; i < 4; i++) alone.push(await draw(1))
    together.push((await draw(BATCH)) / BATCH)
  }
  await Promise.all(clients.map((host) => host.close()))
  const perSecond = (ms: readonly number[]): number => 1000 / median(ms)
  return {
    batch_1_patches_per_s: perSecond(alone),
    batch_8_patches_per_s: perSecond(together),
    batch_gain: median(alone) / median(together),
  }
}

/** Inputs that no other number gives, so that nothing is drawn twice. */
function rowsOf(length: number, number: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => ((i * 7 + number * 13) % 61) / 128 + (number % 997) / 4096)
}

async function runVariant(name: string): Promise<unknown> {
  if (name === 'wav2lip') return benchWav2lip()
  if (name === 'model') return benchModel(args.packs)
  if (name === 'batch') return benchBatch(args.packs)
  if (name === 'lipsync') return benchLipsync()
  if (name === 'loop') return benchEventLoop()
  return benchSessions(args.packs, { rounds: Number(args.rounds), seconds: Number(args.seconds) })
}

/** One variant in a process of its own. */
function measure<Result>(name: string): Result {
  const self = fileURLToPath(import.meta.url)
  const given = ['--packs', args.packs, '--rounds', args.rounds, '--seconds', args.seconds, '--variant', name]
  const child = spawnSync(process.execPath, [self, ...given], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  if (child.status !== 0) throw new Error(`variant ${name} ended with code ${child.status}`)
  return JSON.parse(child.stdout) as Result
}

async function runAll(): Promise<void> {
  const model = measure<Figures>('model')
  console.log(`model on one core: ${show(model)}`)
  const batch = measure<Figures>('batch')
  console.log(`patches on ${availableParallelism()} cores: ${show(batch)}`)
  const sessions = measure<Record<string, Figures>>('sessions')
  for (const [name, figures] of Object.entries(sessions)) console.log(`${name}: ${show(figures)}`)
  const voices = measure<VoiceFigures[]>('lipsync')
  const wav2lip = measure<Figures>('wav2lip')
  console.log(`Wav2Lip-96, random weights: ${show(wav2lip)}`)
  const loop = measure<Figures>('loop')
  const report = JSON.parse(await readFile(new URL('../studio/report/report.json', import.meta.url), 'utf8')) as Record<string, number>
  const carried = Math.max(0, ...SESSIONS.filter((n) => (sessions[`medium x ${n}`]?.in_time_share ?? 0) >= CARRIED_SHARE))
  const costs = [1, 2, 3, 4].map((n) => sessions[`medium x ${n}`]?.cpu_ms_per_frame ?? 0)
  const heldOut = voices.filter((voice) => !voice.in_training)
  type Score = 'jaw_correlation' | 'closure_f1_sound' | 'closure_f1_phones'
  const lowest = (key: Score, of = voices): number => Math.min(...of.map((voice) => voice[key]))
  const figures = {
    mouth_patch_ms: tenths(model.mouth_patch_ms_batch_1 ?? Number.NaN),
    sessions_carried: carried,
    event_loop_delay_4_sessions_p90_ms: tenths(sessions['medium x 4']?.event_loop_delay_ms_p90 ?? Number.NaN),
    batch_gain: tenths(batch.batch_gain ?? Number.NaN),
    psnr_mean_db: report.psnr_mean ?? Number.NaN,
    psnr_lowest_db: report.psnr_lowest ?? Number.NaN,
    ssim_lowest: report.ssim_lowest ?? Number.NaN,
    jaw_correlation_held_out_lowest: lowest('jaw_correlation', heldOut),
    closure_f1_sound_held_out_lowest: lowest('closure_f1_sound', heldOut),
    closure_f1_phones_lowest: lowest('closure_f1_phones'),
    wav2lip_path_share_percent: tenths(100 * (wav2lip.share ?? Number.NaN)),
    ...loop,
  }
  for (const { voice, jaw_correlation, closure_f1_sound, closure_f1_phones } of voices)
    console.log(`${voice}: ${show({ jaw_correlation, closure_f1_sound, closure_f1_phones })}`)
  console.log(`CPU ms a drawn frame with 1, 2, 3, 4 sessions: ${costs.map((ms) => ms.toFixed(1)).join(', ')}`)
  console.log(
    `a session is carried where ${100 * CARRIED_SHARE} % of its frames come within ${DEADLINE_MS} ms; ${SESSIONS.at(-1)} were tried`,
  )
  console.log()
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  const machine = { cpu: cpus()[0]?.model ?? '', cores: availableParallelism() }
  const about = { commit, device: 'cpu', precision: 'fp32', ...machine, model, batch, sessions, voices, wav2lip }
  tell('render', about, figures, THRESHOLDS)
}

function show(figures: Figures): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${Number(value.toPrecision(3))}`)
    .join(', ')
}

if (args.variant === undefined) await runAll()
else process.stdout.write(JSON.stringify(await runVariant(args.variant)))
