/**
 * IEEE 802.15.4: the MAC over a radio, and IPv6 over it by 6LoWPAN.
 *
 * @packageDocumentation
 */

import type { Interface, LinkAddress, Radio } from '@favonius/contract'
import { feature } from '@favonius/kconfig'
import { netif } from '@favonius/netif'
import { sixlowpan } from '@favonius/sixlowpan'
import { Ieee802154L2, macOf } from './l2.ts'
import { Mac, type MacAttributes } from './mac.ts'
import { ieee802154Options } from './options.ts'

/** How a radio is added. */
export interface AddRadioOptions {
  /** Of the interface; `wpan0` and following unless given. */
  readonly name?: string
  /** An EUI-64 in place of the radio's own. */
  readonly address?: LinkAddress
}

/** `stack.ieee802154`: Zephyr's NET_REQUEST_IEEE802154_*. */
export interface Ieee802154 {
  /** A MAC with this feature's settings over `radio`, and an interface over it. As `netif.add(new Mac(env, radio, settings))`. */
  add(radio: Radio, options?: AddRadioOptions): Interface
  /** PAN, channel, addresses, power: GET_PAN_ID, GET_CHANNEL, GET_SHORT_ADDR, GET_TX_POWER. The extended address is `iface.address`. */
  get(iface: Interface): MacAttributes
  /**
   * Changes what is given: SET_PAN_ID, SET_CHANNEL, SET_SHORT_ADDR, SET_TX_POWER, SET_ACK and UNSET_ACK. An interface keeps its EUI-64: give another
   * one to `add`.
   *
   * @throws RangeError with code EINVAL, and nothing changed.
   */
  set(iface: Interface, changes: Partial<MacAttributes>): void
  /** Energy detection: what is on the channel now, in dBm. */
  energy(iface: Interface): number
}

/** IPv6 over IEEE 802.15.4 (RFC 4944), beaconless. There is no IPv4 over it. */
export const ieee802154 = /* @__PURE__ */ feature({
  name: 'ieee802154',
  symbol: 'CONFIG_NET_L2_IEEE802154',
  options: ieee802154Options,
  selects: [netif(), sixlowpan()],
  create({ netif, sixlowpan }, { env, options, onStop }): Ieee802154 {
    const l2 = new Ieee802154L2(netif, sixlowpan)
    onStop(netif.registerL2(l2))
    return {
      add: (radio, { name, address } = {}) => netif.add(new Mac(env, radio, options, address), { l2, ...(name === undefined ? {} : { name }) }),
      get: (iface) => macOf(iface).attributes,
      set: (iface, changes) => macOf(iface).set(changes),
      energy: (iface) => macOf(iface).energy(),
    }
  },
})

export { ieee802154Options } from './options.ts'
export { passes } from './filter.ts'
export { Ieee802154L2 } from './l2.ts'
export { Mac, type ControlInput, type MacAttributes, type MacDevice, type MacSettings } from './mac.ts'
