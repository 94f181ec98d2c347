import type { Options } from '@favonius/kconfig'

/** Kconfig rows of `ieee802154()`, and of a `Mac`. */
export const ieee802154Options = {
  panId: {
    symbol: 'CONFIG_NET_CONFIG_IEEE802154_PAN_ID',
    type: 'int',
    default: 0xabcd,
    range: [0, 0xffff],
    help: 'The PAN that interfaces begin in; 65535 is none.',
  },
  channel: {
    symbol: 'CONFIG_NET_CONFIG_IEEE802154_CHANNEL',
    type: 'int',
    default: 26,
    range: [0, 26],
    help: 'The channel that they begin on: 11 to 26 at 2.4 GHz, 0 to 10 below 1 GHz.',
  },
  power: {
    symbol: 'CONFIG_NET_L2_IEEE802154_RADIO_DFLT_TX_POWER',
    type: 'int',
    default: 0,
    range: [-100, 36],
    help: 'Transmit power in dBm.',
  },
  acknowledge: {
    symbol: 'CONFIG_NET_CONFIG_IEEE802154_ACK_REQUIRED',
    type: 'bool',
    default: true,
    help: 'Ask for an acknowledgment of each frame to a single station, and send again what is not acknowledged.',
  },
  retries: {
    symbol: 'CONFIG_NET_L2_IEEE802154_RADIO_TX_RETRIES',
    type: 'int',
    default: 3,
    range: [0, 7],
    help: 'How often a frame is sent again (macMaxFrameRetries); Zephyr counts the first time too.',
  },
  aloha: {
    symbol: 'CONFIG_NET_L2_IEEE802154_RADIO_ALOHA',
    type: 'bool',
    default: false,
    help: 'Send without listening first, instead of CSMA-CA.',
  },
  minBackoffExponent: {
    symbol: 'CONFIG_NET_L2_IEEE802154_RADIO_CSMA_CA_MIN_BE',
    type: 'int',
    default: 3,
    range: [0, 8],
    help: 'macMinBE: the first wait is at random from 0 to 2^BE − 1 periods of 20 symbols.',
  },
  maxBackoffExponent: {
    symbol: 'CONFIG_NET_L2_IEEE802154_RADIO_CSMA_CA_MAX_BE',
    type: 'int',
    default: 5,
    range: [3, 8],
    help: 'macMaxBE: to which it grows with each time that the channel is busy.',
  },
  maxBackoffs: {
    symbol: 'CONFIG_NET_L2_IEEE802154_RADIO_CSMA_CA_MAX_BO',
    type: 'int',
    default: 4,
    range: [0, 5],
    help: 'macMaxCSMABackoffs: waits after the first one until a frame is given up.',
  },
  ackReply: {
    symbol: 'CONFIG_NET_L2_IEEE802154_ACK_REPLY',
    type: 'bool',
    default: true,
    help: 'Acknowledge frames in software where the radio does not. Zephyr: n, and its radios do.',
  },
  ackWait: {
    symbol: 'CONFIG_NET_L2_IEEE802154_ACK_WAIT',
    type: 'int',
    default: 54,
    range: [54, 100_000],
    help: 'Symbols to wait for an acknowledgment (macAckWaitDuration). Ours: more where a program or a network is between the radios; Zephyr waits for 10 ms.',
  },
} as const satisfies Options
