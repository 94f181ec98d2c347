/** A DHCP message: RFC 2131 §2, with RFC 3396 for its options. */

import type { Address, Malformed } from '@favonius/contract'
import { ANY4, ipv4 } from '@favonius/inet'
import { messageTypes, readOptions, writeOptions, type DhcpOptions } from './options.ts'

/** Where the fields stand, by RFC 2131's names. */
export const at = {
  op: 0, htype: 1, hlen: 2, hops: 3, xid: 4, secs: 8, flags: 10, ciaddr: 12, yiaddr: 16, siaddr: 20, giaddr: 24, chaddr: 28, sname: 44,
  file: 108, cookie: 236, options: 240,
} as const

export const BOOTREQUEST = 1
export const BOOTREPLY = 2
/** The client's port. */
export const CLIENT_PORT = 68
/** The server's port. */
export const SERVER_PORT = 67
/** RFC 2132 §2. */
const MAGIC = 0x63825363
/** Some relays and servers drop what is shorter (RFC 1542 §2.1). */
const MINIMUM = 300
const BROADCAST_FLAG = 0x8000
const PAD = 0
const OVERLOAD = 52
const END = 255

export interface DhcpMessage {
  readonly op: typeof BOOTREQUEST | typeof BOOTREPLY
  /** Names the transaction. */
  readonly xid: number
  /** Seconds since the client began. */
  readonly secs: number
  /** The client cannot hear unicast yet (RFC 2131 §4.1). */
  readonly broadcast: boolean
  /** ciaddr: the client's, when it has one. */
  readonly client: Address
  /** yiaddr: what the server gives. */
  readonly your: Address
  /** siaddr: the next server of a bootstrap. */
  readonly next: Address
  /** giaddr: the relay's. */
  readonly relay: Address
  /** htype: 1 is Ethernet. */
  readonly hardwareType: number
  /** chaddr, `hlen` bytes of it: 0–16. */
  readonly hardware: Uint8Array
  readonly options: DhcpOptions
}

/** Reads a message. What is returned shares no memory with `bytes`. */
export function readMessage(bytes: Uint8Array): DhcpMessage | Malformed {
  if (bytes.length < at.options) return { malformed: 'short' }
  const copy = bytes.slice()
  const dv = new DataView(copy.buffer, copy.byteOffset, copy.byteLength)
  const op = copy[at.op]
  if (op !== BOOTREQUEST && op !== BOOTREPLY) return { malformed: 'operation' }
  if (copy[at.hlen]! > 16) return { malformed: 'hardware address' }
  if (dv.getInt32(at.cookie) !== MAGIC) return { malformed: 'cookie' }
  const byCode = new Map<number, Uint8Array>()
  if (!collect(copy.subarray(at.options), byCode)) return { malformed: 'options' }
  // RFC 3396 §5: the options field first, then file, then sname.
  const overload = byCode.get(OVERLOAD)
  if (overload !== undefined && (overload.length !== 1 || overload[0]! < 1 || overload[0]! > 3)) return { malformed: 'overload' }
  const fields = overload?.[0] ?? 0
  if ((fields & 1) !== 0 && !collect(copy.subarray(at.file, at.cookie), byCode)) return { malformed: 'options' }
  if ((fields & 2) !== 0 && !collect(copy.subarray(at.sname, at.file), byCode)) return { malformed: 'options' }
  const options = readOptions(byCode)
  if (options === undefined) return { malformed: 'option' }
  const address = (from: number): Address => ipv4(dv.getInt32(from))
  return {
    op, xid: dv.getUint32(at.xid), secs: dv.getUint16(at.secs), broadcast: (dv.getUint16(at.flags) & BROADCAST_FLAG) !== 0,
    client: address(at.ciaddr), your: address(at.yiaddr), next: address(at.siaddr), relay: address(at.giaddr),
    hardwareType: copy[at.htype]!, hardware: copy.subarray(at.chaddr, at.chaddr + copy[at.hlen]!), options,
  }
}

/** Adds the options of a field to those known; the parts of one are put together (RFC 3396 §7). False when they do not fit. */
function collect(field: Uint8Array, into: Map<number, Uint8Array>): boolean {
  for (let from = 0; from < field.length;) {
    const code = field[from++]!
    if (code === PAD) continue
    if (code === END) return true
    if (from >= field.length) return false
    const length = field[from++]!
    if (from + length > field.length) return false
    const part = field.subarray(from, from + length)
    const before = into.get(code)
    into.set(code, before === undefined ? part : Uint8Array.of(...before, ...part))
    from += length
  }
  // Without an end: as some servers fill the field to its last byte.
  return true
}

/** What a message must say; the rest is zero unless given. */
export type NewMessage = Pick<DhcpMessage, 'op' | 'xid' | 'hardwareType' | 'hardware' | 'options'> & Partial<DhcpMessage>

/** The bytes of a message, 300 at least. */
export function writeMessage({ op, xid, secs = 0, broadcast = false, client = ANY4, your = ANY4, next = ANY4, relay = ANY4, hardwareType, hardware, options }: NewMessage): Uint8Array {
  const written = writeOptions(options)
  const bytes = new Uint8Array(Math.max(MINIMUM, at.options + written.length + 1))
  const dv = new DataView(bytes.buffer)
  bytes[at.op] = op
  bytes[at.htype] = hardwareType
  bytes[at.hlen] = hardware.length
  dv.setUint32(at.xid, xid)
  dv.setUint16(at.secs, secs)
  dv.setUint16(at.flags, broadcast ? BROADCAST_FLAG : 0)
  dv.setInt32(at.ciaddr, client.w3)
  dv.setInt32(at.yiaddr, your.w3)
  dv.setInt32(at.siaddr, next.w3)
  dv.setInt32(at.giaddr, relay.w3)
  bytes.set(hardware, at.chaddr)
  dv.setInt32(at.cookie, MAGIC)
  bytes.set(written, at.options)
  bytes[at.options + written.length] = END
  return bytes
}

/** One line, as people want it; says so when the bytes are no message. */
export function show(bytes: Uint8Array): string {
  const message = readMessage(bytes)
  if ('malformed' in message) return `DHCP: ${message.malformed}`
  const { options, xid, client, your } = message
  const type = Object.entries(messageTypes).find(([, value]) => value === options.messageType)?.[0] ?? 'bootp'
  return `DHCP ${type}, xid ${xid.toString(16).padStart(8, '0')}, client ${client}, your ${your}`
}
