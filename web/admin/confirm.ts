/** Asks before something that cannot be taken back. */
import { byId } from '../common/dom.ts'

/** Whether the operator said yes. */
export async function confirmed({ title, text, yes }: { title: string; text: string; yes: string }): Promise<boolean> {
  const dialog = byId('confirm', HTMLDialogElement)
  byId('confirm-title', HTMLHeadingElement).textContent = title
  byId('confirm-text', HTMLParagraphElement).textContent = text
  byId('confirm-yes', HTMLButtonElement).textContent = yes
  dialog.returnValue = ''
  const closed = new Promise((resolve) => dialog.addEventListener('close', resolve, { once: true }))
  dialog.showModal()
  await closed
  return dialog.returnValue === 'yes'
}
