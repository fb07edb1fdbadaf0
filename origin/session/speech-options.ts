/** What a session's speech is made with. */
import type { SpeakRequest } from '../../shared/api.ts'
import type { SessionConfig } from '../../shared/link.ts'
import type { ReplyServices } from '../chat/reply-runner.ts'
import type { SessionEvents } from '../events/session-events.ts'
import type { Animator } from '../face/animator.ts'
import type { Logger } from '../log.ts'
import type { SocketOutput } from '../media/socket-output.ts'
import type { WebrtcOutput } from '../media/webrtc-output.ts'
import type { SpeechProvider } from '../providers/tts/types.ts'
import type { SpeechPipeline } from '../turn/speech-pipeline.ts'
import type { TurnRecorder } from '../turn/turn-metrics.ts'
import type { SessionLifetime } from './session-lifetime.ts'

/** A text to speak; its session is this one. */
export type SpeakTask = Omit<SpeakRequest, 'mode' | 'session_id'> & Partial<Pick<SpeakRequest, 'mode' | 'session_id'>>

/** What speech uses of the process. */
export interface SpeechServices extends ReplyServices {
  tts: SpeechProvider
  /** Speaks with `tts`. */
  pipeline: SpeechPipeline
  turnRecorder: TurnRecorder
}

export interface SpeechOptions {
  config: SessionConfig
  services: SpeechServices
  /** The avatar's head can be turned. */
  canNod: boolean
  events: SessionEvents
  lifetime: SessionLifetime
  animator: Pick<Animator, 'emotion' | 'act'>
  sockets: SocketOutput
  /** Undefined where this process has no WebRTC. */
  webrtc: Pick<WebrtcOutput, 'cutOff'> | undefined
  log: Logger
  /** The current task, or whether it sounds or is paused, has changed; called once for each change. */
  onChange: () => void
}
