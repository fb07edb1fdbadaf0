/** What all sessions of the process share; `index.ts` builds it. Each part of a session is handed only the services that it uses. */
import type { AudioDecoder } from '../codec/audio.ts'
import type { ListeningServices } from '../listening/listener.ts'
import type { RtcServices } from '../media/peer-output.ts'
import type { Renderer } from '../render/types.ts'
import type { SpeechServices } from './speech-options.ts'

export interface SessionServices extends SpeechServices {
  listening: ListeningServices
  /** Undefined: this process has no WebRTC. */
  rtc?: RtcServices | undefined
  /** What is known of the avatars' models. */
  avatars: Pick<Renderer, 'soundOf' | 'canNod'>
  /** A decoder for one stream of a client's sound: any accepted form to mono PCM at SAMPLE_RATE. */
  openAudio: () => Pick<AudioDecoder, 'push' | 'finish' | 'close' | 'heldMs'>
}
