/**
 * Makes an avatar pack of a person's video or photo.
 *
 *     npm run avatar:create -- --video me.mp4 --model wav2lip.onnx --box x,y,w,h --licence-accepted
 *
 * Every option is in docs/guides/your-own-avatar.md. Exit code 0: the pack is written and within the limits; 1: it is not, with
 * one line that says why.
 */
import { writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import type { LoopKind } from '../origin/avatar-tools/loop.ts'
import { makePack } from '../origin/avatar-tools/make-pack.ts'
import { measurePack } from '../origin/avatar-tools/quality-report.ts'
import { SourceError } from '../origin/avatar-tools/source.ts'
import { loadPack, PackError } from '../origin/render/pack/pack.ts'
import { complaints, printReport } from './avatar-report.ts'

const USAGE =
  'usage: npm run avatar:create -- --video FILE | --photo FILE  --model wav2lip.onnx  --box x,y,w,h  --licence-accepted\n' +
  '       [--consent "NAME"] [--id my_avatar] [--name "NAME"] [--crop x,y,side] [--start S] [--seconds S] [--loop auto|cross-fade|ping-pong]\n' +
  '       [--no-track] [--licence "TEXT"] [--licence-source URL] [--packs avatars] [--replace]'
/** What the owners of the published weights allow. */
const WAV2LIP_LICENCE = {
  name: 'Wav2Lip weights: personal, research and non-commercial use only (trained on LRS2)',
  source: 'https://github.com/Rudrabha/Wav2Lip',
}
const LOOPS: readonly string[] = ['auto', 'cross-fade', 'ping-pong']
/** Seconds of one clip at most: what a session's frames may take in memory. */
const MAX_SECONDS = 12

/** @throws SourceError unless the text is `count` whole numbers */
function numbers(option: string, text: string, names: string): number[] {
  const values = text.split(',').map(Number)
  if (values.length === names.split(',').length && values.every((value) => Number.isInteger(value) && value >= 0)) return values
  throw new SourceError(`--${option} ${text}: give ${names} in whole pixels`)
}

function seconds(option: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (Number.isFinite(value) && value >= least && value <= most) return value
  throw new SourceError(`--${option} ${text}: give seconds from ${least} to ${most}`)
}

/** The name of who is shown, who agreed. @throws SourceError when nobody answers */
async function askConsent(): Promise<string> {
  const ask = createInterface({ input: process.stdin, output: process.stderr })
  const question = 'Who is shown? Type their full name to confirm that they agreed to be made into a talking avatar: '
  const ended = new Promise<string>((resolve) => ask.once('close', () => resolve('')))
  const name = (await Promise.race([ask.question(question), ended])).trim()
  ask.close()
  if (name === '') throw new SourceError('nothing is made without consent: answer the question, or give --consent "FULL NAME"')
  return name
}

/** One line a step: overwritten on a terminal, each quarter elsewhere. */
function progress(): (what: string, done: number) => void {
  let shown = ''
  return (what, done) => {
    const percent = Math.round(100 * done)
    if (process.stderr.isTTY) {
      const bar = '█'.repeat(Math.round(percent / 5)).padEnd(20, '·')
      process.stderr.write(`\r${bar} ${String(percent).padStart(3)} % ${what}\u001b[K${done >= 1 ? '\n' : ''}`)
      return
    }
    const line = `${what}: ${Math.floor(percent / 25) * 25} %`
    if (line !== shown) console.error(line)
    shown = line
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    allowNegative: true,
    options: {
      video: { type: 'string' },
      photo: { type: 'string' },
      model: { type: 'string' },
      box: { type: 'string' },
      crop: { type: 'string' },
      start: { type: 'string', default: '0' },
      seconds: { type: 'string', default: '10' },
      loop: { type: 'string', default: 'auto' },
      track: { type: 'boolean', default: true },
      id: { type: 'string', default: 'my_avatar' },
      name: { type: 'string' },
      consent: { type: 'string' },
      'licence-accepted': { type: 'boolean', default: false },
      licence: { type: 'string' },
      'licence-source': { type: 'string' },
      packs: { type: 'string', default: 'avatars' },
      replace: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const file = values.video ?? values.photo
  if (values.help || file === undefined || values.model === undefined || values.box === undefined) {
    console.error(USAGE)
    return values.help ? 0 : 1
  }
  const source = values['licence-source'] ?? (values.licence === undefined ? WAV2LIP_LICENCE.source : undefined)
  const licence = { name: values.licence ?? WAV2LIP_LICENCE.name, ...(source === undefined ? {} : { source }), by: userInfo().username }
  if (!values['licence-accepted']) {
    throw new SourceError(
      `${basename(values.model)} comes under "${licence.name}"; add --licence-accepted if that fits your use, or name its own with --licence`,
    )
  }
  if (!LOOPS.includes(values.loop)) throw new SourceError(`--loop ${values.loop}: give one of ${LOOPS.join(', ')}`)
  const [x = 0, y = 0, width = 0, height = 0] = numbers('box', values.box, 'x,y,w,h')
  const crop = values.crop === undefined ? undefined : numbers('crop', values.crop, 'x,y,side')
  const [startS, maxS] = [seconds('start', values.start, 0, 36_000), seconds('seconds', values.seconds, 2, MAX_SECONDS)]
  const person = values.consent?.trim() || (await askConsent())
  const show = progress()
  const made = await makePack({
    file,
    box: { x, y, width, height },
    ...(crop === undefined ? {} : { crop: { x: crop[0] ?? 0, y: crop[1] ?? 0, side: crop[2] ?? 0 } }),
    startS,
    maxS,
    model: values.model,
    packsDir: values.packs,
    id: values.id,
    name: values.name ?? person,
    licence,
    person,
    loop: values.loop as LoopKind | 'auto',
    track: values.track,
    replace: values.replace,
    onProgress: show,
    onWarning: (message) => console.error(`WARNING ${message}`),
  })
  console.error(
    `${made.folder}: ${made.frames} frames of ${made.size} x ${made.size} (${made.loop}), the model draws ${made.modelSize} x ${made.modelSize}`,
  )
  const report = await measurePack(await loadPack(made.folder), (what) => console.error(what)).catch((cause: Error) => {
    throw new SourceError(`${made.folder} was written, but cannot be measured: ${cause.message.split('\n')[0]}`, { cause })
  })
  const problems = complaints(report)
  await writeFile(join(made.folder, 'REPORT.json'), `${JSON.stringify({ ...report, problems }, undefined, 2)}\n`)
  printReport(report)
  for (const problem of problems) console.log(`PROBLEM ${problem}`)
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  console.log(
    problems.length === 0
      ? `Start the origin, and ask for avatar_id "${values.id}".`
      : `Not within the limits: ${count} above. ${made.folder} was written all the same; make it anew with --replace, or delete it.`,
  )
  return problems.length === 0 ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  // a mistake, a model that does not run and a disk that is full are one line; anything else is a bug and keeps its trace
  const expected = error instanceof SourceError || error instanceof PackError || (error instanceof Error && 'code' in error)
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
  console.error(expected ? error.message.split('\n')[0] : error)
  process.exitCode = 1
}
