/**
 * The VLAN tag: IEEE 802.1Q-2022 §9.3 to §9.6.
 *
 * ```text
 *   destination | source | 0x8100 | control | type | packet         control   PCP 3 bits | DEI 1 bit | VID 12 bits
 *   |<---- Ethernet's header ---->|<---- tag ---->|
 * ```
 *
 * The standard calls 0x8100 the tag's first two bytes. To Ethernet they are a type like any other, and what follows is a header of
 * four bytes that ends with the packet's own type. So it is read and written here.
 */

/** Where the fields stand, counted from behind 0x8100. */
export const at = { control: 0, type: 2 } as const
/** Bytes of a tag. */
export const TAG = 4
/** §9.4, table 9-1: the type before a service tag, which a provider puts before the customer's. */
export const ETHERTYPE_SERVICE_TAG = 0x88a8

/** §9.6, table 9-2: a tag that names no VLAN, and carries a priority alone. */
export const NO_VLAN = 0
/** §9.6, table 9-2: never on the wire. */
export const RESERVED = 0xfff

/** The VLAN's number, VID. */
export const vlanOf = (control: number): number => control & 0xfff
/** The priority code point, 0–7. */
export const priorityOf = (control: number): number => control >> 13
/** The drop eligible indicator: 1 when it may be dropped before others. */
export const dropEligibleOf = (control: number): number => control >> 12 & 1
/** The tag control information of a frame that is not to be dropped before others. */
export const controlOf = (vlan: number, priority: number): number => (priority & 7) << 13 | vlan

/** One line, as tcpdump prints it; says so when the bytes, which begin behind 0x8100, are no tag. */
export function show(bytes: Uint8Array<ArrayBuffer>): string {
  if (bytes.length < TAG) return `vlan: only ${bytes.length} bytes`
  const dv = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const control = dv.getUint16(at.control)
  const type = dv.getUint16(at.type).toString(16).padStart(4, '0')
  return `vlan ${vlanOf(control)}, p ${priorityOf(control)},${dropEligibleOf(control) ? ' DEI,' : ''} type 0x${type}`
}
