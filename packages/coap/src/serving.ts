/** Settings of servers, and of what carries messages over streams. A client of datagrams has none of them. */

import { defaults, type MessageSettings } from './settings.ts'

/** In milliseconds and bytes. */
export const serverDefaults = {
  ...defaults,
  /** DEFAULT_LEISURE. */
  leisure: 5000,
  ackDelay: 200,
  maxMessage: 65_664,
  maxTransfers: 64,
  maxPending: 1024,
  maxObservers: 64,
  notifyInterval: 3000,
  confirmInterval: 86_400_000,
} as const

/** As `coapOptions` has them. */
export type Settings = { readonly [K in keyof typeof serverDefaults]: number }

/** Those that an end has; one that serves has all of them. */
export type EndSettings = MessageSettings & Partial<Omit<Settings, keyof MessageSettings>>
