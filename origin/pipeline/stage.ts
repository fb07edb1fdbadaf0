/** What a stage of a turn is: a function over async streams, configured by a factory. */

export interface StageContext {
  /** Aborted with the turn. */
  signal: AbortSignal
}

/** One step of a turn: reads one stream, yields another. */
export type Stage<In, Out> = (input: AsyncIterable<In>, context: StageContext) => AsyncIterable<Out>
