/** The imports of a tree of TypeScript files, as text: static and dynamic imports, `createRequire`, and files loaded by `new URL`. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

export interface Import {
  /** Path from the root of the tree. */
  file: string
  /** A path from the root for a file of ours, a specifier for a package. */
  target: string
  /** A file of ours, not a package. */
  ours: boolean
  /** Erased when the code runs. */
  typeOnly: boolean
}

const IGNORED = new Set(['node_modules', 'dist', 'generated', 'coverage', '__pycache__'])
/** `import x from`, `export * from`, `import 'x'`; a line of its own. */
const STATIC = /^[ \t]*(import|export)\s+(type\s+)?(?:[^'"`;]*?\sfrom\s+)?'([^'\n]+)'/gm
/** A dynamic import, `require` and `createRequire` with a name, also to resolve it. */
const CALLED = /(\btypeof\s+)?(?:\bimport|\brequire|\bcreateRequire\(import\.meta\.url\)(?:\.resolve)?)\(\s*'([^'\n]+)'/g
const BY_URL = /\bnew URL\(\s*'(\.[^'\n]+\.tsx?)',\s*import\.meta\.url/g

/** Every TypeScript file below a folder, as paths from the root; hidden and ignored folders are left out. */
export function* sourceFiles(root: string, folder = '.'): Generator<string> {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      if (!IGNORED.has(entry.name) && !entry.name.startsWith('.')) yield* sourceFiles(root, path)
    } else if (/\.tsx?$/.test(entry.name)) yield path
  }
}

/** @param file path from the root */
export function importsOf(root: string, file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8')
  const found: { specifier: string; typeOnly: boolean }[] = []
  for (const [, , type, specifier = ''] of text.matchAll(STATIC)) found.push({ specifier, typeOnly: type !== undefined })
  for (const [, type, specifier = ''] of text.matchAll(CALLED)) found.push({ specifier, typeOnly: type !== undefined })
  for (const [, specifier = ''] of text.matchAll(BY_URL)) found.push({ specifier, typeOnly: false })
  return found.flatMap(({ specifier, typeOnly }): Import[] => {
    if (!specifier.startsWith('.')) return [{ file, target: specifier, ours: false, typeOnly }]
    const target = normalize(join(dirname(file), specifier))
    // code inside a template string names files of another tree; that ours exist is what the compiler checks
    return isFile(join(root, target)) ? [{ file, target, ours: true, typeOnly }] : []
  })
}

/**
 * Files that import each other, types included: the strongly connected components of more than one file (Tarjan, *Depth-first search
 * and linear graph algorithms*, 1972).
 */
export function circlesOf(imports: readonly Import[]): string[][] {
  const next = new Map<string, string[]>()
  for (const { file, target, ours } of imports) if (ours && file !== target) next.set(file, [...(next.get(file) ?? []), target])
  const index = new Map<string, number>()
  const stack: string[] = []
  const circles: string[][] = []
  const visit = (file: string): number => {
    let lowest = index.size
    const own = lowest
    index.set(file, own)
    stack.push(file)
    for (const target of next.get(file) ?? []) {
      if (!index.has(target)) lowest = Math.min(lowest, visit(target))
      else if (stack.includes(target)) lowest = Math.min(lowest, index.get(target) ?? own)
    }
    if (lowest !== own) return lowest
    const circle = stack.splice(stack.indexOf(file))
    if (circle.length > 1) circles.push(circle.sort())
    return lowest
  }
  for (const file of next.keys()) if (!index.has(file)) visit(file)
  return circles
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}
