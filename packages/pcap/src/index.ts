/**
 * Captures, written as pcapng and read as pcapng or classic pcap.
 *
 * @packageDocumentation
 */

export { type Direction } from './blocks.ts'
export { capture, type Capture, type CaptureOptions } from './capture.ts'
export { packets, type CapturedPacket } from './reader.ts'
export { linkTypeOf, linkTypes } from './wire.ts'
export { PcapngWriter, type PacketOptions, type PcapngOptions, type WriteBlock } from './writer.ts'
