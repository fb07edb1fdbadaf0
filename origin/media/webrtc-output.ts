/** A session's WebRTC output: its own client's connection, and those of its viewers. */
import { PeerOutput, type PeerOutputOptions } from './peer-output.ts'
import { Viewers } from './viewers.ts'

export class WebrtcOutput {
  readonly client: PeerOutput
  readonly viewers: Viewers

  constructor(options: PeerOutputOptions) {
    this.client = new PeerOutput(options)
    this.viewers = new Viewers(options)
  }

  /** Connections that live, those still being made included. */
  get peers(): number {
    return this.viewers.size + (this.client.alive ? 1 : 0)
  }

  /** Speech would be lost to somebody who is about to hear it: the client, or the first viewer where nobody hears it yet. */
  get awaited(): boolean {
    return this.client.awaited || (this.viewers.awaited && !this.client.active)
  }

  get wantsFrames(): boolean {
    return this.client.wantsFrames || this.viewers.wantsFrames
  }

  /** The sound of one tick, see PeerOutput. */
  sound(pcm: Int16Array | undefined, dueMs: number, about: { stale: boolean }): void {
    this.client.sound(pcm, dueMs, about)
    this.viewers.sound(pcm, dueMs, about)
  }

  /** Speech was interrupted: it fades out. */
  cutOff(): void {
    this.client.cutOff()
    this.viewers.cutOff()
  }

  /** @param rgb handed over @param dueMs on the same clock as sound */
  frame(rgb: Uint8Array<ArrayBuffer>, dueMs: number): void {
    // encoding transfers the frame's bytes to another thread
    if (this.viewers.wantsFrames) this.viewers.frame(rgb.slice(), dueMs)
    this.client.frame(rgb, dueMs)
  }

  close(): void {
    this.client.close()
    this.viewers.close()
  }
}
