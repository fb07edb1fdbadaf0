/** All of a session that leaves by WebRTC: its own client's connection, and those of its viewers. */
import { PeerOutput, type PeerOutputOptions } from './peer-output.ts'
import { Viewers } from './viewers.ts'

export class WebrtcOutput {
  readonly client: PeerOutput
  readonly viewers: Viewers

  constructor(options: PeerOutputOptions) {
    this.client = new PeerOutput(options)
    this.viewers = new Viewers(options)
  }

  get wantsFrames(): boolean {
    return this.client.wantsFrames || this.viewers.wantsFrames
  }

  /** The sound of one tick, as PeerOut takes it. */
  sound(pcm: Int16Array | undefined, dueMs: number, about: { stale: boolean }): void {
    this.client.sound(pcm, dueMs, about)
    this.viewers.sound(pcm, dueMs, about)
  }

  /** Speech was interrupted: it dies away. */
  cutOff(): void {
    this.client.cutOff()
    this.viewers.cutOff()
  }

  /** @param rgb handed over @param dueMs on the same clock as sound */
  frame(rgb: Uint8Array<ArrayBuffer>, dueMs: number): void {
    // whoever encodes a frame takes its bytes along
    if (this.viewers.wantsFrames) this.viewers.frame(rgb.slice(), dueMs)
    this.client.frame(rgb, dueMs)
  }

  close(): void {
    this.client.close()
    this.viewers.close()
  }
}
