/** Files that come from the schemas: written, or with `--check` compared. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'

/** With `--check` a file that is not as it should be makes the process end with 1. */
export function writeGenerated(folder: string, files: Readonly<Record<string, string>>): void {
  const check = process.argv.includes('--check')
  if (!check) mkdirSync(folder, { recursive: true })
  for (const [name, text] of Object.entries(files)) {
    const path = `${folder}/${name}`
    if (!check) writeFileSync(path, text)
    else if (read(path) !== text) {
      console.error(`${path} is not what the schemas say: run "npm run gen"`)
      process.exitCode = 1
    }
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // missing: as stale as can be
    return undefined
  }
}
