/** Folds the fragments of `changes/` into `CHANGELOG.md`: `npm run changelog -- 1.1.0`. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import process from 'node:process'

const FOLDER = 'changes'
const FILE = 'CHANGELOG.md'
const KINDS = ['added', 'changed', 'fixed', 'removed'] as const

type Kind = (typeof KINDS)[number]
export interface Fragment {
  name: string
  text: string
}

/**
 * The changelog with a new section on top.
 *
 * @throws Error for a fragment whose name has no known kind, or that is empty
 */
export function withRelease(changelog: string, version: string, fragments: readonly Fragment[]): string {
  const byKind = new Map<Kind, string[]>()
  for (const { name, text } of fragments) {
    const kind = KINDS.find((each) => name.startsWith(`${each}-`))
    if (!kind) throw new Error(`${FOLDER}/${name}: the name must begin with ${KINDS.join('-, ')}-`)
    if (text.trim() === '') throw new Error(`${FOLDER}/${name} is empty`)
    byKind.set(kind, [...(byKind.get(kind) ?? []), `- ${text.trim().replaceAll('\n', '\n  ')}`])
  }
  const parts = KINDS.flatMap((kind) => {
    const lines = byKind.get(kind)
    return lines ? [`### ${kind.charAt(0).toUpperCase()}${kind.slice(1)}\n\n${lines.join('\n')}\n`] : []
  })
  if (parts.length === 0) throw new Error(`there is no fragment in ${FOLDER}/`)
  const at = changelog.search(/^## /m)
  const [head, rest] = at < 0 ? [changelog, ''] : [changelog.slice(0, at), changelog.slice(at)]
  return `${head}## ${version}\n\n${parts.join('\n')}\n${rest}`
}

if (import.meta.main) {
  const [version = ''] = process.argv.slice(2)
  const names = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.md') && name !== 'README.md')
    .sort()
  try {
    if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error('say the version: npm run changelog -- 1.1.0')
    const fragments = names.map((name) => ({ name, text: readFileSync(`${FOLDER}/${name}`, 'utf8') }))
    writeFileSync(FILE, withRelease(readFileSync(FILE, 'utf8'), version, fragments))
    for (const name of names) rmSync(`${FOLDER}/${name}`)
    console.log(`${FILE}: ${names.length} changes under ${version}`)
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    process.exitCode = 1
  }
}
