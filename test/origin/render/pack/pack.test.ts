import { mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { deflateSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decoderFile } from '../../../../origin/render/adapters/decoder.ts'
import { createRenderer } from '../../../../origin/render/index.ts'
import { inferModel, loadPack, PackError } from '../../../../origin/render/pack/pack.ts'
import { decodeGreyPng } from '../../../../origin/render/pack/png.ts'
import { addHead, floats, GRID, greyPng, IDLE_FRAMES, makeAvatarPack, PATCH } from '../../../support/fakes/avatar-pack.ts'
import { tinyDecoder } from '../../../support/fakes/tiny-onnx.ts'

let dir: string
let folder: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'packs-'))
  folder = await makeAvatarPack(dir)
})
afterEach(() => rm(dir, { recursive: true }))

type Json = Record<string, unknown>
async function editManifest(edit: (manifest: Json & { clips: { idle: Json }; layers: Json[] }) => void): Promise<void> {
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'))
  edit(manifest)
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest))
}

describe('a sound pack', () => {
  it('loads with every table in its place', async () => {
    const pack = await loadPack(folder)
    expect(pack.info).toMatchObject({ avatar_id: 'tiny', licence: 'MIT', qualities: ['low', 'medium', 'high'] })
    expect(pack.layers.map((layer) => layer.name)).toEqual(['mouth', 'eyes'])
    expect(pack.layers[0]?.placements.idle?.length).toBe(IDLE_FRAMES * (4 + 2 * GRID * GRID))
    expect(pack.layers[0]?.mask[(PATCH / 2) * PATCH + PATCH / 2]).toBe(255)
  })
})

describe('a pack with models in half precision', () => {
  it('loads them for accelerators; a cpu runs the others', async () => {
    await writeFile(join(folder, 'mouth.half.onnx'), '')
    await editManifest(({ layers }) => ((layers[0]?.model as Json).half = 'mouth.half.onnx'))
    const { layers } = await loadPack(folder)
    const [mouth, eyes] = layers.map(inferModel)
    if (mouth?.kind !== 'decoder' || eyes?.kind !== 'decoder') throw new Error('both layers are decoders')
    expect([decoderFile(mouth, 'cuda'), decoderFile(mouth, 'cpu')].map((file) => basename(file))).toEqual(['mouth.half.onnx', 'mouth.onnx'])
    expect(basename(decoderFile(eyes, 'cuda'))).toBe('eyes.onnx')
  })
})

describe('a damaged pack is refused with the file and the reason', () => {
  const cases: [string, RegExp, () => Promise<void>][] = [
    ['no JSON', /manifest\.json is not JSON/, () => writeFile(join(folder, 'manifest.json'), '{')],
    ['a missing field', /manifest\.json does not fit the schema.*size/, () => editManifest((manifest) => delete manifest.size)],
    [
      'a path that climbs out',
      /manifest\.json does not fit the schema.*inside the pack/,
      () => editManifest(({ clips }) => (clips.idle.file = '../x.mp4')),
    ],
    ['an absolute path', /does not fit the schema.*inside the pack/, () => editManifest(({ clips }) => (clips.idle.file = '/etc/passwd'))],
    [
      'a link that leads out',
      /mask\.png lies outside the pack/,
      async () => {
        await writeFile(
          join(dir, 'outside.png'),
          greyPng(PATCH, PATCH, () => 1),
        )
        await rm(join(folder, 'mask.png'))
        await symlink(join(dir, 'outside.png'), join(folder, 'mask.png'))
      },
    ],
    [
      'short stances of the head',
      /idle_head\.f32 has 12 bytes, but 40 frames of 4/,
      async () => {
        await addHead(folder)
        await truncate(join(folder, 'idle_head.f32'), 12)
      },
    ],
    [
      'a head without stances for a clip',
      /head has no stances for the listening clip/,
      async () => {
        await addHead(folder)
        await editManifest((manifest) => (manifest.head = { ...(manifest.head as Json), stances: { idle: 'idle_head.f32' } }))
      },
    ],
    ['a missing file', /mouth_idle\.f32 is missing/, () => rm(join(folder, 'mouth_idle.f32'))],
    ['a short table', /tracks_idle\.f32 has 100 bytes, but 40 frames/, () => truncate(join(folder, 'tracks_idle.f32'), 100)],
    [
      'a table with no number in it',
      /tracks_idle\.f32 frame 1 has a value that is not a number/,
      () =>
        writeFile(join(folder, 'tracks_idle.f32'), floats(Array.from({ length: IDLE_FRAMES * 22 }, (_, i) => (i === 30 ? Number.NaN : 0)))),
    ],
    [
      'a box outside the clip',
      /mouth_idle\.f32 frame 0: box 150,0 40x40/,
      () =>
        writeFile(
          join(folder, 'mouth_idle.f32'),
          floats(Array.from({ length: IDLE_FRAMES * (4 + 2 * GRID * GRID) }, (_, i) => [150, 0, 40, 40][i % (4 + 2 * GRID * GRID)] ?? 0)),
        ),
    ],
    [
      'a mask of another size',
      /mask\.png is 32 x 32, but the mouth patch is 64 x 64/,
      () =>
        writeFile(
          join(folder, 'mask.png'),
          greyPng(32, 32, () => 1),
        ),
    ],
    ['a mask that is no PNG', /mask\.png is not a PNG/, () => writeFile(join(folder, 'mask.png'), 'GIF89a')],
    ['a layer named twice', /names a layer twice/, () => editManifest(({ layers }) => Object.assign(layers[1] ?? {}, { name: 'mouth' }))],
    [
      'a clip without placements',
      /layer mouth has no placements for the listening clip/,
      () => editManifest(({ layers }) => Object.assign(layers[0] ?? {}, { placements: { idle: 'mouth_idle.f32' } })),
    ],
  ]
  it.each(cases)('%s', async (_name, message, damage) => {
    await damage()
    const failure = await loadPack(folder).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(PackError)
    expect(String(failure)).toMatch(message)
    expect(String(failure)).toContain(folder)
  })

  const startCases: [string, RegExp, () => Promise<void>][] = [
    ['a video that is none', /cannot open .*idle\.y4m/, () => writeFile(join(folder, 'idle.y4m'), 'no video at all')],
    [
      'a video that is too short',
      /idle\.y4m has 40 frames, the manifest says 41/,
      async () => {
        await editManifest(({ clips }) => (clips.idle.frames = 41))
        for (const [file, columns] of [
          ['tracks_idle.f32', 22],
          ['mouth_idle.f32', 36],
          ['eyes_idle.f32', 36],
        ] as const) {
          const bytes = await readFile(join(folder, file))
          await writeFile(join(folder, file), Buffer.concat([bytes, bytes.subarray(0, columns * 4)]))
        }
      },
    ],
    [
      'a video of another size',
      /idle\.y4m is 160 x 160, the manifest says 200 x 200/,
      () => editManifest((manifest) => (manifest.size = 200)),
    ],
    ['a model that is none', /mouth\.onnx cannot be loaded/, () => writeFile(join(folder, 'mouth.onnx'), 'no model')],
    [
      'a model with other names',
      /mouth\.onnx has the inputs \[face\]/,
      () => writeFile(join(folder, 'mouth.onnx'), flatDecoder(6, PATCH, 'face')),
    ],
    [
      'a model of another size',
      /mouth\.onnx gives patch float32 \[1, 3, 32, 32\]; the manifest says float32 \[1, 3, 64, 64\]/,
      () => writeFile(join(folder, 'mouth.onnx'), flatDecoder(6, 32)),
    ],
    [
      'a model with other inputs',
      /mouth\.onnx does not run with 6 inputs/,
      () => writeFile(join(folder, 'mouth.onnx'), flatDecoder(9, PATCH)),
    ],
  ]
  it.each(startCases)('%s', async (_name, message, damage) => {
    await damage()
    await expect(createRenderer({ packsDir: dir, device: 'cpu', capacity: 1, composeThreads: 1 })).rejects.toThrow(message)
  })

  it('a folder without packs', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'empty-'))
    await expect(createRenderer({ packsDir: empty })).rejects.toThrow(/no folder with a manifest\.json/)
    await expect(createRenderer({ packsDir: join(empty, 'none') })).rejects.toThrow(/cannot read the folder/)
    await rm(empty, { recursive: true })
  })

  it('two packs of one id', async () => {
    const second = await makeAvatarPack(dir, 'twin')
    const manifest = JSON.parse(await readFile(join(second, 'manifest.json'), 'utf8'))
    await writeFile(join(second, 'manifest.json'), JSON.stringify({ ...manifest, id: 'tiny' }))
    await expect(createRenderer({ packsDir: dir })).rejects.toThrow(/twin.*has the id tiny of another pack/)
  })
})

function flatDecoder(inputs: number, side: number, inputName = 'params'): Buffer {
  const zeros = (length: number): Float32Array => new Float32Array(length)
  return tinyDecoder({
    inputs,
    width: side,
    height: side,
    weights: zeros(3 * inputs),
    alongX: zeros(3 * side),
    alongY: zeros(side),
    inputName,
  })
}

describe('decodeGreyPng', () => {
  /** The same picture with each row under another filter. */
  function filtered(width: number, height: number, value: (x: number, y: number) => number): Buffer {
    const plain = Buffer.from(greyPng(width, height, (x, y) => value(x, y) / 255))
    const raw = Buffer.alloc((width + 1) * height)
    const pixel = (x: number, y: number): number => (x < 0 || y < 0 ? 0 : value(x, y))
    for (let y = 0; y < height; y++) {
      raw[y * (width + 1)] = y % 5
      for (let x = 0; x < width; x++) {
        const [a, b, c] = [pixel(x - 1, y), pixel(x, y - 1), pixel(x - 1, y - 1)]
        const p = a + b - c
        const nearest = [a, b, c].toSorted((m, n) => Math.abs(p - m) - Math.abs(p - n))[0] ?? 0
        const guess = [0, a, b, Math.floor((a + b) / 2), nearest][y % 5] ?? 0
        raw[y * (width + 1) + 1 + x] = value(x, y) - guess
      }
    }
    const body = deflateSync(raw)
    const start = plain.indexOf('IDAT') - 4
    const length = Buffer.alloc(4)
    length.writeUInt32BE(body.length)
    return Buffer.concat([plain.subarray(0, start), length, Buffer.from('IDAT'), body, Buffer.alloc(4), plain.subarray(plain.length - 12)])
  }

  it('undoes every row filter', () => {
    const value = (x: number, y: number): number => (x * x * 7 + y * 31 + ((x * y) % 13) * 5) % 256
    const image = decodeGreyPng(filtered(23, 15, value))
    expect([image.width, image.height]).toEqual([23, 15])
    expect([...image.pixels]).toEqual(Array.from({ length: 23 * 15 }, (_, i) => value(i % 23, Math.floor(i / 23))))
  })

  it('refuses what is cut off, damaged or of another kind', () => {
    const png = Buffer.from(greyPng(20, 20, () => 0.5))
    expect(() => decodeGreyPng(png.subarray(0, 50))).toThrow(/cut off|no picture/)
    const damaged = Buffer.from(png)
    damaged.fill(0xff, damaged.indexOf('IDAT') + 4, damaged.indexOf('IDAT') + 12)
    expect(() => decodeGreyPng(damaged)).toThrow(/damaged picture data/)
    const colour = Buffer.from(png)
    colour[25] = 2
    expect(() => decodeGreyPng(colour)).toThrow(/8-bit grey/)
    const huge = Buffer.from(png)
    huge.writeUInt32BE(4_000_000, 16)
    expect(() => decodeGreyPng(huge)).toThrow(/impossible size/)
  })
})
