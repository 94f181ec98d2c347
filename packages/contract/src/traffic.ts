/** Where traffic classes and packet times attach to the interfaces of a stack. Without them packets keep their order, and no time is taken. */

import type { NetBuf } from './netbuf.ts'

/** Frames that wait for the device of one interface. */
export interface TransmitQueue {
  /** Nothing waits that goes before, or with, a frame of this priority: it may try the device at once. */
  isNext(priority: number): boolean
  /** There is no room for a frame of this priority. */
  isFull(priority: number): boolean
  /** Takes the reference. False, and the frame still the caller's, when there is no room. */
  push(frame: NetBuf): boolean
  /** The frame that goes next. */
  shift(): NetBuf | undefined
  /** Puts back what `shift` gave last. */
  unshift(frame: NetBuf): void
}

/** Who lets packets overtake each other. One for a stack: `netif.traffic`. */
export interface Traffic {
  /** A queue for an interface whose device is busy; `room` frames of each class. */
  queue(room: number): TransmitQueue
  /** A frame went down: a device has it, or it waits for one. */
  sent(priority: number, bytes: number): void
  /** A packet came from a device, its link header is off. It goes on by `iface.input`, now or on a later turn. Takes the reference. */
  receive(packet: NetBuf): void
}

/**
 * Who takes the time of packets at the places they pass. One for a stack: `netif.times`.
 *
 * A packet going down passes `begin`, `queued`, `taken` and `sent`; one coming up `begin`, `queued`, `taken`, `delivered` and `read`.
 */
export interface PacketTimer {
  /** It was made, or came from a device. */
  begin(packet: NetBuf): void
  /** It stands before the queue of its class, if there is one. */
  queued(packet: NetBuf): void
  /** It was taken from that queue; said again when the device did not take it. */
  taken(packet: NetBuf): void
  /** It was put into a socket's queue. */
  delivered(packet: NetBuf): void
  /** The device has taken it. */
  sent(packet: NetBuf): void
  /** Its data are handed to the application. */
  read(packet: NetBuf): void
}
