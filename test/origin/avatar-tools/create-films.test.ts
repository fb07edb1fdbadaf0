/** Films of every kind come out as a player shows them. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  AV_PIX_FMT_BGR0,
  AV_PIX_FMT_BGRA,
  AV_PIX_FMT_GBRP10LE,
  AV_PIX_FMT_GRAY8,
  AV_PIX_FMT_YUV420P,
  AV_PIX_FMT_YUV420P10LE,
  AV_PIX_FMT_YUV422P10LE,
  AV_PIX_FMT_YUV444P,
  AV_PIX_FMT_YUVA420P,
  AVCOL_PRI_BT2020,
  AVCOL_PRI_SMPTE432,
  AVCOL_SPC_BT709,
  AVCOL_SPC_BT2020_NCL,
  AVCOL_TRC_ARIB_STD_B67,
  AVCOL_TRC_BT709,
  AVCOL_TRC_SMPTE2084,
  type AVPixelFormat,
  FF_ENCODER_FFV1,
  FF_ENCODER_LIBX264,
  FF_ENCODER_MPEG2VIDEO,
} from 'node-av/constants'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readSource, type SourceOptions } from '../../../origin/avatar-tools/source.ts'
import { type FilmOptions, writeFilm } from '../../support/fakes/film.ts'

/** Of the four quarters, clockwise from the left upper one. */
const COLOURS = [
  [200, 40, 40],
  [40, 160, 60],
  [50, 60, 200],
  [220, 200, 60],
] as const
const times = (count: number, stepMs = 40): number[] => Array.from({ length: count }, (_, i) => Math.round(i * stepMs))

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'films-'))
})
afterAll(() => rm(dir, { recursive: true }))

function quarters(width: number, height: number): FilmOptions['paint'] {
  return (x, y) => COLOURS[y < height / 2 ? Number(x >= width / 2) : 3 - Number(x >= width / 2)] ?? [0, 0, 0]
}

interface Read {
  size: number
  count: number
  /** Of one frame, at shares of its side. */
  at: (x: number, y: number, frame?: number) => number[]
}

function read(file: string, more: Partial<SourceOptions> & Pick<SourceOptions, 'box'>): Read {
  const { frames } = readSource({ file, scratch: join(dir, 'frames.raw'), ...more })
  const { size, count } = frames
  const all = Array.from({ length: count }, (_, i) => frames.read(i, new Uint8Array(3 * size * size)))
  frames.close()
  return {
    size,
    count,
    at: (x, y, frame = 0) => {
      const at = 3 * (Math.floor(y * size) * size + Math.floor(x * size))
      return [...(all[frame] ?? []).slice(at, at + 3)]
    },
  }
}

function expectColour(seen: readonly number[], wanted: readonly number[], levels = 3): void {
  expect(Math.max(...seen.map((value, c) => Math.abs(value - Number(wanted[c])))), `${seen} for ${wanted}`).toBeLessThanOrEqual(levels)
}

function expectQuarters(film: Read, levels = 3): void {
  for (const [i, [x, y]] of (
    [
      [0.2, 0.2],
      [0.8, 0.2],
      [0.8, 0.8],
      [0.2, 0.8],
    ] as const
  ).entries()) {
    expectColour(film.at(x, y), COLOURS[i] ?? [], levels)
  }
}

const PLAIN = { codec: FF_ENCODER_FFV1, pixelFormat: AV_PIX_FMT_YUV444P, timesMs: [0] } as const
const BOX = { x: 60, y: 60, width: 120, height: 130 }

describe('pixels that are not square', () => {
  const ASPECTS: [string, number, number, { num: number; den: number }, number][] = [
    ['wide PAL', 720, 576, { num: 64, den: 45 }, 1024],
    ['PAL, narrow', 720, 576, { num: 16, den: 15 }, 768],
    ['NTSC', 720, 480, { num: 8, den: 9 }, 640],
    ['HDV', 1440, 1080, { num: 4, den: 3 }, 1920],
    ['unknown', 720, 576, { num: 0, den: 1 }, 720],
    ['a mistake', 720, 576, { num: 100, den: 1 }, 720],
  ]
  const CONTAINERS = [
    { ...PLAIN, file: 'aspect.mkv' },
    { ...PLAIN, file: 'aspect.mp4', codec: FF_ENCODER_LIBX264, pixelFormat: AV_PIX_FMT_YUV420P },
    { ...PLAIN, file: 'aspect.ts', codec: FF_ENCODER_MPEG2VIDEO, pixelFormat: AV_PIX_FMT_YUV420P },
  ]
  it.each(ASPECTS)('%s: %i x %i, %o, is as wide as a player shows it', (_name, width, height, aspect, shown) => {
    // MPEG-2 knows a few aspects of the whole picture only
    const containers = shown === 1024 || shown === 1920 ? CONTAINERS : CONTAINERS.slice(0, 2)
    for (const container of containers) expectUnsqueezed({ ...container, width, height, aspect }, shown)
  })

  function expectUnsqueezed(container: Omit<FilmOptions, 'paint'>, shown: number): void {
    const { width, height } = container
    const file = join(dir, container.file)
    // a square on the screen, in its middle
    const side = height / 2
    const paint: FilmOptions['paint'] = (x, y) => {
      const [px, py] = [((x + 0.5) * shown) / width - shown / 2, y + 0.5 - height / 2]
      return Math.abs(px) < side / 2 && Math.abs(py) < side / 2 ? [220, 40, 40] : [30, 60, 90]
    }
    writeFilm({ ...container, file, paint })
    const crop = { x: Math.floor((shown - height) / 2), y: 0, side: height }
    const film = read(file, { box: { x: Math.floor(shown / 2) - 60, y: 100, width: 120, height: 120 }, crop })
    // its edges, in shares of the cut square: a quarter from each side
    for (const [x, y] of [
      [0.265, 0.5],
      [0.735, 0.5],
      [0.5, 0.265],
      [0.5, 0.735],
    ] as const)
      expectColour(film.at(x, y), [220, 40, 40], 6)
    for (const [x, y] of [
      [0.235, 0.5],
      [0.765, 0.5],
      [0.5, 0.235],
      [0.5, 0.765],
    ] as const)
      expectColour(film.at(x, y), [30, 60, 90], 6)
    expect(() => read(file, { box: { x: shown - 60, y: 60, width: 120, height: 130 } })).toThrow(`the frame is ${shown} x ${height}`)
  }
})

describe('pixel formats', () => {
  const FORMATS: [string, AVPixelFormat, number][] = [
    ['4:2:0, 10 bits', AV_PIX_FMT_YUV420P10LE, 3],
    ['4:2:2, 10 bits', AV_PIX_FMT_YUV422P10LE, 3],
    ['RGB', AV_PIX_FMT_BGR0, 1],
    ['planar RGB, 10 bits', AV_PIX_FMT_GBRP10LE, 1],
  ]
  it.each(FORMATS)('%s', (_name, pixelFormat, levels) => {
    const file = join(dir, 'format.mkv')
    writeFilm({ ...PLAIN, file, pixelFormat, width: 320, height: 260, paint: quarters(320, 260) })
    expectQuarters(read(file, { box: BOX, crop: { x: 30, y: 0, side: 260 } }), levels)
  })

  it('grey', () => {
    const file = join(dir, 'grey.mkv')
    writeFilm({ ...PLAIN, file, pixelFormat: AV_PIX_FMT_GRAY8, width: 260, height: 260, paint: () => [90, 90, 90] })
    expectColour(read(file, { box: BOX }).at(0.5, 0.5), [90, 90, 90])
  })

  it('an odd size', () => {
    const file = join(dir, 'odd.mkv')
    writeFilm({ ...PLAIN, file, pixelFormat: AV_PIX_FMT_YUV420P, width: 301, height: 263, paint: quarters(301, 263) })
    const film = read(file, { box: BOX, crop: { x: 19, y: 0, side: 263 } })
    expect(film.size).toBe(262)
    expectQuarters(film)
  })
})

/** SMPTE ST 2084 of light in cd/m2, and ARIB STD-B67 of the scene's light, 0..1. */
const pq = (nits: number): number => {
  const y = (nits / 10_000) ** 0.1593017578125
  return ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375
}
const hlg = (light: number): number =>
  light <= 1 / 12 ? Math.sqrt(3 * light) : 0.17883277 * Math.log(12 * light - 0.28466892) + 0.55991073
const light = (level: number): number => (level <= 10.31 ? level / 3294.6 : ((level / 255 + 0.055) / 1.055) ** 2.4)
const mixed = (rgb: readonly number[], matrix: readonly (readonly number[])[]): number[] =>
  matrix.map((row) => row.reduce((sum, share, i) => sum + share * Number(rgb[i]), 0))
/** From linear sRGB. */
const TO_BT2020 = [
  [0.6274, 0.3293, 0.0433],
  [0.0691, 0.9195, 0.0114],
  [0.0164, 0.088, 0.8956],
]
const TO_P3 = [
  [0.8225, 0.1774, 0],
  [0.0332, 0.9669, 0],
  [0.0171, 0.0724, 0.9108],
]
/** Skin, light and dark, and what lies around it. */
const SHOWN = [
  [200, 140, 120],
  [90, 60, 50],
  [60, 110, 170],
  [128, 128, 128],
]

describe('colours of another space come out as they were', () => {
  const SPACES: [string, Pick<Required<FilmOptions>, 'colours'>['colours'], (rgb: readonly number[]) => number[]][] = [
    [
      'HDR10',
      { primaries: AVCOL_PRI_BT2020, transfer: AVCOL_TRC_SMPTE2084, space: AVCOL_SPC_BT2020_NCL },
      (rgb) => mixed(rgb.map(light), TO_BT2020).map((value) => pq(203 * value)),
    ],
    [
      'HLG, as phones film',
      { primaries: AVCOL_PRI_BT2020, transfer: AVCOL_TRC_ARIB_STD_B67, space: AVCOL_SPC_BT2020_NCL },
      (rgb) => {
        const shown = mixed(rgb.map(light), TO_BT2020).map((value) => 0.203 * value)
        const brightness = 0.2627 * Number(shown[0]) + 0.678 * Number(shown[1]) + 0.0593 * Number(shown[2])
        return shown.map((value) => hlg(value * brightness ** (1 / 1.2 - 1)))
      },
    ],
    [
      'P3',
      { primaries: AVCOL_PRI_SMPTE432, transfer: AVCOL_TRC_BT709, space: AVCOL_SPC_BT709 },
      (rgb) => mixed(rgb.map(light), TO_P3).map((value) => 1.055 * value ** (1 / 2.4) - 0.055),
    ],
  ]
  it.each(SPACES)('%s', (_name, colours, signal) => {
    const file = join(dir, 'hdr.mkv')
    const signals = SHOWN.map((rgb) => signal(rgb).map((value) => Math.round(255 * value)))
    const paint: FilmOptions['paint'] = (x, y) => signals[2 * Number(y >= 130) + Number(x >= 130)] ?? []
    writeFilm({ ...PLAIN, file, pixelFormat: AV_PIX_FMT_YUV420P10LE, width: 260, height: 260, colours, paint })
    const film = read(file, { box: BOX })
    for (const [i, rgb] of SHOWN.entries()) expectColour(film.at(i % 2 ? 0.8 : 0.2, i < 2 ? 0.2 : 0.8), rgb, 6)
  })

  it('what is brighter than white keeps its hue', () => {
    const file = join(dir, 'bright.mkv')
    const level = Math.round(255 * pq(800))
    const colours = { primaries: AVCOL_PRI_BT2020, transfer: AVCOL_TRC_SMPTE2084, space: AVCOL_SPC_BT2020_NCL }
    writeFilm({ ...PLAIN, file, pixelFormat: AV_PIX_FMT_YUV420P10LE, width: 260, height: 260, colours, paint: () => [level, level, level] })
    expectColour(read(file, { box: BOX }).at(0.5, 0.5), [255, 255, 255], 4)
  })
})

describe('what is transparent lies on white', () => {
  it.each([
    ['RGB', FF_ENCODER_FFV1, AV_PIX_FMT_BGRA],
    ['4:2:0 with alpha', FF_ENCODER_FFV1, AV_PIX_FMT_YUVA420P],
  ] as const)('%s', (_name, codec, pixelFormat) => {
    const file = join(dir, 'alpha.mkv')
    // under the transparent part is a colour that nobody must see
    const paint: FilmOptions['paint'] = (x, y) => (x < 130 ? [200, 40, 40, 255] : y < 130 ? [0, 255, 0, 0] : [0, 0, 0, 128])
    writeFilm({ ...PLAIN, file, codec, pixelFormat, width: 260, height: 260, paint })
    const film = read(file, { box: BOX })
    expectColour(film.at(0.2, 0.5), [200, 40, 40])
    expectColour(film.at(0.8, 0.2), [255, 255, 255], 1)
    expectColour(film.at(0.8, 0.8), [127, 127, 127], 2)
  })
})

describe('interlaced films', () => {
  it('show one moment a frame, not two', () => {
    const file = join(dir, 'fields.mkv')
    // a bar that moves by 40 pixels from a field to the next
    const paint: FilmOptions['paint'] = (x, y, frame) => {
      const left = 20 + 2 * (frame % 2) + 40 * (y % 2)
      return x >= left && x < left + 40 ? [230, 230, 230] : [30, 30, 30]
    }
    const film = { ...PLAIN, file, codec: FF_ENCODER_MPEG2VIDEO, pixelFormat: AV_PIX_FMT_YUV420P, width: 320, height: 288 } as const
    writeFilm({ ...film, interlaced: true, paint })
    const { at } = read(file, { box: BOX, crop: { x: 0, y: 0, side: 288 } })
    for (const y of [0.3, 0.5, 0.7]) {
      for (const line of [0, 1, 2, 3]) {
        expectColour(at(40 / 288, y + line / 288), [230, 230, 230], 12)
        expectColour(at(80 / 288, y + line / 288), [30, 30, 30], 12)
      }
    }
    // the lines are there twice only where the film says that it is interlaced
    writeFilm({ ...film, interlaced: false, paint: (_x, y) => (y % 2 === 0 ? [200, 200, 200] : [60, 60, 60]) })
    const sharp = read(file, { box: BOX, crop: { x: 0, y: 0, side: 288 } })
    expect(Math.abs(Number(sharp.at(0.5, 100 / 288)[0]) - Number(sharp.at(0.5, 101 / 288)[0]))).toBeGreaterThan(60)
  })
})

describe('times', () => {
  /** A film whose grey says which of its frames is shown. */
  const numbered = (timesMs: number[]): string => {
    const file = join(dir, 'times.mkv')
    writeFilm({ ...PLAIN, file, width: 260, height: 260, timesMs, paint: (_x, _y, i) => [2 * i, 2 * i, 2 * i] })
    return file
  }

  it('a variable frame rate: every moment shows the frame nearest to it', () => {
    const timesMs = times(100).map((ms, i) => ms + (i > 30 ? 700 : 0) + (i % 3) * 9)
    const film = read(numbered(timesMs), { box: BOX, maxS: 4 })
    expect(film.count).toBe(100)
    for (const i of [0, 10, 29, 35, 45, 60, 99]) {
      const nearest = timesMs.reduce((best, ms, at) => (Math.abs(ms - 40 * i) < Math.abs(Number(timesMs[best]) - 40 * i) ? at : best), 0)
      expect(Math.abs(Number(film.at(0.5, 0.5, i)[0]) / 2 - nearest)).toBeLessThanOrEqual(1)
    }
  })

  it('60 frames a second become 25', () => {
    const film = read(numbered(times(120, 1000 / 60)), { box: BOX })
    expect(film.count).toBeGreaterThanOrEqual(49)
    expect(film.count).toBeLessThanOrEqual(51)
    expect(Number(film.at(0.5, 0.5, 25)[0]) / 2).toBeGreaterThanOrEqual(58)
  })

  it('a film that does not say when its frames are shown has its frame rate', () => {
    const file = join(dir, 'bare.h264')
    writeFilm({
      ...PLAIN,
      file,
      codec: FF_ENCODER_LIBX264,
      timesMs: times(52),
      pixelFormat: AV_PIX_FMT_YUV420P,
      width: 260,
      height: 260,
      paint: quarters(260, 260),
    })
    expect(Math.abs(read(file, { box: BOX }).count - 52)).toBeLessThanOrEqual(1)
  })
})
