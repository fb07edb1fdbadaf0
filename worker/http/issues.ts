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
  return error.issues.slice(0, MAX_ISSUES).map((issue) => ({ path: issue.path.join('.'), message: issue.message }))
}
