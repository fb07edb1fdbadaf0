/** Decoded frames as sRGB of any size: whatever their pixel format, colours, alpha and fields. */
import {
  AV_FRAME_FLAG_INTERLACED,
  AV_PIX_FMT_RGB24,
  AV_PIX_FMT_RGB48LE,
  AV_PIX_FMT_RGBA,
  AVALPHA_MODE_PREMULTIPLIED,
  AVCOL_PRI_UNSPECIFIED,
  AVCOL_TRC_UNSPECIFIED,
  type AVPixelFormat,
  SWS_ACCURATE_RND,
  SWS_AREA,
  SWS_BICUBIC,
  SWS_FULL_CHR_H_INT,
} from 'node-av/constants'
import { avGetPixFmtName, FFmpegError, Frame, SoftwareScaleContext } from 'node-av/lib'
import { type ColourMap, colourMap } from './wide-colour.ts'

/** A scaler to one size and format, and the frame that it writes to. */
interface Scaler {
  context: SoftwareScaleContext
  target: Frame
  pixels: Buffer
  /** 8 bits a channel, where the target has more. */
  rgb: Buffer
}

interface Size {
  width: number
  height: number
}

const BYTES_A_PIXEL = new Map<AVPixelFormat, number>([
  [AV_PIX_FMT_RGB24, 3],
  [AV_PIX_FMT_RGBA, 4],
  [AV_PIX_FMT_RGB48LE, 6],
])
/** Pixel formats with transparency, by their names in FFmpeg. */
const ALPHA = /^(rgba|bgra|argb|abgr|gbrap|yuva|ayuv|vuya|uyva|ya8|ya16|yaf|pal8)/
/** What shows through. */
const PAPER = 255

export class FrameRgb {
  readonly #scalers = new Map<string, Scaler>()
  readonly #file: string
  /** The frame without its transparency. */
  #opaque: { frame: Frame; pixels: Buffer } | undefined

  /** @param file for messages */
  constructor(file: string) {
    this.#file = file
  }

  /** Tightly packed sRGB in memory that the next call for this size overwrites. Of an interlaced frame one field stays. */
  rgb(frame: Frame, size: Size): Buffer {
    if ((frame.flags & AV_FRAME_FLAG_INTERLACED) !== 0) this.#keepFirstField(frame)
    const { colorPrimaries, colorTrc } = frame
    // the matrix and the range stay: they say how the planes become red, green and blue
    frame.colorPrimaries = AVCOL_PRI_UNSPECIFIED
    frame.colorTrc = AVCOL_TRC_UNSPECIFIED
    try {
      return this.#converted(frame, size, colourMap(colorPrimaries, colorTrc))
    } finally {
      frame.colorPrimaries = colorPrimaries
      frame.colorTrc = colorTrc
    }
  }

  #converted(frame: Frame, size: Size, toSrgb: ColourMap | undefined): Buffer {
    const from = ALPHA.test(avGetPixFmtName(frame.format as AVPixelFormat) ?? '') ? this.#onPaper(frame) : frame
    const scaler = this.#scaled(from, size, toSrgb === undefined ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_RGB48LE)
    if (toSrgb === undefined) return scaler.pixels
    const { pixels, rgb } = scaler
    toSrgb(new Uint16Array(pixels.buffer, pixels.byteOffset, pixels.length / 2), rgb)
    return rgb
  }

  free(): void {
    for (const { context, target } of this.#scalers.values()) {
      context.freeContext()
      target.free()
    }
    this.#scalers.clear()
    this.#opaque?.frame.free()
  }

  #check(code: number, doing: string): void {
    FFmpegError.throwIfError(code, `${doing} ${this.#file}`)
  }

  #scaled(frame: Frame, size: Size, format: AVPixelFormat): Scaler {
    const key = `${size.width}x${size.height} ${format}`
    const scaler = this.#scalers.get(key) ?? createScaler(size, format, frame.width)
    this.#scalers.set(key, scaler)
    this.#check(scaler.context.scaleFrameSync(scaler.target, frame), 'cannot scale')
    return scaler
  }

  /**
   * Two half pictures of different moments: the lines of the later one are made anew from their neighbours. The frame is a whole one
   * then, which the scaler asks for.
   */
  #keepFirstField(frame: Frame): void {
    this.#check(frame.makeWritable(), 'no memory for a frame of')
    const deep = /(9|1[0246])[lb]e$/.test(avGetPixFmtName(frame.format as AVPixelFormat) ?? '')
    for (const [i, plane] of (frame.data ?? []).entries()) {
      const stride = frame.linesize[i] ?? 0
      const rows = stride > 0 ? Math.floor(plane.length / stride) : 0
      for (let row = 1; row + 1 < rows; row += 2) {
        const at = row * stride
        if (deep) plane.copyWithin(at, at - stride, at)
        else for (let x = at; x < at + stride; x++) plane[x] = ((plane[x - stride] as number) + (plane[x + stride] as number) + 1) >> 1
      }
    }
    frame.flags &= ~AV_FRAME_FLAG_INTERLACED
  }

  /** Laid on white before it is scaled: what lies under transparent pixels must not shine through at their edges. */
  #onPaper(frame: Frame): Frame {
    const { width, height } = frame
    const { pixels } = this.#scaled(frame, { width, height }, AV_PIX_FMT_RGBA)
    if (this.#opaque?.frame.width !== width || this.#opaque.frame.height !== height) {
      this.#opaque?.frame.free()
      this.#opaque = createFrame({ width, height }, AV_PIX_FMT_RGB24)
    }
    const rgb = this.#opaque.pixels
    const premultiplied = frame.alphaMode === AVALPHA_MODE_PREMULTIPLIED
    for (let from = 0, to = 0; from < pixels.length; from += 4, to += 3) {
      const alpha = pixels[from + 3] as number
      for (let c = 0; c < 3; c++) {
        const value = pixels[from + c] as number
        rgb[to + c] = ((premultiplied ? 255 : alpha) * value + (255 - alpha) * PAPER + 127) / 255
      }
    }
    return this.#opaque.frame
  }
}

function createScaler(size: Size, format: AVPixelFormat, from: number): Scaler {
  const context = new SoftwareScaleContext()
  context.allocContext()
  context.setOption('sws_flags', (size.width < from ? SWS_AREA : SWS_BICUBIC) | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT)
  const { frame: target, pixels } = createFrame(size, format)
  return { context, target, pixels, rgb: format === AV_PIX_FMT_RGB48LE ? Buffer.alloc(pixels.length / 2) : pixels }
}

/** A frame whose rows follow each other without gaps. @throws Error without memory */
function createFrame({ width, height }: Size, format: AVPixelFormat): { frame: Frame; pixels: Buffer } {
  const frame = new Frame()
  frame.alloc()
  frame.width = width
  frame.height = height
  frame.format = format
  FFmpegError.throwIfError(frame.getBuffer(1), `no memory for a frame of ${width} x ${height}`)
  const [plane] = frame.data ?? []
  const stride = (BYTES_A_PIXEL.get(format) ?? 0) * width
  if (plane === undefined || frame.linesize[0] !== stride) throw new Error(`no memory for a frame of ${width} x ${height}`)
  return { frame, pixels: plane.subarray(0, stride * height) }
}
