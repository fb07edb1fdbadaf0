/**
 * Installs a fresh clone of HEAD with each package manager on each Node, looks whom that contacts, starts the system and has it speak.
 * `npm run test:install -- [--manager npm@10.8.2 …] [--node 20 …] [--small] [--work FOLDER] [--list]`: without options, every row;
 * `--small` is the tree without development packages. With `--work`, what was fetched is kept there, and so are the rows: another
 * run adds to them. Ends with 1 if a row fails. Needs strace.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { parseArgs, stripVTControlCharacters } from 'node:util'
import { type Contact, contactsOf } from '../connections/contacts.ts'
import { recordConnections, whyNotTraced } from '../connections/recorder.ts'
import { startAndSpeak } from './speak.ts'
import { cleanEnv, fetchTool, homeFor, registryEnv, registryUrl, runsOn, type Tool } from './tools.ts'

/** What Debian and Node 20, 22 and 24 bring, and the newest. */
const MANAGERS = [
  ...['npm@9.2.0', 'npm@10.8.2', 'npm@11.6.2', 'npm@11.19.1', 'npm@latest'],
  ...['pnpm@9', 'pnpm@10', 'pnpm@11', 'pnpm@latest', 'yarn@1', 'yarn@4', 'bun@latest'],
]
const NODES = ['20', '22', '24']
const MB = 1e6

/** What a user types, one after the other. */
function installCommands(manager: Tool, small: boolean): string[][] {
  if (small)
    return [
      ['npm', 'ci', '--omit=dev'],
      ['npm', 'run', 'slim'],
    ]
  return [[manager.name, manager.name === 'npm' ? 'ci' : 'install']]
}

const WARNING = /\bwarn(ing|ings)?\b|unsupported engine|EBADENGINE|deprecated|incompatible|ignored build scripts/i
/** Said whatever a project does that has another manager's lock file and runs no scripts: true, and of no harm. */
const KNOWN_WARNINGS = [
  /^warning package-lock\.json found/,
  /^warning Ignored scripts due to flag/,
  // about the SDK, which is to be published
  /^warning Workspaces can only be enabled in private projects/,
]

interface Row {
  manager: string
  node: string
  command: string
  exit: number
  seconds: number
  contacted: string[]
  /** Of them, those that an install has no business with. */
  strangers: string[]
  warnings: string[]
  /** Sounds of the sentence, or why there are none. */
  spoke: number | string
  readySeconds: number
  /** Told, not judged: a running system may ask a STUN server, a language model, an edge. */
  contactedAtStart: string[]
  megabytes: number
}

const { values: options } = parseArgs({
  options: {
    manager: { type: 'string', multiple: true },
    node: { type: 'string', multiple: true },
    work: { type: 'string' },
    list: { type: 'boolean' },
    small: { type: 'boolean' },
  },
})
const workDir = options.work ? resolve(options.work) : mkdtempSync(join(tmpdir(), 'avatar-install-'))
const rowsFile = join(workDir, 'rows.jsonl')
const registry = registryUrl()
const registryHost = new URL(registry).hostname
const RECORDER = resolve('scripts/record-connections.ts')

/** Whom a row contacted, each once: the registry and this machine by these words, anybody else by the address or the name. */
function namesOf(contacts: readonly Contact[]): string[] {
  const names = { here: () => 'this machine', allowed: () => 'the registry', outside: ({ target }: Contact) => target }
  return [...new Set(contacts.map((contact) => names[contact.reach](contact)))].toSorted()
}

function warningsIn(log: string): string[] {
  const lines = stripVTControlCharacters(log)
    .split('\n')
    .map((line) => line.trim())
  return [...new Set(lines.filter((line) => WARNING.test(line) && !KNOWN_WARNINGS.some((known) => known.test(line))))]
}

async function measure(manager: Tool, node: Tool, small: boolean): Promise<Row> {
  const name = `${manager.name}-${manager.version}-node-${node.version}${small ? '-small' : ''}`
  const tree = join(workDir, 'tree')
  const file = (ending: string): string => join(workDir, 'logs', `${name}${ending}`)
  rmSync(tree, { recursive: true, force: true })
  for (const ending of ['.log', '-start.log', '-start.json']) rmSync(file(ending), { force: true })
  mkdirSync(join(workDir, 'logs'), { recursive: true })
  execFileSync('git', ['clone', '--quiet', '.', tree])
  const path = [manager.bin, node.bin, '/usr/bin', '/bin'].join(':')
  const env = { ...cleanEnv(), ...registryEnv(registry), HOME: homeFor(workDir, manager), PATH: path }
  const commands = installCommands(manager, small)
  const row: Row = {
    manager: `${manager.name} ${manager.version}`,
    node: node.version,
    command: commands.map((command) => command.join(' ')).join(' && '),
    ...{
      exit: 0,
      seconds: 0,
      contacted: [],
      strangers: [],
      warnings: [],
      spoke: 'not installed',
      readySeconds: 0,
      contactedAtStart: [],
      megabytes: 0,
    },
  }
  const startedMs = performance.now()
  const log = openSync(file('.log'), 'a')
  for (const command of commands) {
    if (row.exit !== 0) break
    const { code, calls } = await recordConnections(command, { cwd: tree, env, stdio: ['ignore', log, log] })
    row.exit = code
    const contacts = await contactsOf(calls, [registryHost])
    row.contacted = [...new Set([...row.contacted, ...namesOf(contacts)])]
    row.strangers.push(...contacts.flatMap(({ reach, target }) => (reach === 'outside' ? [target] : [])))
  }
  row.seconds = Math.round((performance.now() - startedMs) / 1000)
  row.warnings = warningsIn(readFileSync(file('.log'), 'utf8'))
  if (row.exit !== 0) return row
  row.megabytes = Math.round(
    (Number(execFileSync('du', ['-sk', 'node_modules'], { cwd: tree, encoding: 'utf8' }).split('\t')[0]) * 1024) / MB,
  )
  try {
    const start = manager.name === 'bun' ? ['bun', 'run', 'start'] : [manager.name, 'start']
    const recorder = [process.execPath, RECORDER, '--allow', registryHost, '--json', file('-start.json'), '--']
    const { readySeconds, sounds } = await startAndSpeak([...recorder, ...start], tree, env, file('-start.log'))
    row.readySeconds = Math.round(readySeconds)
    row.spoke = sounds
  } catch (error) {
    row.spoke = error instanceof Error ? error.message : String(error)
  }
  if (existsSync(file('-start.json'))) row.contactedAtStart = namesOf(JSON.parse(readFileSync(file('-start.json'), 'utf8')) as Contact[])
  rmSync(tree, { recursive: true, force: true })
  return row
}

function failuresOf(row: Row): string[] {
  return [
    ...(row.exit === 0 ? [] : [`exit ${row.exit}`]),
    ...(row.strangers.length > 0 ? [`contacted ${row.strangers.join(', ')}`] : []),
    ...row.warnings,
    ...(typeof row.spoke === 'number' ? [] : [row.spoke]),
    // the parts of a running system talk to each other: a trace without that has seen nothing
    ...(row.exit !== 0 || row.contactedAtStart.includes('this machine') ? [] : ['no trace']),
  ]
}

function table(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    ...[row.manager, row.node, `\`${row.command}\``, String(row.exit), String(row.seconds), String(row.megabytes)],
    row.contacted.join(', '),
    row.warnings.length === 0 ? 'none' : String(row.warnings.length),
    typeof row.spoke === 'number' ? `ready in ${row.readySeconds} s, spoke` : 'no',
    row.contactedAtStart.join(', '),
  ])
  const head = ['manager', 'Node', 'command', 'exit', 's', 'MB', 'contacted', 'warnings', 'start', 'contacted then']
  return [head, head.map(() => '---'), ...cells].map((line) => `| ${line.join(' | ')} |`).join('\n')
}

/** A row that was measured again stands once. */
function rowsSoFar(): Row[] {
  const lines = existsSync(rowsFile) ? readFileSync(rowsFile, 'utf8').trim().split('\n') : []
  const rows = lines.map((line) => JSON.parse(line) as Row)
  const last = new Map(rows.map((row) => [`${row.manager} ${row.node} ${row.command}`, row]))
  return [...last.entries()].toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true })).map(([, row]) => row)
}

async function main(): Promise<void> {
  const specs = options.small ? ['npm@10.8.2'] : (options.manager ?? MANAGERS)
  const nodeRanges = options.node ?? NODES
  if (options.list) {
    for (const spec of specs) for (const range of nodeRanges) console.log(`--manager ${spec} --node ${range}`)
    return
  }
  const why = whyNotTraced()
  if (why !== undefined) throw new Error(why)
  let failed = 0
  for (const spec of specs) {
    for (const range of nodeRanges) {
      const [manager, node] = [fetchTool(workDir, spec), fetchTool(workDir, `node@${range}`)]
      if (!runsOn(manager, node)) {
        // some do all the same; the others say so, and no project can change it
        const env = { ...cleanEnv(), PATH: `${manager.bin}:${node.bin}:/usr/bin:/bin` }
        if (spawnSync(manager.name, ['--version'], { env }).status !== 0) {
          console.log(`${manager.name} ${manager.version} does not run on Node ${node.version}: no row`)
          continue
        }
      }
      const row = await measure(manager, node, options.small ?? false)
      appendFileSync(rowsFile, `${JSON.stringify(row)}\n`)
      const failures = failuresOf(row)
      if (failures.length > 0) failed += 1
      console.log(`${row.manager}, Node ${row.node}: ${failures.length === 0 ? `good, ${row.seconds} s` : failures.join('; ')}`)
    }
  }
  console.log(`\n${table(rowsSoFar())}`)
  if (failed > 0) console.error(`\n${failed === 1 ? '1 row is' : `${failed} rows are`} not good: see above`)
  if (!options.work) rmSync(workDir, { recursive: true, force: true })
  process.exitCode = failed === 0 ? 0 : 1
}

await main()
