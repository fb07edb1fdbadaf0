/** The language models behind the avatars, in the shape of OpenAI's list (platform.openai.com/docs/api-reference/models). */
import { ModelInfo, ModelListResponse } from '../../shared/api.ts'
import { AvatarError } from '../../shared/errors.ts'
import type { AppContext } from '../http/context.ts'
import type { RouteTable } from '../http/declare-route.ts'
import { poolStub } from '../objects/stubs.ts'

export function mountModels(routes: RouteTable): void {
  const route = { auth: 'session', rate: 'none', tag: 'Catalog' } as const
  routes.get(
    {
      ...route,
      path: '/v1/models',
      summary: 'List the language models',
      description: 'The models that answer a chat which names none. Others that their servers know may be named too.',
      response: ModelListResponse,
    },
    async ({ context }) => context.json({ object: 'list', data: await models(context) } satisfies ModelListResponse),
  )
  routes.get(
    // a name may contain slashes: `org/model`
    { ...route, path: '/v1/models/{model}', slashes: true, summary: 'One language model', response: ModelInfo, errors: ['NOT_FOUND'] },
    async ({ context }) => {
      const wanted = context.req.param('model') ?? ''
      const known = await models(context)
      const found = known.find(({ id }) => id === wanted)
      if (found === undefined) {
        const names = known.map(({ id }) => id)
        throw new AvatarError('NOT_FOUND', `This model is not configured at any origin; these are: ${names.join(', ') || 'none'}.`, {
          model: wanted.slice(0, 128),
          known: names,
        })
      }
      return context.json(found satisfies ModelInfo)
    },
  )
}

async function models(context: AppContext): Promise<ModelInfo[]> {
  const known = await poolStub(context.env).models()
  return known.map(({ id, provider, since }) => ({ id, object: 'model', created: Math.floor(since / 1000), owned_by: provider }))
}
