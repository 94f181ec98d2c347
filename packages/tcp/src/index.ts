/**
 * TCP, RFC 9293.
 *
 * @packageDocumentation
 */

import type { Ip } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import { TcpLayer } from './layer.ts'
import { tcpOptions } from './options.ts'

export { TcpLayer } from './layer.ts'
export { tcpOptions } from './options.ts'
export { transitions, isSynchronized, type TcpEvent } from './states.ts'
export type { Congestion, CongestionControl } from './congestion/congestion.ts'
export { cubic } from './congestion/cubic.ts'

/** TCP over the network layers that are composed. */
export const tcp = /* @__PURE__ */ feature({
  name: 'tcp',
  symbol: 'CONFIG_NET_TCP',
  options: tcpOptions,
  needs: { ip: type<Ip>() },
  create({ ip }, { env, options, onStop }): TcpLayer {
    const layer = new TcpLayer(env, ip, options)
    onStop(() => layer.stop())
    return layer
  },
})
