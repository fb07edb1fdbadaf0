/** What the origin asks of a speech-to-text provider. */

/** Hz of the sound that recognisers are given. */
export const STT_SAMPLE_RATE = 16_000

/** One utterance on its way to text. */
export interface Transcript {
  /** The next sound: 16-bit PCM, mono, STT_SAMPLE_RATE. Sent at once where the vendor takes it as it comes. */
  push(pcm: Int16Array): void
  /**
   * The utterance is over.
   *
   * @returns its text; empty where there are no words
   * @throws AvatarError `PROVIDER_FAILED`; rejects with the signal's reason when aborted
   */
  finish(): Promise<string>
}

export interface TranscriptOptions {
  /** Called with all text so far, whenever there is more; not by providers that take whole utterances. */
  onPartial: (text: string) => void
  /** Ends the work on this utterance. */
  signal: AbortSignal
}

/** A recogniser in use by one session, while it listens. */
export interface Transcriber {
  begin(options: TranscriptOptions): Transcript
  close(): void
}

export interface TranscriptionProvider {
  readonly name: string
  /** Partial transcripts come while the user speaks. */
  readonly live: boolean
  /** @param language of the session, as `en`; undefined where it is not known */
  open(options: { language: string | undefined }): Transcriber
  close(): Promise<void>
}
