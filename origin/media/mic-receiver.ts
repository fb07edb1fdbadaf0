/** The client's microphone over WebRTC: Opus packets and gaps to PCM. */
import { MIC_SAMPLE_RATE, OpusMicDecoder } from '../codec/opus.ts'
import type { MicPiece } from '../rtc/types.ts'

export class MicReceiver {
  readonly #onPcm: (pcm: Int16Array) => void
  #decoder = new OpusMicDecoder()

  /** @param onPcm called with about 20 ms of mono PCM at MIC_SAMPLE_RATE */
  constructor(onPcm: (pcm: Int16Array) => void) {
    this.#onPcm = onPcm
  }

  /** Another connection begins: the decoder's state belongs to the one before. */
  reset(): void {
    this.#decoder = new OpusMicDecoder()
  }

  receive(piece: MicPiece): void {
    let pcm: Int16Array
    try {
      pcm = this.#toPcm(piece)
    } catch {
      // a damaged packet is treated as a lost packet
      return
    }
    this.#onPcm(pcm)
  }

  /** @throws Error when the bytes are no Opus packet */
  #toPcm(piece: MicPiece): Int16Array {
    if (piece.kind === 'sound') return this.#decoder.decode(piece.opus)
    if (piece.kind === 'lost') return this.#decoder.conceal(piece.ms)
    return new Int16Array(Math.round((piece.ms * MIC_SAMPLE_RATE) / 1000))
  }
}
