/** ICE servers of a session: those configured, and TURN servers with credentials that last as long as the session may. */
import * as z from 'zod'
import { IceServer } from '../shared/api.ts'
import type { Config } from './env.ts'
import { log, reasonOf } from './log.ts'

const CLOUDFLARE_TURN = 'https://rtc.live.cloudflare.com/v1/turn/keys'
const MINT_TIMEOUT_MS = 3_000
/** s that credentials outlast the session: clocks differ. */
const MARGIN_S = 60

const CloudflareReply = z.object({ iceServers: z.union([IceServer, z.array(IceServer)]) })

export interface MintedIceServers {
  iceServers: IceServer[]
  /** What did not work, in words for the API caller. */
  warnings: string[]
}

/** Never fails: without TURN, most clients still connect. */
export async function mintIceServers(config: Config, sessionId: string): Promise<MintedIceServers> {
  const iceServers = [...config.ICE_SERVERS]
  const ttlS = Math.ceil(config.MAX_DURATION_S) + MARGIN_S
  if (config.TURN_SECRET !== undefined && config.TURN_URLS.length > 0) {
    const credentials = await sharedSecretCredentials(config.TURN_SECRET, sessionId, Math.floor(Date.now() / 1000) + ttlS)
    iceServers.push({ urls: config.TURN_URLS, ...credentials })
  }
  if (config.TURN_KEY_ID === undefined || config.TURN_KEY_TOKEN === undefined) return { iceServers, warnings: [] }
  try {
    return { iceServers: [...iceServers, ...(await cloudflareServers(config.TURN_KEY_ID, config.TURN_KEY_TOKEN, ttlS))], warnings: [] }
  } catch (thrown) {
    log.warn('no TURN credentials', { session_id: sessionId, reason: reasonOf(thrown) })
    return { iceServers, warnings: ['The TURN service gave no credentials: clients behind strict firewalls go over the socket.'] }
  }
}

/** coturn's `use-auth-secret`: the user is the Unix time until which it counts, the password its HMAC-SHA1 (draft-uberti-behave-turn-rest-00). */
export async function sharedSecretCredentials(
  secret: string,
  sessionId: string,
  untilS: number,
): Promise<{ username: string; credential: string }> {
  const bytes = new TextEncoder()
  const username = `${untilS}:${sessionId}`
  const key = await crypto.subtle.importKey('raw', bytes.encode(secret), { name: 'HMAC', hash: 'SHA-1' }, false, ['sign'])
  const mac = await crypto.subtle.sign('HMAC', key, bytes.encode(username))
  return { username, credential: btoa(String.fromCharCode(...new Uint8Array(mac))) }
}

async function cloudflareServers(keyId: string, token: string, ttlS: number): Promise<IceServer[]> {
  const response = await fetch(`${CLOUDFLARE_TURN}/${encodeURIComponent(keyId)}/credentials/generate-ice-servers`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ttl: ttlS }),
    signal: AbortSignal.timeout(MINT_TIMEOUT_MS),
  })
  if (!response.ok) throw new Error(`the TURN service answered ${response.status}`)
  return [CloudflareReply.parse(await response.json()).iceServers].flat()
}
