import type { Ip, Netif } from '@favonius/contract'
import type { Context, Settings } from '@favonius/kconfig'
import type { Ipv6 } from './ipv6.ts'
import { Ipv6Layer } from './layer.ts'
import { ipv6Options } from './options.ts'

interface Parts {
  readonly netif: Netif
  readonly ip: Ip
}

/** What `ipv6()` and `@favonius/ipv6/bare` share: everything but what they select. */
export const definition = {
  name: 'ipv6',
  symbol: 'CONFIG_NET_IPV6',
  options: ipv6Options,
  create({ netif, ip }: Parts, { env, options, onStop }: Context & { readonly options: Settings<typeof ipv6Options> }): Ipv6 {
    const layer = new Ipv6Layer(env, netif, ip, options)
    onStop(() => layer.stop())
    return layer
  },
} as const
