import type { Ip } from '@favonius/contract'
import { type, type Context, type Settings } from '@favonius/kconfig'
import { TcpLayer } from './layer.ts'
import { tcpOptions } from './options.ts'

/** What `tcp()` and `@favonius/tcp/bare` share: everything but what they select. */
export const definition = {
  name: 'tcp',
  symbol: 'CONFIG_NET_TCP',
  options: tcpOptions,
  needs: { ip: /* @__PURE__ */ type<Ip>() },
  create({ ip }: { readonly ip: Ip }, { env, options, onStop }: Context & { readonly options: Settings<typeof tcpOptions> }): TcpLayer {
    const layer = new TcpLayer(env, ip, options)
    onStop(() => layer.stop())
    return layer
  },
} as const
