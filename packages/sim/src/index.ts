/**
 * Networks in a test: no root, no waiting, and the same seed gives the same bytes.
 *
 * @packageDocumentation
 */

export { simulate, Simulation, type Node, type SimulateOptions } from './simulate.ts'
export { EthernetSegment, type SegmentOptions, type SegmentTap } from './segment.ts'
export { EthernetLink, type LinkOptions } from './link.ts'
export { Bridge, type BridgeOptions, type BridgeStatistics } from './bridge.ts'
export { type Beyond, type SegmentDevice, type WayOptions } from './port.ts'
export { type Faults } from './impairments.ts'
export { type LineOptions } from './line.ts'
export { faulty } from './faulty.ts'
