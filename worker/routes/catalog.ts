/** The avatars and voices that the connected origins offer. */
import { AvatarListResponse, VoiceListResponse } from '../../shared/api.ts'
import type { RouteTable } from '../http/declare-route.ts'
import { poolStub } from '../objects/stubs.ts'

export function mountCatalog(routes: RouteTable): void {
  const route = { auth: 'session', rate: 'none', tag: 'Catalog' } as const
  routes.get({ ...route, path: '/v1/avatars', summary: 'List the avatars', response: AvatarListResponse }, async ({ context }) => {
    const avatars = await poolStub(context.env).avatars()
    return context.json({ avatars, total: avatars.length } satisfies AvatarListResponse)
  })
  routes.get({ ...route, path: '/v1/voices', summary: 'List the voices', response: VoiceListResponse }, async ({ context }) => {
    const voices = await poolStub(context.env).voices()
    return context.json({ voices, total: voices.length } satisfies VoiceListResponse)
  })
}
