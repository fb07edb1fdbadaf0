/** Keys that work anywhere on the page. What they are stands in the settings, and in `aria-keyshortcuts`. */

export interface ShortcutActions {
  interrupt: () => void
  /** Push to talk, while the space bar is down. */
  press: () => void
  release: () => void
  toggleMicrophone: () => void
  toggleSound: () => void
  toggleCaptions: () => void
  /** A character was typed beside every field. */
  type: () => void
}

/** @param field of the message; in an empty one, a space bar held down is push to talk */
export function listenForShortcuts(field: HTMLTextAreaElement, actions: ShortcutActions): void {
  const byCode: Partial<Record<string, () => void>> = {
    KeyM: actions.toggleMicrophone,
    KeyS: actions.toggleSound,
    KeyC: actions.toggleCaptions,
  }
  let held = false

  document.addEventListener('keydown', (event) => {
    const open = document.querySelector('[popover]:popover-open') !== null
    if (event.isComposing || open) return
    const { altKey, ctrlKey, metaKey, shiftKey, key, code, target } = event
    if (key === 'Escape') actions.interrupt()
    else if (altKey && !ctrlKey && !metaKey && !shiftKey) {
      const act = byCode[code]
      if (!act) return
      event.preventDefault()
      if (!event.repeat) act()
    } else if (code === 'Space' && !ctrlKey && !metaKey && (isNowhere(target) || (target === field && field.value === ''))) {
      event.preventDefault()
      if (!event.repeat) actions.press()
      held = true
    } else if (key.length === 1 && !ctrlKey && !metaKey && isNowhere(target)) actions.type()
  })
  const release = (): void => {
    if (held) actions.release()
    held = false
  }
  document.addEventListener('keyup', ({ code }) => {
    if (code === 'Space') release()
  })
  addEventListener('blur', release)
}

function isNowhere(target: EventTarget | null): boolean {
  return target === document.body || (target instanceof HTMLElement && target.id === 'scroll')
}
