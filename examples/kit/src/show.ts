/** Tables and lines for people. */

import type { Interface, NetifEvent, InterfaceAddress } from '@favonius/contract'
import type { Host, Watch } from './host.ts'

/** Columns as wide as they must be; the first row is the heading. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)))
  return rows.map((row) => `  ${row.map((cell, i) => (typeof cell === 'number' ? String(cell).padStart(widths[i]!) : cell.padEnd(widths[i]!))).join('  ').trimEnd()}`).join('\n')
}

/** `1.23 ms`. */
export const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} ms`

/** Prints what happens on a stack's interfaces, with the time since the first line. */
export function narrate(began: number = performance.now()): Watch {
  const say = (host: Host, text: string): void => {
    console.log(`  ${((performance.now() - began) / 1000).toFixed(3).padStart(6)} s  ${host.name.padEnd(8)} ${text}`)
  }
  return (host) => host.stack.netif.listen((event) => {
    const text = describe(event)
    if (text) say(host, text)
  })
}

/** `fe80::1%eth0/64`: people know interfaces by name. */
const withPrefix = (iface: Interface, { address, prefixLength }: InterfaceAddress): string =>
  `${address.toString().replace(/%.*/, `%${iface.name}`)}/${prefixLength}`

function describe(event: NetifEvent): string | undefined {
  const { name } = event.iface
  switch (event.type) {
    case 'up': return `${name} is up: ${event.iface.address}, MTU ${event.iface.mtu}`
    case 'down': return `${name} is down`
    case 'address-added': return event.entry.state === 'preferred' ? `${name} has ${withPrefix(event.iface, event.entry)}` : undefined
    case 'address-changed':
      switch (event.entry.state) {
        case 'tentative': return `${name} asks whether anyone has ${event.entry.address}`
        case 'preferred': return `${name} has ${withPrefix(event.iface, event.entry)}: nobody else answered`
        case 'duplicate': return `${name} may not use ${event.entry.address}: somebody has it`
        default: return undefined
      }
    case 'address-conflict': return `${name}: ${event.address} is used by ${event.by ?? 'somebody else'} too`
    default: return undefined
  }
}

/** The neighbours that a stack knows. */
export function neighbors({ stack }: Host): string {
  return table([
    ['neighbour', 'link address', 'state'],
    ...[...stack.nd.neighbors, ...stack.arp.neighbors].map(({ address, link, state }) => [`${address}`, `${link}`, state.toLowerCase()]),
  ])
}

/** The counters that are not zero, and every drop with its reason. */
export function statistics({ stack }: Host): string {
  const { counters, drops } = stack.netif.statistics()
  const rows = Object.entries(counters).flatMap(([block, fields]) => {
    const shown = Object.entries(fields).filter(([, value]) => value > 0).map(([field, value]) => `${field} ${value}`)
    return shown.length ? [[block, shown.join(', ')]] : []
  })
  const dropped = Object.entries(drops).map(([reason, count]) => ['dropped', `${count} × ${reason}`])
  return table([...rows, ...dropped].length ? [...rows, ...dropped] : [['nothing', 'was counted']])
}
