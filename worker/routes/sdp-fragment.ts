/** Parses SDP fragments, in which WHEP clients send ICE candidates (RFC 8840 section 9). */
import type { IceCandidate } from '../../shared/api.ts'
import { AvatarError } from '../../shared/errors.ts'

/** Candidates of one fragment. */
const MAX_CANDIDATES = 64
const MAX_CANDIDATE_LENGTH = 1_024

export interface SdpFragment {
  candidates: IceCandidate[]
  /** New credentials without a candidate: an ICE restart. */
  restarts: boolean
}

/** @throws AvatarError INVALID_REQUEST */
export function parseSdpFragment(text: string): SdpFragment {
  const candidates: IceCandidate[] = []
  let index = -1
  let mid: string | undefined
  let credentials = false
  let ended = false
  for (const line of text.split(/\r\n|\n/)) {
    if (line.startsWith('m=')) {
      index += 1
      mid = undefined
    } else if (line.startsWith('a=mid:')) {
      mid = line.slice('a=mid:'.length).trim().slice(0, 64)
    } else if (line.startsWith('a=ice-ufrag:')) {
      credentials = true
    } else if (line.startsWith('a=end-of-candidates')) {
      ended = true
    } else if (line.startsWith('a=candidate:')) {
      if (line.length > MAX_CANDIDATE_LENGTH || candidates.length >= MAX_CANDIDATES) throw invalid('The fragment holds too much.')
      candidates.push({
        candidate: line.slice('a='.length),
        ...(mid === undefined ? {} : { sdpMid: mid }),
        sdpMLineIndex: Math.max(0, index),
      })
    } else if (line !== '' && !/^[a-z]=/.test(line)) {
      throw invalid('The body is no SDP fragment.')
    }
  }
  if (candidates.length === 0 && !ended && !credentials) throw invalid('The fragment holds no candidate.')
  return { candidates, restarts: credentials && candidates.length === 0 && !ended }
}

function invalid(message: string): AvatarError {
  return new AvatarError('INVALID_REQUEST', message)
}
