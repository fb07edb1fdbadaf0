/** The packed SDK runs in Bun: `npm run check:bun`, where Bun is installed. */
import { execFileSync } from 'node:child_process'
import process from 'node:process'
import { packSdk, RESULT } from '../test/support/packed-sdk.ts'

const { folder, remove } = await packSdk()
try {
  const printed = execFileSync(process.env.BUN_PATH ?? 'bun', ['main.js'], { cwd: folder, encoding: 'utf8' }).trim()
  if (printed !== RESULT) throw new Error(`in Bun it printed "${printed}" and not "${RESULT}"`)
  console.log(`in Bun: ${printed}`)
} finally {
  await remove()
}
