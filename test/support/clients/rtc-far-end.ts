/**
 * The server's end of a WebRTC connection, inside the page under test: answers offers with a green frame and a tone, and hears
 * the microphone. So a test of the client needs no server, and can cut every line.
 */
import type { Page } from 'playwright-core'

interface FarEnd {
  /** `silent`: answers, and never connects; `refuse`: WebRTC is not there. */
  mode: 'answer' | 'silent' | 'refuse'
  connections: RTCPeerConnection[]
  candidates: number
  /** Loudness of the microphone now, 0..1. */
  heard(): number
  /** Stands in for the client's `fetch`. */
  fetch: typeof fetch
}
declare global {
  var farEnd: FarEnd
}

export async function installFarEnd(page: Page): Promise<void> {
  await page.evaluate(() => {
    const canvas = document.createElement('canvas')
    canvas.width = 64
    canvas.height = 64
    const draw = canvas.getContext('2d')
    // a frame leaves with every change
    setInterval(() => {
      if (!draw) return
      draw.fillStyle = performance.now() % 80 < 40 ? 'rgb(30 200 30)' : 'rgb(30 202 30)'
      draw.fillRect(0, 0, 64, 64)
    }, 40)
    const context = new AudioContext()
    const tone = new OscillatorNode(context, { frequency: 500 })
    const out = new MediaStreamAudioDestinationNode(context)
    tone.connect(out)
    tone.start()
    let analyser: AnalyserNode | undefined
    const hear = (track: MediaStreamTrack): void => {
      const media = new MediaStream([track])
      // Chromium gives a remote track's sound to Web Audio only while an element plays it too
      const player = new Audio()
      player.muted = true
      player.srcObject = media
      void player.play()
      analyser = new AnalyserNode(context, { fftSize: 2048 })
      new MediaStreamAudioSourceNode(context, { mediaStream: media }).connect(analyser)
    }
    const json = (body: unknown, status = 200): Response => new Response(JSON.stringify(body), { status })
    const answer = async (offer: RTCSessionDescriptionInit): Promise<RTCSessionDescriptionInit> => {
      const pc = new RTCPeerConnection(farEnd.mode === 'silent' ? { iceTransportPolicy: 'relay' } : {})
      farEnd.connections.push(pc)
      pc.addEventListener('track', ({ track }) => hear(track))
      const stream = canvas.captureStream(25)
      for (const track of [...stream.getTracks(), ...out.stream.getTracks()]) pc.addTrack(track, stream)
      await pc.setRemoteDescription(offer)
      await pc.setLocalDescription()
      while (pc.iceGatheringState !== 'complete') await new Promise((resolve) => setTimeout(resolve, 10))
      return { type: 'answer', sdp: pc.localDescription?.sdp ?? '' }
    }
    const farEnd: FarEnd = {
      mode: 'answer',
      connections: [],
      candidates: 0,
      heard: () => {
        const samples = new Float32Array(2048)
        analyser?.getFloatTimeDomainData(samples)
        return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length)
      },
      fetch: async (input, init) => {
        const url = String(input)
        const body = typeof init?.body === 'string' ? JSON.parse(init.body) : {}
        if (url.endsWith('/streaming.start')) {
          const missing = { error: { code: 'WEBRTC_NOT_READY', message: 'There is no WebRTC here.', details: {} } }
          return farEnd.mode === 'refuse' ? json(missing, 501) : json({ status: 'started', sdp: await answer(body.sdp) })
        }
        if (url.endsWith('/streaming.ice')) {
          farEnd.candidates += 1
          if (farEnd.mode === 'answer') await farEnd.connections.at(-1)?.addIceCandidate(body.candidate)
          return json({ status: 'accepted' })
        }
        return await fetch(input, init)
      },
    }
    globalThis.farEnd = farEnd
  })
}
