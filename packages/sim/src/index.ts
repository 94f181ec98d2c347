/**
 * Networks in a test: no root, no waiting, and the same seed gives the same bytes.
 *
 * @packageDocumentation
 */

export { simulate, Simulation, type Node, type SimulateOptions } from './simulate.ts'
export { EthernetSegment, type SegmentDevice, type SegmentOptions, type SegmentTap } from './segment.ts'
export { faulty, type Faults } from './faulty.ts'
