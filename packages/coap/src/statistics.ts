/** What is counted of messages. */

/** Why messages were dropped. */
export type Drop =
  /** RFC 7252 §3 and §4.1: it is no message, or one of another version. */
  | 'malformed'
  /** Its code cannot come in a message of its type, or not to a group (RFC 7252 §4.3, §8.1). */
  | 'type'
  /** It came before (RFC 7252 §4.5); it was answered as then. */
  | 'duplicate'
  /** A response to nothing that was asked, or from somebody else. */
  | 'token'
  /** An acknowledgment or a reset of nothing that was sent. */
  | 'unexpected'
  /** There are as many peers as may be, and something is outstanding with each. */
  | 'peers'
  /** A response with a critical option that we do not know (RFC 7252 §5.4.1). */
  | 'option'
  /** A response of ours that did not arrive, or for which there was no room among those that wait, or no message id. */
  | 'unsent'

/** What was counted. */
export interface CoapStatistics {
  sent: number
  received: number
  retransmitted: number
  /** Messages forgotten before their time, so that duplicates of theirs would not be known. */
  forgotten: number
  readonly dropped: Record<Drop, number>
}

/** Nothing yet. */
export const statistics = (): CoapStatistics => ({
  sent: 0, received: 0, retransmitted: 0, forgotten: 0,
  dropped: { malformed: 0, type: 0, duplicate: 0, token: 0, unexpected: 0, peers: 0, option: 0, unsent: 0 },
})
