/**
 * Packet buffers: reference-counted slots of a fixed arena, with Zephyr's `net_buf` verbs and the Internet checksum.
 *
 * @packageDocumentation
 */

import type { BufferPool } from '@favonius/contract'
import { feature, type Feature, type Settings } from '@favonius/kconfig'
import { Arena } from './arena.ts'
import { netbufOptions } from './options.ts'

export { Arena, type ArenaOptions } from './arena.ts'
export { netbufOptions } from './options.ts'
export { type PoolOptions } from './pool.ts'
export { slotSizes } from './slots.ts'

/** What this package's feature is: a stack's share of an arena, under the name `netbuf`. */
export type NetbufFeature = Feature<'netbuf', { readonly netbuf: BufferPool }, {}>

let shared: Arena | undefined

/** The arena of this realm, which every stack shares unless it is given another; made at its first use. */
export function sharedArena(): Arena {
  return (shared ??= new Arena())
}

const of = (arena: () => Arena) =>
  feature({
    name: 'netbuf',
    symbol: 'CONFIG_NET_BUF',
    options: netbufOptions,
    create: (_parts, { options }): BufferPool => arena().pool(options),
  })

/** Packet buffers (NET_BUF) from the realm's shared arena. Selected by `netif`; list it yourself to give it options. */
export const netbuf = /* @__PURE__ */ of(sharedArena)

/** Packet buffers from an arena of your own: `compose(system, netbufIn(new Arena({ limit: 8 << 20 })), …)`. */
export function netbufIn(arena: Arena, settings?: Partial<Settings<typeof netbufOptions>>): NetbufFeature {
  return of(() => arena)(settings)
}
