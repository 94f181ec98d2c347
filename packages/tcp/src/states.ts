/** The state machine of a connection as data (RFC 9293 §3.3.2, figure 5). Who changes a state says what happened, and this table says where that leads. */

import type { TcpState } from '@favonius/contract'

/**
 * What moves a connection from state to state.
 *
 * - `open` we ask for it; `SYN` the peer does; `SYN-ACK` it answers ours
 * - `ACK of SYN`, `ACK of FIN` the peer has what we sent
 * - `close` our FIN is on its way; `FIN` the peer's has come, and everything before it
 * - `time` twice the maximum segment lifetime has passed
 * - `end` a reset, either way; nobody answers; or its last owner is gone
 */
export type TcpEvent = 'open' | 'SYN' | 'SYN-ACK' | 'ACK of SYN' | 'close' | 'FIN' | 'ACK of FIN' | 'time' | 'end'

/** Where an event leads; one without an entry changes nothing. */
export const transitions: Readonly<Record<TcpState, Readonly<Partial<Record<TcpEvent, TcpState>>>>> = {
  'CLOSED': { 'open': 'SYN-SENT', 'SYN': 'SYN-RECEIVED' },
  'LISTEN': { 'SYN': 'SYN-RECEIVED', 'end': 'CLOSED' },
  // A SYN that answers nothing crossed ours: simultaneous open (RFC 9293 §3.5, figure 8).
  'SYN-SENT': { 'SYN': 'SYN-RECEIVED', 'SYN-ACK': 'ESTABLISHED', 'end': 'CLOSED' },
  'SYN-RECEIVED': { 'ACK of SYN': 'ESTABLISHED', 'close': 'FIN-WAIT-1', 'end': 'CLOSED' },
  'ESTABLISHED': { 'close': 'FIN-WAIT-1', 'FIN': 'CLOSE-WAIT', 'end': 'CLOSED' },
  // A FIN that does not acknowledge ours crossed it: simultaneous close (figure 13).
  'FIN-WAIT-1': { 'ACK of FIN': 'FIN-WAIT-2', 'FIN': 'CLOSING', 'end': 'CLOSED' },
  'FIN-WAIT-2': { 'FIN': 'TIME-WAIT', 'end': 'CLOSED' },
  'CLOSE-WAIT': { 'close': 'LAST-ACK', 'end': 'CLOSED' },
  'CLOSING': { 'ACK of FIN': 'TIME-WAIT', 'end': 'CLOSED' },
  'LAST-ACK': { 'ACK of FIN': 'CLOSED', 'end': 'CLOSED' },
  'TIME-WAIT': { 'time': 'CLOSED', 'end': 'CLOSED' },
}

/** States in which both sides have seen each other's SYN (RFC 9293 §3.3.2: synchronized). */
export function isSynchronized(state: TcpState): boolean {
  return state !== 'CLOSED' && state !== 'LISTEN' && state !== 'SYN-SENT' && state !== 'SYN-RECEIVED'
}
