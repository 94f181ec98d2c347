// Apart from the driver: what is published of it names nothing of Node's, so that its types serve those who have none.

import type { Device } from '@favonius/contract'

/** An Ethernet device over a stream. It has carrier while it is connected. */
export interface QemuDevice extends Device {
  readonly medium: 'ethernet'
  /** Resolves when it is of no use any more: it was stopped, or its peer is gone and it does not connect again. */
  readonly closed: Promise<void>
}
