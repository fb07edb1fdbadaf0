/** The memory that frames pass through on their way into an encoder: sRGB as it is drawn, and what video codecs take. */
import { AV_PIX_FMT_RGB24, AV_PIX_FMT_YUV420P, AVCOL_RANGE_MPEG, AVCOL_SPC_SMPTE170M } from 'node-av/constants'
import { FFmpegError, Frame } from 'node-av/lib'

/** @param size side of the square frames, pixels, even @throws Error without memory */
export function rgbYuvFrames(size: number): { rgb: Frame; yuv: Frame } {
  const frames = { rgb: new Frame(), yuv: new Frame() }
  for (const [frame, format] of [
    [frames.rgb, AV_PIX_FMT_RGB24],
    [frames.yuv, AV_PIX_FMT_YUV420P],
  ] as const) {
    frame.alloc()
    frame.width = size
    frame.height = size
    frame.format = format
    FFmpegError.throwIfError(frame.getBuffer(), 'no memory for a frame')
  }
  frames.yuv.colorSpace = AVCOL_SPC_SMPTE170M
  frames.yuv.colorRange = AVCOL_RANGE_MPEG
  return frames
}
