/** Who appears, with which voice, in which quality: chosen once, remembered by the browser. */
import type { AvatarInfo, VoiceInfo } from '@avatar/sdk'
import { byId, check, checkedValue } from '../common/dom.ts'

const KEY = 'avatar.choice'
const QUALITIES = ['low', 'medium', 'high'] as const
type Quality = (typeof QUALITIES)[number]

export interface Choice {
  avatar_id?: string
  voice_id?: string
  quality: Quality
}

export class Settings {
  readonly #form = byId('settings', HTMLFormElement)
  readonly #avatar = byId('avatar', HTMLSelectElement)
  readonly #voice = byId('voice', HTMLSelectElement)
  readonly #avatars = new Map<string, AvatarInfo>()
  choice: Choice = remembered()

  constructor(onApply: () => void) {
    check('quality', this.choice.quality)
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault()
      this.#form.hidePopover()
      this.choice = {
        ...(this.#avatar.value ? { avatar_id: this.#avatar.value } : {}),
        ...(this.#voice.value ? { voice_id: this.#voice.value } : {}),
        quality: qualityOf(checkedValue('quality')),
      }
      remember(this.choice)
      onApply()
    })
  }

  /** Name of the person that is chosen. */
  get name(): string {
    const first = [...this.#avatars.values()][0]
    return (this.#avatars.get(this.choice.avatar_id ?? '') ?? first)?.name ?? 'Anna'
  }

  /** What can be chosen; a choice that is no longer offered is forgotten. */
  offer(avatars: readonly AvatarInfo[], voices: readonly VoiceInfo[]): void {
    this.#avatars.clear()
    for (const avatar of avatars) this.#avatars.set(avatar.avatar_id, avatar)
    const { avatar_id, voice_id, quality } = this.choice
    fill(
      this.#avatar,
      avatars.map(({ avatar_id: value, name }) => ({ value, name })),
      avatar_id,
    )
    const byDefault = voices.find((voice) => voice.default)?.voice_id
    fill(
      this.#voice,
      voices.map(({ voice_id: value, name }) => ({ value, name })),
      voice_id ?? byDefault,
    )
    this.choice = {
      ...(avatars.some((avatar) => avatar.avatar_id === avatar_id) && avatar_id ? { avatar_id } : {}),
      ...(voices.some((voice) => voice.voice_id === voice_id) && voice_id ? { voice_id } : {}),
      quality,
    }
  }
}

function fill(select: HTMLSelectElement, options: readonly { value: string; name: string }[], chosen: string | undefined): void {
  select.replaceChildren(...options.map(({ value, name }) => new Option(name, value, false, value === chosen)))
  select.disabled = options.length < 2
}

function remembered(): Choice {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}') as { avatar_id?: unknown; voice_id?: unknown; quality?: unknown }
    return {
      ...(typeof kept.avatar_id === 'string' ? { avatar_id: kept.avatar_id } : {}),
      ...(typeof kept.voice_id === 'string' ? { voice_id: kept.voice_id } : {}),
      quality: qualityOf(kept.quality),
    }
  } catch {
    // no storage here, or something else in it: begin with the defaults
    return { quality: qualityOf(undefined) }
  }
}

function remember(choice: Choice): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(choice))
  } catch {
    // a private window may refuse: then it holds for this page only
  }
}

function qualityOf(value: unknown): Quality {
  return QUALITIES.find((quality) => quality === value) ?? 'high'
}
