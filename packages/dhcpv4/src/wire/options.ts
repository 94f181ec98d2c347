/** DHCP options by name (RFC 2132), and how each is written. */

import type { Address, Prefix } from '@favonius/contract'
import { ipv4, networkOf } from '@favonius/inet'

/** A row of option 121 (RFC 3442): a destination, and the router to it; 0.0.0.0 when it is on the link. */
export interface ClasslessRoute {
  readonly prefix: Prefix
  readonly router: Address
}

/** The options that are known by name, as their values. */
export interface DhcpOptions {
  /** 1: the subnet's mask (RFC 2132 §3.3). */
  readonly subnetMask?: Address
  /** 3: routers on the subnet, the preferred one first (§3.5). */
  readonly routers?: readonly Address[]
  /** 6: DNS servers (§3.8). */
  readonly dnsServers?: readonly Address[]
  /** 12: the client's name (§3.14). */
  readonly hostName?: string
  /** 15: the domain that names are completed with (§3.17). */
  readonly domainName?: string
  /** 26: the link's MTU, in bytes (§5.1). */
  readonly mtu?: number
  /** 28: the subnet's broadcast address (§5.3). */
  readonly broadcast?: Address
  /** 42: NTP servers (§8.3). */
  readonly ntpServers?: readonly Address[]
  /** 43: the vendor's own (§8.4). */
  readonly vendorInformation?: Uint8Array
  /** 50: the address that the client wants (§9.1). */
  readonly requestedAddress?: Address
  /** 51: the lease's time, in seconds; 0xffffffff is for ever (§9.2). */
  readonly leaseTime?: number
  /** 53: see `messageTypes` (§9.6). */
  readonly messageType?: number
  /** 54: whose answer it is (§9.7). */
  readonly serverId?: Address
  /** 55: codes of the options that the client asks for (§9.8). */
  readonly parameters?: Uint8Array
  /** 56: why, in words (§9.9). */
  readonly message?: string
  /** 57: the largest message that is taken, in bytes (§9.10). */
  readonly maxSize?: number
  /** 58: T1, in seconds (§9.11). */
  readonly renewalTime?: number
  /** 59: T2, in seconds (§9.12). */
  readonly rebindingTime?: number
  /** 60: what kind of client it is (§9.13). */
  readonly vendorClass?: string
  /** 61: which client it is (RFC 4361, RFC 6842). */
  readonly clientId?: Uint8Array
  /** 80: two messages will do (RFC 4039). It has no value. */
  readonly rapidCommit?: true
  /** 121: routes, instead of option 3 (RFC 3442). */
  readonly routes?: readonly ClasslessRoute[]
}

/** RFC 2132 §9.6. */
export const messageTypes = { discover: 1, offer: 2, request: 3, decline: 4, ack: 5, nak: 6, release: 7, inform: 8 } as const

/** How a value becomes bytes, and bytes a value; undefined when they are none. */
interface Kind<T> {
  read(bytes: Uint8Array): T | undefined
  write(value: T): Uint8Array
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const number = (size: 1 | 2 | 4): Kind<number> => ({
  read(bytes) {
    if (bytes.length !== size) return undefined
    let value = 0
    for (const byte of bytes) value = value * 256 + byte
    return value
  },
  write(value) {
    const bytes = new Uint8Array(size)
    for (let i = size - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) bytes[i] = rest % 256
    return bytes
  },
})

const addresses: Kind<readonly Address[]> = {
  read(bytes) {
    if (bytes.length === 0 || bytes.length % 4 !== 0) return undefined
    const dv = view(bytes)
    return Array.from({ length: bytes.length / 4 }, (_, i) => ipv4(dv.getInt32(4 * i)))
  },
  write(list) {
    const bytes = new Uint8Array(4 * list.length)
    const dv = view(bytes)
    list.forEach((one, i) => dv.setInt32(4 * i, one.w3))
    return bytes
  },
}

const oneAddress: Kind<Address> = {
  read: (bytes) => (bytes.length === 4 ? ipv4(view(bytes).getInt32(0)) : undefined),
  write: (value) => addresses.write([value]),
}

/** Latin-1, one byte a character; a client that counts the closing NUL is forgiven (RFC 2132 §2). */
const text: Kind<string> = {
  read(bytes) {
    let end = bytes.length
    while (end > 0 && bytes[end - 1] === 0) end--
    return end === 0 ? undefined : String.fromCharCode(...bytes.subarray(0, end))
  },
  write: (value) => Uint8Array.from(value, (character) => character.charCodeAt(0)),
}

const raw: Kind<Uint8Array> = { read: (bytes) => (bytes.length > 0 ? bytes : undefined), write: (value) => value }

const flag: Kind<true> = { read: (bytes) => (bytes.length === 0 ? true : undefined), write: () => new Uint8Array(0) }

/** RFC 3442: the prefix's length, as many of its bytes as count, the router. */
const routes: Kind<readonly ClasslessRoute[]> = {
  read(bytes) {
    const list: ClasslessRoute[] = []
    for (let at = 0; at < bytes.length;) {
      const length = bytes[at++]!
      const size = Math.ceil(length / 8)
      if (length > 32 || at + size + 4 > bytes.length) return undefined
      let word = 0
      for (let i = 0; i < size; i++) word |= bytes[at + i]! << (24 - 8 * i)
      list.push({ prefix: { address: networkOf(ipv4(word), length), length }, router: ipv4(view(bytes).getInt32(at + size)) })
      at += size + 4
    }
    return list.length > 0 ? list : undefined
  },
  write(list) {
    const bytes: number[] = []
    for (const { prefix: { address, length }, router } of list) {
      bytes.push(length)
      for (let i = 0; i < Math.ceil(length / 8); i++) bytes.push(address.w3 >>> (24 - 8 * i) & 0xff)
      bytes.push(...addresses.write([router]))
    }
    return Uint8Array.from(bytes)
  },
}

const table: { readonly [K in keyof DhcpOptions]-?: readonly [code: number, kind: Kind<NonNullable<DhcpOptions[K]>>] } = {
  messageType: [53, number(1)], subnetMask: [1, oneAddress], routers: [3, addresses], dnsServers: [6, addresses], hostName: [12, text],
  domainName: [15, text], mtu: [26, number(2)], broadcast: [28, oneAddress], ntpServers: [42, addresses], vendorInformation: [43, raw],
  requestedAddress: [50, oneAddress], leaseTime: [51, number(4)], serverId: [54, oneAddress], parameters: [55, raw], message: [56, text],
  maxSize: [57, number(2)], renewalTime: [58, number(4)], rebindingTime: [59, number(4)], vendorClass: [60, text], clientId: [61, raw],
  rapidCommit: [80, flag], routes: [121, routes],
}

/** An option's code by its name. */
export function codeOf(name: keyof DhcpOptions): number {
  return table[name][0]
}

/** The named ones among options by code. Undefined when one that is known is malformed: then nothing in the message is believed. */
export function readOptions(byCode: ReadonlyMap<number, Uint8Array>): DhcpOptions | undefined {
  const found: Partial<Record<keyof DhcpOptions, unknown>> = {}
  for (const name of Object.keys(table) as (keyof DhcpOptions)[]) {
    const [code, kind] = table[name]
    const bytes = byCode.get(code)
    if (bytes === undefined) continue
    const value = kind.read(bytes)
    // A name or text without a character says nothing, and does no harm.
    if (value === undefined && kind !== text) return undefined
    if (value !== undefined) found[name] = value
  }
  return found as DhcpOptions
}

/** Options as they stand in a message, without the end; one longer than 255 bytes stands there in parts (RFC 3396 §5). */
export function writeOptions(options: DhcpOptions): number[] {
  const bytes: number[] = []
  for (const name of Object.keys(table) as (keyof DhcpOptions)[]) {
    const value = options[name]
    if (value === undefined) continue
    const [code, kind] = table[name]
    const data = (kind as Kind<unknown>).write(value)
    let at = 0
    do {
      const part = data.subarray(at, at + 255)
      bytes.push(code, part.length, ...part)
      at += part.length
    } while (at < data.length)
  }
  return bytes
}
