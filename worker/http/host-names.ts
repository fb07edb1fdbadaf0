/** Names of hosts: read from headers and variables into one form, and compared. */

/** A host as a header names it. */
export interface NamedHost {
  /** Lower-case, without a dot at the end; IPv6 in brackets. */
  name: string
  /** Empty where none is given, and for 80, the default of http. */
  port: string
}

/** A name or an address and a port, nothing else: no user, no path, no list. */
const HOST = /^(\[[\da-f:.]+\]|[^\s/?#@\\:,%[\]]+)(:\d{1,5})?$/i

/** Undefined where the text is no host: then it must not be trusted for anything. */
export function parseHost(text: string): NamedHost | undefined {
  if (!HOST.test(text)) return undefined
  try {
    const { hostname, port } = new URL(`http://${text}`)
    return { name: withoutDot(hostname), port }
  } catch {
    // an address or a port that there is not
    return undefined
  }
}

/** The machine itself, whatever any name server says (RFC 6761 section 6.3, RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3). */
export function isLoopback(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost') || /^127(\.\d{1,3}){3}$/.test(name) || name === '[::1]'
}

/** An entry of ALLOWED_HOSTS in the form that `isListed` compares; undefined where it is none. */
export function hostPattern(entry: string): string | undefined {
  if (entry === '*') return entry
  const wild = /^(?:\*)?(\..+)$/.exec(entry)?.[1]
  // an IPv6 address may stand there without its brackets
  const plain = wild?.slice(1) ?? (/^[\da-f:.]*:[\da-f:.]*:[\da-f:.]*$/i.test(entry) ? `[${entry}]` : entry)
  const host = /:\d+$/.test(plain) ? undefined : parseHost(plain)
  return host && (wild === undefined ? host.name : `.${host.name}`)
}

/** Whether a name is in the list: itself, below a name that is written with a dot in front, or by `*`. */
export function isListed(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => pattern === '*' || pattern === name || (pattern.startsWith('.') && name.endsWith(pattern)))
}

/** `localhost.` is `localhost`: the dot says only that the name is complete (RFC 1034 section 3.1). */
export function withoutDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name
}
