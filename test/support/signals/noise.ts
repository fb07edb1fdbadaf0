/** Sounds that are no speech, made here and not where the detector was trained. 16 kHz, RMS 1 over the loud parts, the same at every run. */
const RATE = 16_000

export type Random = () => number

/** Mulberry32: the same numbers for the same seed. */
export function seeded(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

function gauss(random: Random): number {
  return Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random())
}

function white(n: number, random: Random): Float32Array {
  return Float32Array.from({ length: n }, () => gauss(random))
}

/** Paul Kellet's filter: 3 dB an octave. */
function pink(n: number, random: Random): Float32Array {
  let [b0, b1, b2] = [0, 0, 0]
  return Float32Array.from({ length: n }, () => {
    const w = gauss(random)
    b0 = 0.99765 * b0 + w * 0.099046
    b1 = 0.963 * b1 + w * 0.2965164
    b2 = 0.57 * b2 + w * 1.0526913
    return b0 + b1 + b2 + w * 0.1848
  })
}

function hum(n: number, random: Random): Float32Array {
  return Float32Array.from({ length: n }, (_, i) => {
    const t = (2 * Math.PI * 50 * i) / RATE
    return Math.sin(t) + 0.5 * Math.sin(3 * t) + 0.3 * Math.sin(5 * t) + 0.2 * Math.sin(8 * t) + 0.05 * gauss(random)
  })
}

function clicks(n: number, random: Random): Float32Array {
  const out = new Float32Array(n)
  for (let at = 0.1 * RATE; at < n; at += (0.1 + 0.5 * random()) * RATE) {
    const loud = 0.5 + random()
    for (let i = 0; i < 300 && at + i < n; i++) out[Math.floor(at) + i] = loud * gauss(random) * Math.exp(-i / 40)
  }
  return out
}

/** Typing: down and up strokes of a key, each a noise and a dull knock. */
function keyboard(n: number, random: Random): Float32Array {
  const out = new Float32Array(n)
  const stroke = (at: number, loud: number): void => {
    const knockHz = 150 + 250 * random()
    for (let i = 0; i < 900 && at + i < n; i++) {
      const knock = Math.sin((2 * Math.PI * knockHz * i) / RATE) * Math.exp(-i / 200)
      out[at + i] = (out[at + i] ?? 0) + loud * (0.6 * gauss(random) * Math.exp(-i / 90) + 0.5 * knock)
    }
  }
  for (let at = 0.05 * RATE; at < n; at += (0.09 + 0.2 * random() + (random() < 0.1 ? 0.6 : 0)) * RATE) {
    const loud = 0.4 + 0.6 * random()
    stroke(Math.floor(at), loud)
    stroke(Math.floor(at + (0.05 + 0.04 * random()) * RATE), 0.5 * loud)
  }
  return out
}

function tones(n: number, random: Random): Float32Array {
  const out = new Float32Array(n)
  const notes = [196, 220, 262, 294, 330, 392, 440, 523, 659]
  for (let at = 0; at < n; ) {
    const length = Math.floor((0.12 + 0.4 * random()) * RATE)
    const hz = notes[Math.floor(random() * notes.length)] ?? 440
    for (let i = 0; i < length && at + i < n; i++) {
      const t = i / RATE
      for (let k = 1; k < 5; k++) out[at + i] = (out[at + i] ?? 0) + (Math.sin(2 * Math.PI * hz * k * t) / k) * Math.exp(-3 * t)
    }
    at += length
  }
  return out
}

/** Pink noise out of digital silence, 0.1 to 1.5 s at a time. */
function bursts(n: number, random: Random): Float32Array {
  const out = pink(n, random)
  for (let at = 0, on = false; at < n; on = !on) {
    const length = Math.floor((on ? 0.1 + 1.4 * random() : 0.3 + 0.9 * random()) * RATE)
    if (!on) out.fill(0, at, at + length)
    at += length
  }
  return out
}

const MAKERS = { white, pink, hum, clicks, keyboard, tones, bursts }
export type NoiseKind = keyof typeof MAKERS
export const NOISES = Object.keys(MAKERS) as NoiseKind[]

export function noise(kind: NoiseKind, samples: number, random: Random): Float32Array {
  const made = MAKERS[kind](samples, random)
  const most = made.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
  const loud = made.filter((value) => Math.abs(value) >= 0.05 * most)
  const rms = Math.sqrt(loud.reduce((sum, value) => sum + value * value, 0) / Math.max(1, loud.length))
  return made.map((value) => value / rms)
}

export function toPcm(sound: Float32Array): Int16Array {
  return Int16Array.from(sound, (value) => Math.max(-32_768, Math.min(32_767, Math.round(value * 32_767))))
}
