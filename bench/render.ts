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
import type { InferJob, InferResult, InferSetup } from '../origin/render/infer-worker.ts'
import { findPacks, inferModel, loadPack } from '../origin/render/pack.ts'
import { PatchSource } from '../origin/render/patch-source.ts'
import { RenderStats } from '../origin/render/stats.ts'
import { WorkerHost } from '../origin/workers/worker-host.ts'
import { benchLipsync, type VoiceFigures } from './lipsync.ts'
import { benchSessions, CARRIED_SHARE, DEADLINE_MS, SESSIONS } from './render-sessions.ts'
import { benchWav2lip, type Figures } from './wav2lip.ts'

/** Largest number of patches drawn at once, and how often. */
const BATCH = 8
const RUNS = 24

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
    WorkerHost.start<InferJob, InferResult>({
      url: new URL('../origin/render/infer-worker.ts', import.meta.url),
      name: 'infer',
      data: setup,
    })
  const first = await open()
  const hosts: [typeof first, ...(typeof first)[]] = [first]
  while (hosts.length < threads) hosts.push(await open())
  return { layers, hosts }
}

/** Model alone on one core: ms a patch in batches of 1 and 8. */
async function benchModel(packsDir: string): Promise<Figures> {
  const { layers, hosts } = await openModels(packsDir, 1)
  const figures: Figures = {}
  for (const [model, layer] of layers.entries()) {
    if (layer.kind !== 'decoder') continue
    const { name, width, height, inputs } = layer
    for (const batch of [1, BATCH]) {
      const slots = Array.from({ length: batch }, () => new Float32Array(new SharedArrayBuffer(12 * width * height)))
      const times: number[] = []
      for (let run = 0; run < RUNS; run++) {
        const { runMs } = await hosts[0].request({ kind: 'run', model, rows: rowsOf(batch * inputs.length, run), slots })
        times.push(runMs / batch)
      }
      figures[`${name}_patch_ms_batch_${batch}`] = median(times.slice(4))
    }
  }
  await hosts[0].close()
  return figures
}

/** Patches a second of the first model on all cores, as the renderer shares them out: one at a time, and eight at once. */
async function benchBatch(packsDir: string): Promise<Figures> {
  const { layers, hosts } = await openModels(packsDir, availableParallelism())
  const source = new PatchSource({ hosts, models: layers, stats: new RenderStats(), device: 'cpu' })
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
  await Promise.all(hosts.map((host) => host.close()))
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

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
}

async function runVariant(name: string): Promise<unknown> {
  if (name === 'wav2lip') return benchWav2lip()
  if (name === 'model') return benchModel(args.packs)
  if (name === 'batch') return benchBatch(args.packs)
  if (name === 'lipsync') return benchLipsync()
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
  const report = JSON.parse(await readFile(new URL('../studio/report/report.json', import.meta.url), 'utf8')) as Record<string, number>
  const carried = Math.max(0, ...SESSIONS.filter((n) => (sessions[`medium x ${n}`]?.in_time_share ?? 0) >= CARRIED_SHARE))
  const costs = [1, 2, 3, 4].map((n) => sessions[`medium x ${n}`]?.cpu_ms_per_picture ?? 0)
  const heldOut = voices.filter((voice) => !voice.in_training)
  const lowest = (key: 'jaw_correlation' | 'closure_f1_sound' | 'closure_f1_phones', of = voices): string =>
    `${Math.min(...of.map((voice) => voice[key])).toFixed(3)} (${voices.map((voice) => `${voice.voice} ${voice[key].toFixed(3)}`).join(', ')})`
  const rows: [string, string, string][] = [
    ['mouth patch of 256 x 256 on one core', '<= 12 ms', `${model.mouth_patch_ms_batch_1?.toFixed(1)} ms`],
    [
      `speaking sessions at 512 x 512, 25 a second, JPEG included, ${100 * CARRIED_SHARE} % within ${DEADLINE_MS} ms`,
      '>= 4 on 2 cores',
      `${carried} on ${availableParallelism()} (of ${SESSIONS.at(-1)} tried)`,
    ],
    ['CPU ms a drawn picture with 1, 2, 3, 4 sessions', 'flat', costs.map((ms) => ms.toFixed(1)).join(', ')],
    [
      'patches a second, 8 at once against 1 at a time',
      '>= 1.5 where cores allow',
      `${batch.batch_gain?.toFixed(2)} (one core alone: ${((model.mouth_patch_ms_batch_1 ?? 0) / (model.mouth_patch_ms_batch_8 ?? 1)).toFixed(2)})`,
    ],
    ['held-out ray-traced poses, PSNR mean and lowest', '>= 32 dB', `${report.psnr_mean}, ${report.psnr_lowest} dB (studio/report)`],
    ['the same, SSIM lowest', '>= 0.95', `${report.ssim_lowest} (studio/report)`],
    ['jaw from sound, correlation; voice kept out of training', '>= 0.80', lowest('jaw_correlation', heldOut)],
    ['lip closures from sound, F1; voice kept out of training', '>= 0.65', lowest('closure_f1_sound', heldOut)],
    ['lip closures with phone times, F1; lowest of all voices', '>= 0.95', lowest('closure_f1_phones')],
    ['Wav2Lip-96 through the whole path against bare onnxruntime', '>= 90 %', `${(100 * (wav2lip.share ?? 0)).toFixed(1)} %`],
  ]
  console.log()
  for (const [what, goal, found] of rows) console.log(`${what}: ${found}   [${goal}]`)
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  const machine = { cpu: cpus()[0]?.model ?? '', cores: availableParallelism() }
  console.log(
    JSON.stringify({
      bench: 'render',
      commit,
      device: 'cpu',
      precision: 'fp32',
      ...machine,
      carried,
      model,
      batch,
      sessions,
      voices,
      wav2lip,
    }),
  )
}

function show(figures: Figures): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${Number(value.toPrecision(3))}`)
    .join(', ')
}

if (args.variant === undefined) await runAll()
else process.stdout.write(JSON.stringify(await runVariant(args.variant)))
