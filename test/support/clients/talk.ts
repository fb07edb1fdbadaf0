/** All that a client does to talk with her over the socket, once; every step ends with the event that tells so. */
import { toPcm } from '../signals/noise.ts'
import { ENGLISH, embeddedSpeech } from '../signals/test-speech.ts'
import { until } from '../until.ts'
import type { ApiClient } from './api-client.ts'
import { RtcClient } from './rtc-client.ts'

const MIC_RATE = 16_000
/** Silence after a question, by which its end is known. */
const SILENCE_S = 1
const PIECE_SAMPLES = MIC_RATE / 10

/** What a user's microphone brings: a question, and then silence. 16 kHz. */
export async function spokenQuestion(): Promise<Int16Array> {
  const [said] = await embeddedSpeech(['flite_rms'], ENGLISH.slice(0, 1))
  if (!said) throw new Error('the embedded voice said nothing')
  const question = toPcm(said.sound)
  const sound = new Int16Array(question.length + SILENCE_S * MIC_RATE)
  sound.set(question)
  return sound
}

/** The origin needs a recogniser. */
export async function talkOnce(api: ApiClient, question: Int16Array): Promise<void> {
  const { sessionId, socket } = await api.join('?events=words,stats,levels&audio=chunks')
  await socket.next('frame')
  const { task_id } = await api.speak(sessionId, 'Hello there. This is the first sentence, and this is the second.')
  await socket.next('speech_finished', { where: (event) => event.task_id === task_id })

  const afterSpeech = socket.events.length
  const messages = [{ role: 'user', content: 'Hello, who are you?' }]
  await api.expectOk('/v1/chat.completions', { session_id: sessionId, messages, stream: false })
  await socket.next('speech_finished', { from: afterSpeech })

  const afterChat = socket.events.length
  socket.send({ type: 'audio_buffer_append', data: { audio: base64(question), format: 'pcm_s16le', sample_rate: MIC_RATE } })
  socket.send({ type: 'audio_buffer_commit' })
  await socket.next('speech_finished', { from: afterChat })

  const afterSound = socket.events.length
  socket.send({ type: 'start_listening', data: { mode: 'vad' } })
  for (let at = 0; at < question.length; at += PIECE_SAMPLES) {
    const audio = base64(question.subarray(at, at + PIECE_SAMPLES))
    socket.send({ type: 'user_audio_append', data: { audio, format: 'pcm_s16le', sample_rate: MIC_RATE, channels: 1 } })
  }
  await socket.next('user_speech_stopped', { from: afterSound })
  await socket.next('chat', { from: afterSound, where: ({ role }) => role === 'user' })
  await socket.next('speech_started', { from: afterSound })
  socket.send({ type: 'interrupt' })
  await socket.next('interrupted', { from: afterSound })
  socket.send({ type: 'stop_listening' })
  await api.stop(sessionId)
  await socket.next('session_ended')
  socket.close()
}

function base64(pcm: Int16Array): string {
  return Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength).toString('base64')
}

/** The same session in a `<video>` element's way: WebRTC to the origin, until she is seen. */
export async function watchOnce(api: ApiClient): Promise<void> {
  const { sessionId, socket } = await api.join()
  const client = new RtcClient()
  try {
    const sdp = { type: 'offer', sdp: await client.offer() }
    const answer = await api.expectOk<{ sdp: { sdp: string } }>('/v1/streaming.start', { session_id: sessionId, sdp })
    await client.connect(answer.sdp.sdp)
    await until('a frame over WebRTC', () => client.video.length > 0)
  } finally {
    await client.close()
    await api.stop(sessionId)
    socket.close()
  }
}
