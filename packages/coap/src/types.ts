/** Kinds of messages: RFC 7252 §3. A module of constants, so that a bundle has those that are used. */

/** Of a message over TCP or a WebSocket: it has none, for what carries it is reliable (RFC 8323 §3.1). */
export const NONE = -1
/** Confirmable: to be acknowledged. */
export const CON = 0
/** Not confirmable: sent once. */
export const NON = 1
/** An acknowledgment, with the response or without. */
export const ACK = 2
/** A reset: what it answers could not be processed. */
export const RST = 3
