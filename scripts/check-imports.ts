/** Checks who imports whom: the rules of import-rules.ts, and that no files import each other. Ends with 1 if something is broken. */
import { dirname } from 'node:path'
import process from 'node:process'
import { circlesOf, type Import, importsOf, sourceFiles } from './import-graph.ts'
import { EVEN_TOOLS, ONE_IMPORTER, RULES, type Rule, ZOD_FREE } from './import-rules.ts'

/** Every broken rule below a folder, one line each. @param root the tree's root, as the rules mean it */
export function brokenImports(root: string): string[] {
  const broken: string[] = []
  const imports: Import[] = []
  for (const file of sourceFiles(root)) {
    const rule = ruleFor(file)
    if (!rule) broken.push(`${file}: no rule in scripts/import-rules.ts is about this folder; add one`)
    const found = importsOf(root, file)
    imports.push(...found)
    for (const each of rule ? found : []) {
      const why = each.ours ? brokenByFile(rule as Rule, each) : brokenByPackage(rule as Rule, each)
      if (why) broken.push(`${file}: ${why}`)
    }
  }
  for (const circle of circlesOf(imports)) broken.push(`these files import each other: ${circle.join(', ')}`)
  return broken
}

function ruleFor(file: string): Rule | undefined {
  return RULES.filter((rule) => isAbout(rule, file)).sort((one, other) => other.in.length - one.in.length)[0]
}

function isAbout({ in: place, alone }: Rule, file: string): boolean {
  if (!place.endsWith('/')) return file === place
  return alone ? `${dirname(file)}/` === place : file.startsWith(place)
}

function brokenByFile(rule: Rule, { file, target, typeOnly }: Import): string | undefined {
  const home = rule.in.endsWith('/') ? [rule.in] : []
  const allowed = [...home, ...rule.may].some((prefix) => (prefix.endsWith('/') ? target.startsWith(prefix) : target === prefix))
  if (!allowed) return `${rule.in} may not import ${target}`
  if (!isTool(file) && isTool(target)) return `what is shipped may not import ${target}`
  if (/^(sdk|web)\//.test(file) && target.startsWith('shared/') && !typeOnly && !ZOD_FREE.test(target))
    return `${target} brings zod: take types only`
  return undefined
}

function brokenByPackage(rule: Rule, { file, target }: Import): string | undefined {
  const name = target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/')
  const only = ONE_IMPORTER[name]
  if (
    only &&
    (EVEN_TOOLS.has(name) || !isTool(file)) &&
    !only.some((place) => (place.endsWith('/') ? `${dirname(file)}/`.startsWith(place) : file === place))
  )
    return `${name} is imported from ${only.join(' and ')} only`
  return rule.packages.test(target) ? undefined : `${rule.in} may not import the package ${target}`
}

/** Tests, benches and scripts: they may look into everything, nothing may look into them. */
function isTool(file: string): boolean {
  return /^(test|bench|scripts)\/|^vitest\.config\.ts$/.test(file)
}

if (import.meta.main) {
  const broken = brokenImports('.')
  for (const line of broken) console.log(line)
  console.log(broken.length === 0 ? 'imports: all rules kept, no circles' : `imports: ${broken.length} broken`)
  process.exitCode = broken.length === 0 ? 0 : 1
}
