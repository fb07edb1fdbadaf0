/**
 * Starts everything on this machine: the Worker (wrangler dev), its socket address, and the origin; see start/.
 * `--watch` reloads each part when its files change. Ctrl-C ends all of it.
 */
import process from 'node:process'

if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(`avatar: Node 24 is needed, this is ${process.version}: start with "npm start", which brings its own\n`)
  process.exitCode = 1
} else {
  const { main } = await import('./start/main.ts')
  await main()
}
