/**
 * What Contiki-NG's hosts and SLIP radios say to each other, each in a message of SLIP:
 *
 * ```text
 *   host  → radio  ! S session, number of attributes, attributes of 3 bytes, frame    send this
 *                  ! V parameter (2), value (2)                                       set this
 *                  ? V parameter (2)                                                  what is set?
 *                  ? M                                                                who are you?
 *   radio → host   ! R session, status, transmissions                                 that is sent, or not
 *                  ! V parameter (2), value (2)
 *                  ! M EUI-64
 *                  frame                                                              this was heard
 * ```
 *
 * Frames have no FCS. A message is a command when a capital letter is behind the mark: in a frame such a byte would be of a reserved addressing mode.
 */

import type { LinkAddress, Malformed } from '@favonius/contract'
import { FCS, MAX_FRAME } from '@favonius/ieee802154/wire'
import { readLink, writeLink } from '@favonius/inet'

/** The two bytes that a command begins with. */
export const commands = { send: 0x2153, report: 0x2152, set: 0x2156, ask: 0x3f56, address: 0x214d, askAddress: 0x3f4d } as const

/** `radio_param_e` of Contiki-NG, as far as hosts speak of them. */
export const parameters = { channel: 1, panId: 2, shortAddress: 3, receiveMode: 4, power: 6 } as const

/** Bits of the parameter `receiveMode`. */
export const receiveModes = { filter: 1, acknowledge: 2 } as const

/** How it went: MAC_TX_* of Contiki-NG. */
export const statuses = { ok: 0, collision: 1, noAcknowledgment: 2, deferred: 3, error: 4, fatal: 5, queueFull: 6 } as const

/** Bytes of the longest frame. */
export const LONGEST = MAX_FRAME - FCS
/** Bytes of the longest message that makes sense: a frame with more attributes than Contiki-NG has. */
export const LONGEST_MESSAGE = 256

const no = (malformed: string): Malformed => ({ malformed })
const SHORT = /* @__PURE__ */ no('slip-radio: shorter than its header')
const ATTRIBUTES = /* @__PURE__ */ no('slip-radio: attributes that are cut short')
const FRAME = /* @__PURE__ */ no('slip-radio: no frame, or one that is too long')

/** Which command the first `length` bytes are: one of `commands`, another of their form, or −1 when they are a frame. */
export function commandOf(dv: DataView, length: number): number {
  if (length < 2) return -1
  const word = dv.getUint16(0)
  const mark = word >>> 8
  return (mark === 0x21 || mark === 0x3f) && (word & 0xe0) === 0x40 ? word : -1
}

/** Where in a `send` the frame begins; attributes are skipped. */
export function readSend(dv: DataView, length: number): { readonly session: number; readonly frame: number } | Malformed {
  if (length < 4) return SHORT
  const frame = 4 + 3 * dv.getUint8(3)
  if (frame > length) return ATTRIBUTES
  if (frame === length || length - frame > LONGEST) return FRAME
  return { session: dv.getUint8(2), frame }
}

/** Writes a `send` up to the frame, without attributes; returns where that begins. */
export function writeSend(session: number, dv: DataView): number {
  dv.setUint16(0, commands.send)
  dv.setUint8(2, session)
  dv.setUint8(3, 0)
  return 4
}

/** A `report`: what became of a frame. */
export interface Report {
  readonly session: number
  /** Of `statuses`. */
  readonly status: number
  readonly transmissions: number
}

export function readReport(dv: DataView, length: number): Report | Malformed {
  if (length < 5) return SHORT
  return { session: dv.getUint8(2), status: dv.getUint8(3), transmissions: dv.getUint8(4) }
}

export function writeReport({ session, status, transmissions }: Report, dv: DataView): number {
  dv.setUint16(0, commands.report)
  dv.setUint8(2, session)
  dv.setUint8(3, status)
  dv.setUint8(4, transmissions)
  return 5
}

/** A `set`, both as a command and as the answer to `ask`. */
export interface Parameter {
  /** Of `parameters`, or another one of Contiki-NG's. */
  readonly parameter: number
  /** 0 to 0xffff. */
  readonly value: number
}

export function readParameter(dv: DataView, length: number): Parameter | Malformed {
  if (length < 6) return SHORT
  return { parameter: dv.getUint16(2), value: dv.getUint16(4) }
}

export function writeParameter({ parameter, value }: Parameter, dv: DataView): number {
  dv.setUint16(0, commands.set)
  dv.setUint16(2, parameter)
  dv.setUint16(4, value)
  return 6
}

/** Which parameter an `ask` is about. */
export function readAsk(dv: DataView, length: number): number | Malformed {
  return length < 4 ? SHORT : dv.getUint16(2)
}

export function readAddress(dv: DataView, length: number): LinkAddress | Malformed {
  return length < 10 ? SHORT : readLink(dv, 2, 8)
}

export function writeAddress(address: LinkAddress, dv: DataView): number {
  dv.setUint16(0, commands.address)
  writeLink(address, dv, 2)
  return 10
}

const nameOf = (names: Readonly<Record<string, number>>, value: number): string => Object.keys(names).find((name) => names[name] === value) ?? `${value}`

/** One line for a message; for a frame, its length alone. */
export function show(message: Uint8Array): string {
  const dv = new DataView(message.buffer, message.byteOffset, message.byteLength)
  const { length } = message
  const command = commandOf(dv, length)
  const told = ((): string | Malformed => {
    switch (command) {
      case -1: return `frame, length ${length}`
      case commands.send: {
        const send = readSend(dv, length)
        return 'malformed' in send ? send : `send, session ${send.session}, length ${length - send.frame}`
      }
      case commands.report: {
        const report = readReport(dv, length)
        return 'malformed' in report ? report : `report, session ${report.session}, ${nameOf(statuses, report.status)}, transmissions ${report.transmissions}`
      }
      case commands.set: {
        const set = readParameter(dv, length)
        return 'malformed' in set ? set : `${nameOf(parameters, set.parameter)} is ${set.value}`
      }
      case commands.ask: {
        const parameter = readAsk(dv, length)
        return typeof parameter === 'number' ? `what is ${nameOf(parameters, parameter)}?` : parameter
      }
      case commands.address: {
        const address = readAddress(dv, length)
        return 'malformed' in address ? address : `address ${address}`
      }
      case commands.askAddress: return 'what is your address?'
      default: return `command ${String.fromCharCode(command >>> 8, command & 0xff)}`
    }
  })()
  return `slip-radio: ${typeof told === 'string' ? told : `${told.malformed.replace('slip-radio: ', '')} (${length} bytes)`}`
}
