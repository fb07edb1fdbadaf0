/** Starts the renderer: loads packs, opens clips, starts the threads, measures the machine. */
import '../onnx/no-telemetry.ts'
import { availableParallelism } from 'node:os'
import { measureCapacity, remeasure } from './calibrate.ts'
import { ClipStore } from './clips/clip-store.ts'
import type { ComposeClient, ComposeJob, ComposeResult, ComposeSetup } from './compose/compose-worker.ts'
import type { InferJob, InferResult, InferSetup } from './infer/infer-worker.ts'
import { type InferClient, PatchSource, type PatchSourceOptions } from './infer/patch-source.ts'
import { findPacks, inferModel, loadPack, PackError } from './pack/pack.ts'
import type { ServedPack } from './patches/drawings.ts'
import { startRenderWorker } from './render-worker.ts'
import { AvatarRenderer, type RendererParts } from './renderer.ts'
import { RenderStats } from './stats.ts'
import type { Renderer, RendererOptions, RenderLog } from './types.ts'

const SILENT: RenderLog = { info: () => {}, warn: () => {}, error: () => {} }
/** Pretended sessions of the trial at start: what the design asks of two cores, and a full batch for an accelerator. */
const TRIAL_SESSIONS = { cpu: 4, accelerator: 32 }

/** All cores draw: they sleep when idle, and pasting and encoding take a fifth of the time. Beyond eight, threads would cost memory. */
const MAX_THREADS = 8

/** Everything that runs in threads. */
interface Threads {
  store: ClipStore
  /** The first has all models. */
  drawers: [InferClient, ...InferClient[]]
  composers: ComposeClient[]
}

/**
 * Loads every pack under `packsDir`; resolves as soon as the first second of every idle clip can be shown.
 *
 * @throws PackError naming the file that is wrong; Error when a model or the device asked for does not work
 */
export async function createRenderer(options: RendererOptions): Promise<Renderer> {
  const { packsDir, onProgress = () => {}, log = SILENT, maxTicksBehind = 8 } = options
  const served = await loadPacks(packsDir, onProgress)
  const stats = new RenderStats()
  onProgress('models and clips', 0.2)
  const threads = await startThreads(served, options, stats)
  const { store, drawers, composers } = threads
  const close = (): Promise<void> => closeThreads(threads)
  try {
    const { device, fallback } = await drawers[0].run({ kind: 'device' })
    if (fallback !== undefined) log.warn({ device, reason: fallback }, 'no accelerator: models run on the cpu')
    const models = served.flatMap(({ layers }) => layers)
    const parts = (figures: RenderStats, source: Partial<PatchSourceOptions>): Omit<RendererParts, 'capacity' | 'maxTicksBehind'> => {
      return {
        served,
        store,
        composers,
        patches: new PatchSource({ clients: drawers, models, stats: figures, device, ...source }),
        stats: figures,
        device,
        close,
      }
    }
    const sessions = device === 'cpu' ? TRIAL_SESSIONS.cpu : TRIAL_SESSIONS.accelerator
    // no face of the trial comes again
    const tried = parts(new RenderStats(), { keeps: 0 })
    const trial = new AvatarRenderer({ ...tried, capacity: sessions, maxTicksBehind: 1_000 })
    const measure = (): Promise<number> => measureCapacity(trial, sessions, log)
    let { capacity } = options
    if (capacity === undefined) {
      onProgress('measuring this machine', 0.8)
      capacity = await measure()
    }
    const closing = new AbortController()
    const own = parts(stats, { patchMs: tried.patches.patchMs })
    const renderer = new AvatarRenderer({
      ...own,
      capacity,
      maxTicksBehind,
      close: () => {
        closing.abort()
        return close()
      },
    })
    store.fill()
    if (options.capacity === undefined) void measureWhenQuiet({ renderer, measure, store, log, signal: closing.signal })
    onProgress('ready', 1)
    return renderer
  } catch (error) {
    await close()
    throw error
  }
}

interface QuietOptions {
  renderer: AvatarRenderer
  measure: () => Promise<number>
  store: ClipStore
  log: RenderLog
  signal: AbortSignal
}

/** Raises the capacity when the clips are made and nobody speaks. */
async function measureWhenQuiet({ renderer, measure, store, log, signal }: QuietOptions): Promise<void> {
  await store.filled
  let drawnBefore = 0
  await remeasure({
    capacity: () => renderer.capacity,
    raise: (capacity) => {
      log.info({ before: renderer.capacity, capacity }, 'this machine carries more sessions than it showed at start')
      renderer.capacity = capacity
    },
    measure,
    isBusy: () => {
      const { frames = 0, cached_frames = 0, frames_under_way = 0 } = renderer.stats()
      const drawn = frames - cached_frames
      const busy = drawn !== drawnBefore || frames_under_way > 0
      drawnBefore = drawn
      return busy
    },
    signal,
  })
}

async function loadPacks(packsDir: string, onProgress: (what: string, done: number) => void): Promise<ServedPack[]> {
  const served: ServedPack[] = []
  const folders = await findPacks(packsDir)
  let index = 0
  let heads = 0
  for (const [i, folder] of folders.entries()) {
    onProgress(`avatar pack ${folder}`, (0.2 * i) / folders.length)
    const pack = await loadPack(folder)
    if (served.some((other) => other.pack.manifest.id === pack.manifest.id)) {
      throw new PackError(`avatar pack ${folder}: manifest.json has the id ${pack.manifest.id} of another pack`)
    }
    const headIndex = pack.head === undefined ? undefined : heads++
    served.push({ pack, layers: pack.layers.map((layer) => ({ ...layer, index: index++ })), headIndex })
  }
  return served
}

/** Starts all threads at once; when one cannot start, the others are ended. */
async function startThreads(served: readonly ServedPack[], options: RendererOptions, stats: RenderStats): Promise<Threads> {
  const { log = SILENT } = options
  const cores = availableParallelism()
  const onCrash = (part: string) => (error: Error) => {
    stats.crashes++
    log.error({ part, err: error }, 'a render thread died and is started again')
  }
  const layers = served.flatMap((entry) => entry.layers.map((layer) => ({ ...layer, clipSize: entry.pack.manifest.size })))
  const threads = options.intraOpThreads ?? Math.min(MAX_THREADS, cores)
  const models = layers.map(inferModel)
  const inferSetup: InferSetup = { models, device: options.device ?? 'auto', intraOpThreads: threads, yields: true }
  const decoderSetup: InferSetup = {
    ...inferSetup,
    models: models.map((model) => (model.kind === 'decoder' ? model : undefined)),
    device: 'cpu',
  }
  const composeSetup: ComposeSetup = {
    layers: layers.map(({ clipSize, grid, width, height, mask }) => ({ clipSize, grid, width, height, mask })),
    heads: served.flatMap(({ pack: { head, manifest } }) =>
      head === undefined ? [] : [{ grid: head.grid, fields: head.fields, clipSize: manifest.size }],
    ),
  }
  const store = ClipStore.open({
    packs: served.map(({ pack }) => pack),
    onProgress: everyQuarter((what, done) => log.info({ done }, what)),
    onError: (error) => log.error({ part: 'clips', err: error }, 'a clip could not be prepared'),
  })
  const drawing = (data: InferSetup, i: number): Promise<InferClient> =>
    startRenderWorker<InferJob, InferResult>({
      entry: new URL('./infer/infer-worker.ts', import.meta.url),
      name: `infer-${i}`,
      data,
      onCrash: onCrash('infer'),
    })
  const first = drawing(inferSetup, 0)
  const others = first.then(async (client) => {
    // an accelerator draws everything in one batch
    const { device } = await client.run({ kind: 'device' })
    const more = device === 'cpu' && decoderSetup.models.some((model) => model !== undefined) ? threads - 1 : 0
    return allOrNone(Array.from({ length: more }, (_, i) => drawing(decoderSetup, i + 1)))
  })
  const composers = Array.from({ length: options.composeThreads ?? Math.max(1, cores >> 1) }, (_, i) =>
    startRenderWorker<ComposeJob, ComposeResult>({
      entry: new URL('./compose/compose-worker.ts', import.meta.url),
      name: `compose-${i}`,
      data: composeSetup,
      onCrash: onCrash('compose'),
    }),
  )
  await allOrNone<Closable | Closable[]>([store, first, others, ...composers])
  return { store: await store, drawers: [await first, ...(await others)], composers: await Promise.all(composers) }
}

interface Closable {
  close(): Promise<void>
}

/** When one cannot start, the others are ended. @throws what the first one that failed threw */
async function allOrNone<Part extends Closable | Closable[]>(starting: readonly Promise<Part>[]): Promise<Part[]> {
  const outcomes = await Promise.allSettled(starting)
  const running = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  const failure = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failure === undefined) return running
  await Promise.all(running.flat().map((part) => part.close()))
  throw failure.reason
}

async function closeThreads({ store, drawers, composers }: Threads): Promise<void> {
  await Promise.all([store, ...drawers, ...composers].map((part) => part.close()))
}

/** Says each quarter of the way once. */
function everyQuarter(say: (what: string, done: number) => void): (what: string, done: number) => void {
  let said = 0
  return (what, done) => {
    const quarters = Math.floor(done * 4)
    if (quarters <= said) return
    said = quarters
    say(what, quarters / 4)
  }
}
