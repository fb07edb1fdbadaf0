/** What was said so far, and how a reply becomes tokens for the caller and text for the voice. */
import { type ChatMessage, textOf } from '../shared/chat.ts'

/** Messages of history that are kept; the oldest go first. */
const MAX_HISTORY = 60
/** Longest reply, characters: about twenty minutes of speech. */
export const MAX_REPLY_CHARS = 20_000

export class Conversation {
  readonly #persona: ChatMessage
  #history: ChatMessage[] = []

  constructor(persona: string) {
    this.#persona = { role: 'system', content: persona }
  }

  /**
   * The messages to answer. A caller that sends replies of its own keeps the history itself, and its list is taken as it
   * is; one that sends only what is new gets the session's history in front. The persona leads where no system message does.
   */
  prompt(sent: readonly ChatMessage[]): ChatMessage[] {
    const callerKeepsHistory = sent.some((message) => message.role === 'assistant')
    const messages = callerKeepsHistory ? [...sent] : [...this.#history, ...sent]
    return messages.some((message) => message.role === 'system') ? messages : [this.#persona, ...messages]
  }

  heardFromUser(sent: readonly ChatMessage[]): string | undefined {
    const newest = sent.findLast((message) => message.role === 'user')
    if (newest) this.#remember(newest)
    return newest && textOf(newest.content)
  }

  /** Only what was heard: the text up to the last sound that played. */
  saidByAvatar(spokenText: string): void {
    if (spokenText !== '') this.#remember({ role: 'assistant', content: spokenText })
  }

  #remember(message: ChatMessage): void {
    this.#history.push(message)
    if (this.#history.length > MAX_HISTORY) this.#history = this.#history.slice(-MAX_HISTORY)
  }
}
