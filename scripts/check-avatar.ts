/**
 * Checks an avatar pack and prints its quality report.
 *
 *     node scripts/check-avatar.ts PACK_FOLDER [--json]
 *
 * Exit code 0: the pack can be served and is within the limits; 1: it is not, each reason on a line.
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { measurePack } from '../origin/avatar-tools/quality-report.ts'
import { loadPack } from '../origin/render/pack/pack.ts'
import { complaints, printReport } from './avatar-report.ts'

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options: { json: { type: 'boolean', default: false } }, allowPositionals: true })
  const [folder] = positionals
  if (folder === undefined) {
    console.error('usage: node scripts/check-avatar.ts PACK_FOLDER [--json]')
    return 1
  }
  try {
    const report = await measurePack(await loadPack(resolve(folder)), (what) => console.error(what))
    const problems = complaints(report)
    if (values.json) console.log(JSON.stringify({ ...report, problems }))
    else {
      printReport(report)
      for (const problem of problems) console.log(`PROBLEM ${problem}`)
      if (problems.length === 0) console.log('ok')
    }
    return problems.length === 0 ? 0 : 1
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    return 1
  }
}

process.exitCode = await main()
