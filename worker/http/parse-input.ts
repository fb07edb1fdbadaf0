/**
 * Reads input by a schema, with null as what it is in most clients' languages: a field that was not set. Where a schema takes null
 * itself, null stays.
 */
import type * as z from 'zod'
import { type Issue, issuesOf } from './issues.ts'

export type Parsed<Schema extends z.ZodType> = { ok: true; value: z.output<Schema> } | { ok: false; issues: Issue[] }

/** Removing a null may let the schema look further into the value; nothing of ours nests deeper. */
const ROUNDS = 8

/** @param value parsed JSON of this call's own: nulls that the schema refuses are removed from its objects */
export function parseInput<Schema extends z.ZodType>(schema: Schema, value: unknown): Parsed<Schema> {
  for (let round = 1; ; round++) {
    const parsed = schema.safeParse(value)
    if (parsed.success) return { ok: true, value: parsed.data }
    if (round === ROUNDS || !removeNulls(value, parsed.error.issues)) return { ok: false, issues: issuesOf(parsed.error) }
  }
}

type ZodIssue = z.core.$ZodIssue

/** Removes the fields that issues blame and that are null. @returns whether there were any */
function removeNulls(root: unknown, issues: readonly ZodIssue[], base: readonly PropertyKey[] = []): boolean {
  let removed = false
  for (const issue of issues) {
    const path = [...base, ...issue.path]
    removed = removeNull(root, path) || removed
    // each alternative of a union blames its own fields
    if (issue.code === 'invalid_union') for (const branch of issue.errors) removed = removeNulls(root, branch, path) || removed
  }
  return removed
}

function removeNull(root: unknown, path: readonly PropertyKey[]): boolean {
  const name = path.at(-1)
  const holder = path
    .slice(0, -1)
    .reduce<unknown>((at, key) => (typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined), root)
  if (name === undefined || typeof holder !== 'object' || holder === null || Array.isArray(holder)) return false
  return Reflect.get(holder, name) === null && Reflect.deleteProperty(holder, name)
}
