import type { Address, Random } from '@favonius/contract'

/** A flow of fragmented datagrams, and the identification of its next one. */
interface Flow {
  readonly source: number
  readonly destination: number
  readonly protocol: number
  next: number
}

/** Flows whose numbers are remembered; of others nobody is likely to remember the last. */
const MAX_FLOWS = 64

/**
 * Identifications: none again soon for a source, destination and protocol (RFC 6864 §4.3), so they count; and none that says
 * anything of another flow, so each flow counts from where nobody knows (RFC 7739 §5.1).
 */
export class Identifications {
  readonly #random: Random
  /** The one used longest ago first. */
  readonly #flows: Flow[] = []

  constructor(random: Random) {
    this.#random = random
  }

  next({ w3: source }: Address, { w3: destination }: Address, protocol: number): number {
    const flows = this.#flows
    const at = flows.findIndex((flow) => flow.destination === destination && flow.source === source && flow.protocol === protocol)
    const flow = at < 0 ? { source, destination, protocol, next: this.#random.uint32() & 0xffff } : flows[at]!
    if (at >= 0) flows.splice(at, 1)
    else if (flows.length >= MAX_FLOWS) flows.shift()
    flows.push(flow)
    const identification = flow.next
    flow.next = (identification + 1) & 0xffff
    return identification
  }
}
