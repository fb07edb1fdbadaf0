/** A pattern, and what is said for it; undefined where it is not meant. */
export type SpokenRule = readonly [pattern: RegExp, say: (match: RegExpExecArray) => string | undefined]
