/** Who can appear and how they can sound: what the connected origins offer. */
import { AvatarListResponse, VoiceListResponse } from '../../shared/api.ts'
import { callerOf } from '../http/auth.ts'
import type { App } from '../http/context.ts'
import { get } from '../http/declare-route.ts'
import { poolStub } from '../objects/stubs.ts'

export function mountCatalog(app: App): void {
  get(app, { path: '/v1/avatars', tag: 'Catalog', summary: 'List the avatars', response: AvatarListResponse }, async (context) => {
    await callerOf(context)
    const avatars = await poolStub(context.env).avatars()
    return context.json({ avatars, total: avatars.length } satisfies AvatarListResponse)
  })
  get(app, { path: '/v1/voices', tag: 'Catalog', summary: 'List the voices', response: VoiceListResponse }, async (context) => {
    await callerOf(context)
    const voices = await poolStub(context.env).voices()
    return context.json({ voices, total: voices.length } satisfies VoiceListResponse)
  })
}
