/** Addresses at which other machines reach this one. */
import { networkInterfaces } from 'node:os'
import type { Addresses } from './addresses.ts'

/** Where it listens on all; IPv4 first, without those that need a zone. */
export function networkAddresses({ listen }: Pick<Addresses, 'listen'>): string[] {
  if (listen !== '0.0.0.0' && listen !== '::') return []
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  const usable = all.filter(
    ({ internal, family, address }) => !internal && !address.startsWith('fe80:') && (listen === '::' || family === 'IPv4'),
  )
  return usable.map(({ address }) => address).toSorted((a, b) => Number(a.includes(':')) - Number(b.includes(':')))
}
