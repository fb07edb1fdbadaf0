import { afterEach, describe, expect, it } from 'vitest'
import type { RtcServices } from '../../../origin/media/peer-output.ts'
import type { RtcPeer, RtcState, RtcStats } from '../../../origin/rtc/types.ts'
import { createRig, type Rig } from '../../support/fakes/session-fakes.ts'

type PeerOptions = Parameters<RtcServices['answer']>[1]

/** Connections whose state the test decides. */
function fakeRtc(): RtcServices & { become: ((state: RtcState) => void)[] } {
  const become: ((state: RtcState) => void)[] = []
  return {
    become,
    answer: async (sdp: string, options: PeerOptions) => {
      const peer: RtcPeer = {
        state: 'connecting',
        videoCodec: undefined,
        hasAudio: false,
        isPlayer: false,
        offeredBy: sdp,
        addCandidate: async () => undefined,
        sendVideo: () => undefined,
        sendAudio: () => undefined,
        stats: () => ({ state: peer.state }) as RtcStats,
        close: async () => undefined,
      }
      become.push((state) => {
        Object.assign(peer, { state })
        options.onState(state)
      })
      return { peer, sdp: '' }
    },
    encoders: { open: () => Promise.reject(new Error('no video here')) as never },
  }
}
const offer = (sdp: string) => ({ sdp: { type: 'offer' as const, sdp } })

let rig: Rig | undefined
afterEach(() => rig?.session.close('client_stop', { afterSpeech: false }))

describe('the edge is told', () => {
  it('who receives by WebRTC, when that changes, and not what it knows', async () => {
    const rtc = fakeRtc()
    const one = createRig({ rtc })
    rig = one
    await one.run(3)
    expect(one.sink.peers).toEqual([])
    await one.session.start(offer('client'))
    await one.session.viewers.watch('viewer')
    await one.run(3)
    expect(one.sink.peers).toEqual([2])
    rtc.become[0]?.('connected')
    rtc.become[1]?.('connected')
    rtc.become[0]?.('disconnected')
    await one.run(3)
    expect(one.sink.peers).toEqual([2])
    rtc.become[0]?.('failed')
    await one.run(1)
    rtc.become[1]?.('failed')
    await one.run(1)
    expect(one.sink.peers).toEqual([2, 1, 0])
  })

  it('that a client which never got through is gone', async () => {
    const rtc = fakeRtc()
    const one = createRig({ rtc })
    rig = one
    await one.session.start(offer('client'))
    await one.run(1)
    rtc.become[0]?.('failed')
    await one.run(1)
    expect(one.sink.peers).toEqual([1, 0])
  })
})
