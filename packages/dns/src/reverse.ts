import type { Address } from '@favonius/contract'

/** The name whose PTR records are the names of an address, in in-addr.arpa or ip6.arpa: RFC 1035 §3.5, RFC 3596 §2.5. */
export function reverseName(address: Address): string {
  const words = address.family === 4 ? [address.w3] : [address.w0, address.w1, address.w2, address.w3]
  const step = address.family === 4 ? 8 : 4
  const parts = words.flatMap((word) => Array.from({ length: 32 / step }, (_, i) => ((word >>> (32 - step - i * step)) & (2 ** step - 1)).toString(step === 8 ? 10 : 16)))
  return `${parts.reverse().join('.')}.${address.family === 4 ? 'in-addr' : 'ip6'}.arpa`
}
