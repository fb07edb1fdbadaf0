/** A bad network between a browser and the origin: a UDP relay that loses and delays what it carries. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'

export interface LossyRelay {
  /** The answer with the relay as its only candidate. */
  sdp: string
  /** Media packets that were lost. */
  lost(): number
  /** Lets nothing through any more, or again. */
  setBlocked(blocked: boolean): void
  close(): void
}

export interface LossyRelayOptions {
  /** Share of media packets that are lost, both ways. */
  loss: number
  delayMs: number
  /** What the line to the browser carries, bit/s: more waits, and is lost from QUEUE_MS on. @default no bound */
  bps?: number
}

/** ms of packets that a narrow line keeps. */
const QUEUE_MS = 300

/** First bytes of RTP and RTCP (RFC 7983); STUN and DTLS, which have retransmission of their own, are only delayed. */
const isMedia = (packet: Buffer): boolean => (packet[0] ?? 0) >= 128 && (packet[0] ?? 0) <= 191

export async function openRelay(answerSdp: string, { loss, delayMs, bps }: LossyRelayOptions): Promise<LossyRelay> {
  const originPort = Number(/^a=candidate:\S+ \d+ udp \d+ 127\.0\.0\.1 (\d+) /m.exec(answerSdp)?.[1])
  const front = await bound()
  const back = await bound()
  let browser: RemoteInfo | undefined
  let lost = 0
  let blocked = false
  const timers = new Set<NodeJS.Timeout>()
  let freeMs = 0
  const carry = (packet: Buffer, send: () => void, { narrow = false } = {}): void => {
    const now = performance.now()
    const waitMs = narrow && bps !== undefined ? Math.max(0, freeMs - now) + (packet.length * 8_000) / bps : 0
    if (blocked || waitMs > QUEUE_MS || (isMedia(packet) && Math.random() < loss)) {
      lost += 1
      return
    }
    if (waitMs > 0) freeMs = now + waitMs
    if (delayMs + waitMs === 0) {
      send()
      return
    }
    const timer = setTimeout(() => {
      timers.delete(timer)
      send()
    }, delayMs + waitMs)
    timers.add(timer)
  }
  front.on('message', (packet, from) => {
    browser = from
    carry(packet, () => back.send(packet, originPort, '127.0.0.1'))
  })
  back.on('message', (packet) => {
    const to = browser
    if (to) carry(packet, () => front.send(packet, to.port, to.address), { narrow: true })
  })
  const candidate = `a=candidate:relay 1 udp 2130706431 127.0.0.1 ${front.address().port} typ host`
  let placed = false
  const sdp = answerSdp
    .split('\r\n')
    .flatMap((line) => {
      if (!line.startsWith('a=candidate:')) return [line]
      if (placed) return []
      placed = true
      return [candidate]
    })
    .join('\r\n')
  return {
    sdp,
    lost: () => lost,
    setBlocked: (value) => {
      blocked = value
    },
    close: () => {
      for (const timer of timers) clearTimeout(timer)
      front.close()
      back.close()
    },
  }
}

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  return socket
}
