/** The session as customers hold it: the core's, and in a browser a way onto the page. */
import { type AttachOptions, View } from './browser/attach.ts'
import { Session } from './core/session.ts'

export class AvatarSession extends Session {
  /**
   * Shows the session in an element and lets it sound; connects if that was not done. The element's position is set to
   * `relative` where it was `static`. Connection failures reach handlers of `connection`; call `connect()` first to await them.
   *
   * @example session.attach(document.querySelector('#stage'))
   */
  attach(element: HTMLElement, options: AttachOptions = {}): View {
    if (getComputedStyle(element).position === 'static') element.style.position = 'relative'
    const view = new View(this, element, options)
    // a failure is told to handlers of `connection`, which is where a view's owner looks
    if (this.connection === 'closed') void this.connect({ media: 'binary', audio: 'chunks' }).catch(() => undefined)
    return view
  }
}
