import type { Options } from '@favonius/kconfig'
import { serverDefaults } from './serving.ts'

/** Kconfig rows of `coap()`, and the settings of a `CoapClient` and a `CoapServer`. */
export const coapOptions = {
  ackTimeout: {
    symbol: 'CONFIG_COAP_INIT_ACK_TIMEOUT_MS', type: 'int', default: serverDefaults.ackTimeout, range: [1, 100_000],
    help: 'ACK_TIMEOUT in milliseconds: until a confirmable message is sent again (RFC 7252 §4.8).',
  },
  ackRandomPercent: {
    symbol: 'CONFIG_COAP_ACK_RANDOM_PERCENT', type: 'int', default: serverDefaults.ackRandomPercent, range: [100, 1000],
    help: 'ACK_RANDOM_FACTOR in percent: the first wait is up to so much of ACK_TIMEOUT (RFC 7252 §4.8). 100 is CONFIG_COAP_RANDOMIZE_ACK_TIMEOUT=n.',
  },
  backoffPercent: {
    symbol: 'CONFIG_COAP_BACKOFF_PERCENT', type: 'int', default: serverDefaults.backoffPercent, range: [100, 1000],
    help: 'Each wait is so much of the one before it (RFC 7252 §4.2 doubles it).',
  },
  maxRetransmit: {
    symbol: 'CONFIG_COAP_MAX_RETRANSMIT', type: 'int', default: serverDefaults.maxRetransmit, range: [0, 20],
    help: 'MAX_RETRANSMIT: how often a confirmable message is sent again (RFC 7252 §4.8).',
  },
  nstart: {
    symbol: 'CONFIG_COAP_NSTART', type: 'int', default: serverDefaults.nstart, range: [1, 65_535],
    help: 'NSTART: interactions with one peer that may be outstanding; more wait (RFC 7252 §4.7). Above 1 only where the path is known to carry it. Ours.',
  },
  probingRate: {
    symbol: 'CONFIG_COAP_PROBING_RATE', type: 'int', default: serverDefaults.probingRate, range: [1, 1_000_000_000],
    help: 'PROBING_RATE: bytes a second of non-confirmable requests to a peer that does not answer (RFC 7252 §4.7). Ours.',
  },
  maxLatency: {
    symbol: 'CONFIG_COAP_MAX_LATENCY', type: 'int', default: serverDefaults.maxLatency, range: [1, 1_000_000],
    help: 'MAX_LATENCY in milliseconds (RFC 7252 §4.8.2). EXCHANGE_LIFETIME follows from it, for which no message id is used twice with one peer: 65536 messages in 247 s. Less of it is more of them. Ours.',
  },
  leisure: {
    symbol: 'CONFIG_COAP_DEFAULT_LEISURE', type: 'int', default: serverDefaults.leisure, range: [0, 100_000],
    help: 'DEFAULT_LEISURE in milliseconds: within it a request to a group is answered, at random (RFC 7252 §8.2). Ours.',
  },
  ackDelay: {
    symbol: 'CONFIG_COAP_ACK_DELAY', type: 'int', default: serverDefaults.ackDelay, range: [0, 100_000],
    help: 'Milliseconds that a handler may take until its request is acknowledged without it, and answered by a message of its own (RFC 7252 §5.2.2). Ours.',
  },
  responseTimeout: {
    symbol: 'CONFIG_COAP_RESPONSE_TIMEOUT', type: 'int', default: serverDefaults.responseTimeout, range: [1, 86_400_000],
    help: 'Milliseconds until the response to a request that was acknowledged, or is non-confirmable, is hoped for no longer; MAX_TRANSMIT_WAIT (RFC 7252 §4.8.2). Ours.',
  },
  maxPeers: {
    symbol: 'CONFIG_COAP_MAX_PEERS', type: 'int', default: serverDefaults.maxPeers, range: [1, 1_000_000],
    help: 'Peers remembered at once; the one not heard of for the longest, with which nothing is outstanding, makes room. Ours.',
  },
  maxRemembered: {
    symbol: 'CONFIG_COAP_MAX_REMEMBERED', type: 'int', default: serverDefaults.maxRemembered, range: [1, 1_000_000],
    help: 'Messages remembered, with what they were answered, to know duplicates (RFC 7252 §4.5); the oldest make room. Ours.',
  },
  maxWaiting: {
    symbol: 'CONFIG_COAP_SERVICE_PENDING_MESSAGES', type: 'int', default: serverDefaults.maxWaiting, range: [0, 65_535],
    help: 'Messages to one peer that wait for NSTART; one more fails with ENOBUFS. Zephyr has 10.',
  },
  blockSize: {
    symbol: 'CONFIG_COAP_CLIENT_BLOCK_SIZE', type: 'choice', values: [16, 32, 64, 128, 256, 512, 1024], default: serverDefaults.blockSize,
    help: 'Bytes of a block, sent and offered (RFC 7959 §2.2). A peer that wants less gets less; over TCP and WebSockets 1024 is as many as `maxMessage` has room for. Zephyr has 256.',
  },
  maxBody: {
    symbol: 'CONFIG_COAP_MAX_BODY', type: 'int', default: serverDefaults.maxBody, range: [16, 1_073_741_824],
    help: 'Bytes of the largest body put together from blocks; for more there are streams. A server answers 4.13 (RFC 7959 §2.9.3), a client gives up with EMSGSIZE. Ours.',
  },
  maxMessage: {
    symbol: 'CONFIG_COAP_MAX_MESSAGE', type: 'int', default: serverDefaults.maxMessage, range: [1152, 262_144],
    help: 'Max-Message-Size (RFC 8323 §5.3.1): bytes of the largest message that each connection, over TCP or a WebSocket, may keep while it comes; and of blocks in the largest that is sent, where the peer takes as much. 1152 is no BERT (§6). Ours.',
  },
  maxTransfers: {
    symbol: 'CONFIG_COAP_MAX_TRANSFERS', type: 'int', default: serverDefaults.maxTransfers, range: [1, 65_535],
    help: 'Block-wise transfers that a server keeps at once; the one idle for the longest makes room. Ours.',
  },
  maxPending: {
    symbol: 'CONFIG_COAP_MAX_PENDING', type: 'int', default: serverDefaults.maxPending, range: [1, 1_000_000],
    help: 'Requests whose handlers are at work at once; one more is answered 5.03. Ours.',
  },
  maxObservers: {
    symbol: 'CONFIG_COAP_SERVICE_OBSERVERS', type: 'int', default: serverDefaults.maxObservers, range: [0, 1_000_000],
    help: 'Observers that a server keeps at once; one more is answered without Observe (RFC 7641 §4.1). Zephyr has 3.',
  },
  maxNotifications: {
    symbol: 'CONFIG_COAP_MAX_NOTIFICATIONS', type: 'int', default: serverDefaults.maxNotifications, range: [1, 65_535],
    help: 'Notifications that wait for a slow consumer; the oldest make room. Ours.',
  },
  notifyInterval: {
    symbol: 'CONFIG_COAP_NOTIFY_INTERVAL', type: 'int', default: serverDefaults.notifyInterval, range: [0, 86_400_000],
    help: 'Milliseconds between non-confirmable notifications to one observer, at least; what changes meanwhile is told at their end (RFC 7641 §4.5.1). Ours.',
  },
  confirmInterval: {
    symbol: 'CONFIG_COAP_CONFIRM_INTERVAL', type: 'int', default: serverDefaults.confirmInterval, range: [1000, 86_400_000],
    help: 'Milliseconds after which a notification is confirmable where others are not, to learn whether the observer is there (RFC 7641 §4.5: 24 hours at most). Ours.',
  },
} as const satisfies Options
