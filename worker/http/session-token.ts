/** Session tokens: HS256 JWTs that open and drive one session until it must be over (RFC 7519). */
import { jwtVerify, SignJWT } from 'jose'
import * as z from 'zod'

const AUDIENCE = 'avatar-session'
/** Seconds that a token outlives the longest session. */
const GRACE_S = 60

export interface SessionToken {
  tenant: string
  sessionId: string
}

const Payload = z.object({ sub: z.uuid(), tenant: z.string().min(1) })

function keyOf(secret: string): Uint8Array {
  return new TextEncoder().encode(secret)
}

export function mintToken({ tenant, sessionId }: SessionToken, secret: string, maxDurationS: number): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  return new SignJWT({ tenant })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setAudience(AUDIENCE)
    .setSubject(sessionId)
    .setIssuedAt(now)
    .setExpirationTime(now + Math.ceil(maxDurationS) + GRACE_S)
    .sign(keyOf(secret))
}

/** Undefined when the token is not ours, not valid or no longer valid. */
export async function readToken(token: string, secret: string): Promise<SessionToken | undefined> {
  try {
    const { payload } = await jwtVerify(token, keyOf(secret), { audience: AUDIENCE, algorithms: ['HS256'], requiredClaims: ['exp'] })
    const { sub, tenant } = Payload.parse(payload)
    return { tenant, sessionId: sub }
  } catch {
    // whatever is wrong with it, the caller is told only that it does not open anything
    return undefined
  }
}
