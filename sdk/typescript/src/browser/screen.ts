/** What is on the page: a video element for WebRTC, over it a canvas for frames of the socket, and a button for sound. */

export interface ScreenOptions {
  /** What the video shows, for screen readers. @default 'Avatar' */
  label?: string
  /** How the video fills the element. @default 'cover' */
  fit?: 'cover' | 'contain'
  /** Shows a button over the video while the browser waits for a gesture before it allows sound. @default true for `attach` */
  soundButton?: boolean
}

export class Screen {
  readonly video: HTMLVideoElement
  readonly canvas: HTMLCanvasElement
  readonly #button: HTMLButtonElement | undefined
  readonly #offs: (() => void)[] = []
  /** There is a frame on the canvas. */
  #drawn = false

  /** Fills an element; its position becomes `relative` where it was `static`. */
  static in(element: HTMLElement, options: ScreenOptions, onSound: () => void): Screen {
    if (getComputedStyle(element).position === 'static') element.style.position = 'relative'
    const video = document.createElement('video')
    Object.assign(video.style, { display: 'block', width: '100%', height: '100%', objectFit: options.fit ?? 'cover' })
    element.append(video)
    const screen = new Screen(video, options, onSound)
    Object.assign(screen.canvas.style, { inset: '0', width: '100%', height: '100%', objectFit: options.fit ?? 'cover' })
    screen.#offs.push(() => video.remove())
    return screen
  }

  /** Takes a video element of the page, and lies over it while frames come over the socket. */
  static over(video: HTMLVideoElement, options: ScreenOptions, onSound: () => void): Screen {
    const screen = new Screen(video, { soundButton: false, ...options }, onSound)
    const { canvas } = screen
    const place = (): void => {
      const { offsetLeft, offsetTop, offsetWidth, offsetHeight } = video
      const { objectFit, objectPosition, borderRadius, transform, zIndex } = getComputedStyle(video)
      const [left, top, width, height] = [offsetLeft, offsetTop, offsetWidth, offsetHeight].map((px) => `${px}px`)
      Object.assign(canvas.style, {
        left,
        top,
        width,
        height,
        objectFit: options.fit ?? objectFit,
        objectPosition,
        borderRadius,
        transform,
        zIndex,
      })
    }
    const sized = new ResizeObserver(place)
    sized.observe(video)
    addEventListener('resize', place)
    place()
    screen.#offs.push(
      () => sized.disconnect(),
      () => removeEventListener('resize', place),
    )
    return screen
  }

  private constructor(video: HTMLVideoElement, { label = 'Avatar', soundButton = true }: ScreenOptions, onSound: () => void) {
    this.video = video
    video.autoplay = true
    video.playsInline = true
    if (!video.hasAttribute('aria-label')) video.setAttribute('aria-label', label)
    this.canvas = document.createElement('canvas')
    this.canvas.setAttribute('role', 'img')
    this.canvas.setAttribute('aria-label', label)
    Object.assign(this.canvas.style, { position: 'absolute', pointerEvents: 'none', visibility: 'hidden' })
    video.after(this.canvas)
    if (!soundButton) return
    this.#button = makeSoundButton(onSound)
    this.canvas.after(this.#button)
  }

  /** The video's frames are seen from now on. */
  showVideo(): void {
    this.canvas.style.visibility = 'hidden'
  }

  /** The canvas is seen from now on, and on it, to begin with, the video's last frame; an empty one is not. */
  showCanvas(): void {
    const { canvas } = this
    if (canvas.style.visibility !== 'hidden') return
    this.#holdFrame()
    if (this.#drawn) canvas.style.visibility = 'visible'
  }

  /** A frame was drawn on the canvas: it is seen, and a video element that shows nothing yet takes its shape. */
  drawn(): void {
    const { canvas, video } = this
    this.#drawn = true
    canvas.style.visibility = 'visible'
    if (video.style.aspectRatio === '') video.style.aspectRatio = `${canvas.width} / ${canvas.height}`
  }

  set needsGesture(needed: boolean) {
    if (this.#button) this.#button.hidden = !needed
  }

  remove(): void {
    for (const off of this.#offs.splice(0)) off()
    this.canvas.remove()
    this.#button?.remove()
  }

  #holdFrame(): void {
    const { video, canvas } = this
    if (video.videoWidth === 0) return
    if (canvas.width !== video.videoWidth || canvas.height !== video.videoHeight) {
      canvas.width = video.videoWidth
      canvas.height = video.videoHeight
    }
    canvas.getContext('2d')?.drawImage(video, 0, 0)
    this.#drawn = true
  }
}

function makeSoundButton(onPress: () => void): HTMLButtonElement {
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = '🔈 Tap for sound'
  button.addEventListener('click', onPress)
  const style = { position: 'absolute', insetInlineStart: '12px', bottom: '12px', padding: '8px 14px', border: '0', borderRadius: '999px' }
  Object.assign(button.style, style, { background: 'rgb(0 0 0 / 60%)', color: '#fff', font: '500 14px system-ui', cursor: 'pointer' })
  return button
}
