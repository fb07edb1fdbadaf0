declare namespace Cloudflare {
  interface Env {
    SESSION: DurableObjectNamespace
    TENANT: DurableObjectNamespace
    POOL: DurableObjectNamespace
    TOKEN_SECRET: string
    ORIGIN_KEY: string
  }
  interface GlobalProps {
    mainModule: typeof import('../../../worker/index.ts')
  }
}
