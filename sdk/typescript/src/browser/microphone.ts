/** The user's microphone: permission, device, sound in blocks, level. Where the sound goes is not its business. */
import { type AvatarError, avatarError, type LocalErrorCode } from '../core/errors.ts'
import { Resampler } from './resample.ts'

/** Hz of the sound that is handed on. */
export const MICROPHONE_RATE = 24_000
/** Sound in one block, samples of the context: 43 ms at 48 kHz. */
const BLOCK_SAMPLES = 2_048
/** Level that is shown as nothing, dB of full scale. */
const FLOOR_DB = -60

/** Runs in the audio thread: gathers the microphone's quanta of 128 samples into blocks. */
const WORKLET = `registerProcessor('avatar-microphone', class extends AudioWorkletProcessor {
  block = new Float32Array(${BLOCK_SAMPLES}); at = 0
  process([[quantum]]) {
    if (!quantum) return true
    this.block.set(quantum, this.at)
    this.at += quantum.length
    if (this.at === this.block.length) { this.port.postMessage(this.block); this.at = 0 }
    return true
  }
})`

const REASONS: Record<string, { code: LocalErrorCode; message: string }> = {
  NotAllowedError: {
    code: 'MICROPHONE_DENIED',
    message: 'The microphone is not allowed here; let the user allow it in the settings of the browser for this page, and try again.',
  },
  NotFoundError: { code: 'MICROPHONE_MISSING', message: 'There is no microphone; let the user connect one, and try again.' },
  OverconstrainedError: {
    code: 'MICROPHONE_MISSING',
    message: 'This microphone is not there any more; choose another, or leave deviceId out for the usual one.',
  },
  NotReadableError: {
    code: 'MICROPHONE_BUSY',
    message: 'The microphone does not answer; another program may have it. Let the user close that, and try again.',
  },
}
REASONS.SecurityError = REASONS.NotAllowedError as (typeof REASONS)[string]
REASONS.AbortError = REASONS.NotReadableError as (typeof REASONS)[string]

export interface MicrophoneEvents {
  /** 16-bit samples at MICROPHONE_RATE, about 43 ms of them. */
  onSound: (pcm: Int16Array) => void
  /** 0 (silence) to 1 (full scale), of each block. */
  onLevel: (level: number) => void
  /** Another track, after a change of device. */
  onTrack: (track: MediaStreamTrack) => void
  /** The device was taken away. */
  onLost: (error: AvatarError) => void
}

export class Microphone {
  readonly #events: MicrophoneEvents
  #stream: MediaStream | undefined
  #context: AudioContext | undefined
  #source: MediaStreamAudioSourceNode | undefined
  #worklet: AudioWorkletNode | undefined
  #muted = false
  #closed = false

  /** @throws AvatarError MICROPHONE_DENIED, MICROPHONE_MISSING, MICROPHONE_BUSY or MICROPHONE_UNAVAILABLE */
  static async open(deviceId: string | undefined, events: MicrophoneEvents): Promise<Microphone> {
    const microphone = new Microphone(events)
    try {
      await microphone.setDevice(deviceId)
      return microphone
    } catch (error) {
      microphone.close()
      throw error
    }
  }

  private constructor(events: MicrophoneEvents) {
    this.#events = events
  }

  /** What the sound comes from. */
  get track(): MediaStreamTrack | undefined {
    return this.#stream?.getAudioTracks()[0]
  }

  mute(muted: boolean): void {
    this.#muted = muted
    if (this.track) this.track.enabled = !muted
  }

  /** @param deviceId of `enumerateDevices()`; undefined: the usual one  @throws as `open`; the device from before goes on then */
  async setDevice(deviceId: string | undefined): Promise<void> {
    const stream = await askForMicrophone(deviceId)
    try {
      const worklet = await this.#prepare()
      if (this.#closed || !this.#context) throw closed()
      const source = new MediaStreamAudioSourceNode(this.#context, { mediaStream: stream })
      this.#letGo()
      this.#stream = stream
      this.#source = source
      source.connect(worklet)
    } catch (error) {
      for (const track of stream.getTracks()) track.stop()
      throw error
    }
    this.mute(this.#muted)
    const { track } = this
    if (!track) return
    track.addEventListener('ended', () => {
      if (track === this.track) this.#events.onLost(avatarError({ code: 'MICROPHONE_MISSING', message: 'The microphone was taken away.' }))
    })
    this.#events.onTrack(track)
  }

  close(): void {
    this.#closed = true
    this.#letGo()
    this.#worklet?.port.close()
    // closing twice, or while it opens, is of no consequence
    void this.#context?.close().catch(() => undefined)
    this.#context = undefined
  }

  #letGo(): void {
    this.#source?.disconnect()
    for (const track of this.#stream?.getTracks() ?? []) track.stop()
    this.#stream = undefined
  }

  async #prepare(): Promise<AudioWorkletNode> {
    if (this.#worklet) return this.#worklet
    const context = new AudioContext({ latencyHint: 'interactive' })
    this.#context = context
    const url = URL.createObjectURL(new Blob([WORKLET], { type: 'text/javascript' }))
    try {
      await context.audioWorklet.addModule(url)
    } catch (cause) {
      const message = "The page's Content-Security-Policy keeps the microphone's worklet out: add blob: to its script-src."
      throw avatarError({ code: 'MICROPHONE_UNAVAILABLE', message, cause })
    } finally {
      URL.revokeObjectURL(url)
    }
    if (this.#closed) throw closed()
    const worklet = new AudioWorkletNode(context, 'avatar-microphone', {
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: 'explicit',
    })
    const resampler = new Resampler(context.sampleRate, MICROPHONE_RATE)
    worklet.port.onmessage = ({ data }: MessageEvent<Float32Array>) => {
      this.#events.onLevel(levelOf(data))
      this.#events.onSound(resampler.push(data))
    }
    // pending until a gesture in some browsers: sound then begins with it
    void context.resume().catch(() => undefined)
    this.#worklet = worklet
    return worklet
  }
}

async function askForMicrophone(deviceId: string | undefined): Promise<MediaStream> {
  // browsers leave it out where a page may not have it
  const devices = navigator.mediaDevices as MediaDevices | undefined
  if (!devices) {
    const message = 'A page may use the microphone only over https, or on localhost.'
    throw avatarError({ code: 'MICROPHONE_UNAVAILABLE', message })
  }
  const audio: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 }
  try {
    return await devices.getUserMedia({ audio: deviceId === undefined ? audio : { ...audio, deviceId: { exact: deviceId } } })
  } catch (cause) {
    const { name, message: text } = cause as DOMException
    const { code, message } = REASONS[name] ?? { code: 'MICROPHONE_UNAVAILABLE', message: `The microphone cannot be had: ${text}` }
    throw avatarError({ code, message, cause })
  }
}

/** Loudness of a block on a scale that an eye follows: linear in dB above the floor. */
function levelOf(block: Float32Array): number {
  const rms = Math.sqrt(block.reduce((sum, sample) => sum + sample * sample, 0) / block.length)
  return Math.max(0, Math.min(1, 1 - (20 * Math.log10(rms)) / FLOOR_DB))
}

function closed(): AvatarError {
  return avatarError({ code: 'MICROPHONE_UNAVAILABLE', message: 'Listening was stopped before the microphone was there.' })
}
