/**
 * UDP (RFC 768).
 *
 * @packageDocumentation
 */

import type { Ip, Udp } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import { UdpLayer } from './layer.ts'
import { udpOptions } from './options.ts'

/** UDP over whatever network layers are composed. */
export const udp = /* @__PURE__ */ feature({
  name: 'udp',
  symbol: 'CONFIG_NET_UDP',
  options: udpOptions,
  needs: { ip: type<Ip>() },
  create({ ip }, { env, options, onStop }): Udp {
    const layer = new UdpLayer(env, ip, options)
    onStop(() => layer.stop())
    return layer
  },
})

export { udpOptions } from './options.ts'
export { UdpLayer } from './layer.ts'
