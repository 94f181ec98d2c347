/**
 * IPv4 address conflict detection (RFC 5227): whether anyone on a link has an address already.
 *
 * @packageDocumentation
 */

import type { Address, ConflictDetection, Env, Interface, LinkAddress, Timer } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import type { Arp } from '../arp/table.ts'
import { Probes, type Probe, type ProbeInput } from './probes.ts'

export { Probes, type Probe, type ProbeInput, type ProbeOutput } from './probes.ts'

/** Told what came of it; `by` is who has the address, where known. */
export type Decided = (unique: boolean, by: LinkAddress | undefined) => void

/** `acd()` makes one; so does whoever wires a stack by hand. */
export class AddressConflictDetection implements ConflictDetection {
  readonly #env: Env
  readonly #arp: Arp
  readonly #probes: Probes
  readonly #timer: Timer
  readonly #decided = new Map<Probe, Decided>()
  readonly #ends: () => void

  constructor(env: Env, arp: Arp) {
    this.#env = env
    this.#arp = arp
    this.#probes = new Probes(env.random)
    this.#timer = env.clock.timer((now) => {
      this.#probes.tick(now)
      this.#settle()
    })
    this.#ends = arp.watch((iface, sender, target, link) => this.#tell({ type: 'heard', iface, sender, target, link }))
  }

  check(iface: Interface, address: Address, decided: Decided): () => void {
    const probe: Probe = { iface, address }
    this.#decided.set(probe, decided)
    this.#tell({ type: 'begin', probe })
    return () => {
      this.#decided.delete(probe)
      this.#tell({ type: 'cancel', probe })
    }
  }

  #tell(input: ProbeInput): void {
    this.#probes.handle(input, this.#env.clock.now())
    this.#settle()
  }

  #settle(): void {
    for (let output = this.#probes.poll(); output !== undefined; output = this.#probes.poll()) {
      if (output.do !== 'decide') {
        this.#arp[output.do](output.probe.iface, output.probe.address)
        continue
      }
      const decided = this.#decided.get(output.probe)
      this.#decided.delete(output.probe)
      decided?.(output.unique, output.by)
    }
    const due = this.#probes.deadline()
    if (due === undefined) this.#timer.cancel()
    else if (due !== this.#timer.due) this.#timer.schedule(due)
  }

  stop(): void {
    this.#timer.cancel()
    this.#ends()
  }
}

/** Address conflict detection on Ethernet. Without it DHCP's addresses are used at once. */
export const acd = /* @__PURE__ */ feature({
  name: 'acd',
  symbol: 'CONFIG_NET_IPV4_ACD',
  needs: { arp: type<Arp>() },
  create({ arp }, { env, onStop }): ConflictDetection {
    const detection = new AddressConflictDetection(env, arp)
    onStop(() => detection.stop())
    return detection
  },
})
