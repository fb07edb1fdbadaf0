/** When the user's turn begins and ends, and what it does to the avatar's speech. */
import * as z from 'zod'

export const ListenMode = z
  .enum(['vad', 'manual'])
  .meta({ id: 'ListenMode', description: 'vad: pauses end a turn, hands free; manual: push to talk, stop_listening ends it.' })
export type ListenMode = z.infer<typeof ListenMode>

export const TurnDetection = z
  .object({
    mode: ListenMode.default('vad'),
    threshold: z.number().min(0.05).max(0.95).default(0.5).meta({ description: 'Probability above which sound counts as speech.' }),
    prefix_ms: z.int().min(0).max(1_000).default(300).meta({ description: 'Sound before the start of speech that is transcribed too.' }),
    silence_ms: z.int().min(200).max(5_000).default(500).meta({ description: 'Silence that ends a turn.' }),
    barge_in: z.enum(['vad', 'off']).default('vad').meta({
      description: 'vad: speech of the user pauses the avatar, and words end its turn; off: what is said meanwhile is not heard.',
    }),
    barge_in_ms: z.int().min(40).max(2_000).default(200).meta({ description: 'Speech that pauses the avatar.' }),
    resume_ms: z
      .int()
      .min(500)
      .max(10_000)
      .default(2_000)
      .meta({ description: 'Without words by then, the avatar goes on where it paused.' }),
    backchannels: z.enum(['ignore', 'interrupt']).default('ignore').meta({
      description:
        'ignore: "mm-hm", "okay", "I see", said while the avatar speaks, neither end its turn nor are answered; interrupt: they do as all words.',
    }),
    backchannel_phrases: z
      .array(
        z
          .string()
          .min(1)
          .max(60)
          .refine((phrase) => /[\p{L}\p{N}]/u.test(phrase), 'must hold a letter or a digit'),
      )
      .max(200)
      .optional()
      .meta({
        description:
          'What counts as a backchannel, instead of the built-in list of some twenty languages. Letter case, accents, punctuation and repetition do not count.',
      }),
  })
  .meta({ id: 'TurnDetection' })
export type TurnDetection = z.infer<typeof TurnDetection>
