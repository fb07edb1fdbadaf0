/** The documents of the configuration, from the schemas of the variables: tables for the README, example files to copy. */
import type * as z from 'zod'

/** What a schema says about its variable with `.meta()`. */
interface VariableMeta {
  /** Markdown, one line. */
  description?: string
  /** Never printed, kept in files that git ignores. */
  secret?: boolean
  /** The default in words, where the value itself says little. */
  shown?: string
  /** A value to show in the example file. */
  example?: string
}

export interface Variable extends VariableMeta {
  name: string
  description: string
  /** As it would be written into a file; undefined where there is none. */
  byDefault: string | undefined
}

/** @throws Error for a variable without a description */
export function variablesOf(shape: Readonly<Record<string, z.ZodType>>): Variable[] {
  return Object.entries(shape).map(([name, schema]) => {
    const meta = (schema.meta() ?? {}) as VariableMeta
    if (!meta.description) throw new Error(`${name} has no description: give its schema a .meta({ description })`)
    const { data } = schema.safeParse(undefined)
    const byDefault = typeof data === 'string' || typeof data === 'number' ? String(data) : undefined
    return { name, ...meta, description: meta.description, byDefault: byDefault === '' ? undefined : byDefault }
  })
}

/** A Markdown table. @param side its first heading */
export function configTable(side: string, variables: readonly Variable[]): string {
  const rows = variables.map(({ name, secret, shown, byDefault, description }) => {
    const value = shown ?? (byDefault === undefined ? '' : `\`${byDefault}\``)
    return `| \`${name}\`${secret ? ' (secret)' : ''} | ${cell(value)}| ${cell(description)}|`
  })
  return `| ${side} | default | meaning |\n|---|---|---|\n${rows.join('\n')}\n`
}

/**
 * A file to copy: every variable with its meaning, commented out unless `set` gives it a value.
 *
 * @param head comment lines on top, without their `#`
 */
export function exampleFile(head: readonly string[], variables: readonly Variable[], set: Readonly<Record<string, string>> = {}): string {
  const parts = variables.map(({ name, description, shown, byDefault, example, secret }) => {
    const value = set[name]
    const written = quoted(value ?? (secret ? (example ?? '') : (example ?? byDefault ?? '')))
    const about = plain(`${description}${shown && value === undefined ? `; default: ${shown}` : ''}`)
    return `# ${about}\n${value === undefined ? '# ' : ''}${name}=${written}\n`
  })
  return `${head.map((line) => `# ${line}\n`).join('')}\n${parts.join('\n')}`
}

/**
 * The text with what stands between `<!-- NAME -->` and `<!-- /NAME -->` replaced.
 *
 * @throws Error when the marks are missing
 */
export function withPart(text: string, name: string, part: string): string {
  const pattern = new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name} -->)`)
  if (!pattern.test(text)) throw new Error(`the marks <!-- ${name} --> and <!-- /${name} --> are missing`)
  return text.replace(pattern, (_all, before: string, after: string) => `${before}${part}${after}`)
}

function cell(text: string): string {
  return text === '' ? '' : `${text.replaceAll('|', '\\|')} `
}

function plain(markdown: string): string {
  return markdown.replaceAll('`', '').replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
}

function quoted(value: string): string {
  return /^[\w./:*@,-]*$/.test(value) ? value : `'${value}'`
}
