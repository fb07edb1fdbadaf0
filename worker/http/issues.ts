/** The issues that zod found, in the form of `details.issues`. */
import type * as z from 'zod'

export interface Issue {
  /** Dotted path of the field; empty for the whole. */
  path: string
  message: string
}

/** Issues in one answer: a large wrong body must not cause a large answer. */
const MAX_ISSUES = 16

export function issuesOf(error: z.ZodError): Issue[] {
  const issues = error.issues.flatMap((issue) => told(issue))
  return issues.slice(0, MAX_ISSUES).map(({ path, message }) => ({ path: path.join('.'), message }))
}

type ZodIssue = z.core.$ZodIssue

/** Of a union: what is wrong with the alternative that fits best, which is the one that was read furthest. */
function told(issue: ZodIssue): ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const branches = issue.errors.map((errors) => errors.flatMap((inner) => told({ ...inner, path: [...issue.path, ...inner.path] })))
  const depthOf = (branch: readonly ZodIssue[]) => Math.max(...branch.map(({ path }) => path.length))
  const best = branches.filter((branch) => branch.length > 0).toSorted((one, other) => depthOf(other) - depthOf(one))[0]
  return best !== undefined && depthOf(best) > issue.path.length ? best : [issue]
}
