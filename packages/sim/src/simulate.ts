/** A network in a test: nodes, segments, one virtual clock, one seed. */

import type { BufferPool, Interface, LinkAddress, Netif, Radio } from '@favonius/contract'
import { virtual, type RunOptions, type VirtualEnv } from '@favonius/clock'
import type { AllOf, AnyFeature } from '@favonius/kconfig'
import { Arena, netbufIn } from '@favonius/netbuf'
import { linkTypes, PcapngWriter } from '@favonius/pcap'
import { compose, type Met, type Stack } from '@favonius/stack'
import { Air, type AirOptions } from './air/air.ts'
import { captured, linkTypeOf, type AirCapture } from './air/capture.ts'
import type { AirRadio } from './air/radio.ts'
import type { Place } from './air/topology.ts'
import { Bridge } from './bridge.ts'
import { EthernetLink, type LinkOptions } from './link.ts'
import type { SegmentDevice } from './port.ts'
import { EthernetSegment, type SegmentOptions } from './segment.ts'

/** How a simulation begins. */
export interface SimulateOptions {
  /** Of all that is random; 1 unless given. It is named when a run fails. */
  readonly seed?: number
  /** Keeps every frame for `capture`; true unless given. */
  readonly record?: boolean
}

/** Where a node is on the air that stands before it. */
export interface AirPlace {
  /** Metres; the origin unless given. */
  readonly at?: Place
  /** An EUI-64; one by the radio's number unless given. */
  readonly address?: LinkAddress
}

/** What a node is attached to: segments, and airs, each with a place behind it. */
export type Attachment = EthernetSegment | Air | AirPlace

/** A composed stack on one or more segments and airs. */
export interface Node<S> {
  readonly name: string
  readonly stack: S
  /** One for each segment and air, in the order in which they were given; enabled from the start. */
  readonly interfaces: readonly Interface[]
  /** The first interface. */
  readonly iface: Interface
  /** The devices of those interfaces; `net.plug` pulls their cables. */
  readonly devices: readonly SegmentDevice[]
  /** Its radios: `air.move` moves them, `air.fail` breaks them. */
  readonly radios: readonly AirRadio[]
}

/** Every stack has what `netif` gives; links and network layers bring it. */
type WithNetif = { readonly netif: Netif }
/** One with a radio has what `ieee802154()` gives, too. */
type WithRadio = { readonly ieee802154?: { add(radio: Radio): Interface } }

/** A network of stacks that share a clock and a seed. Made by `simulate()`. */
export class Simulation {
  readonly seed: number
  /** Time and randomness of every node. */
  readonly env: VirtualEnv
  readonly #arena = new Arena()
  readonly #segments: EthernetSegment[] = []
  readonly #airs: Air[] = []
  readonly #stacks: { readonly name: string; stop(): Promise<void>; readonly netif: Netif }[] = []
  readonly #blocks: Uint8Array[] = []
  readonly #writer: PcapngWriter | undefined
  readonly #bridges: { readonly bridge: Bridge; readonly name: string; readonly buffers: BufferPool }[] = []
  #devices = 0

  constructor({ seed = 1, record = true }: SimulateOptions = {}) {
    this.seed = seed
    this.env = virtual({ seed })
    this.#writer = record ? new PcapngWriter((block) => void this.#blocks.push(block)) : undefined
  }

  /** An Ethernet segment; several nodes on it hear each other as on a switch. */
  ethernet({ name = `lan${this.#segments.length}`, ...options }: SegmentOptions & { readonly name?: string } = {}): EthernetSegment {
    return this.#record(new EthernetSegment(this.env, options, name))
  }

  /** A cable between two nodes: `back` says where the way of the second one differs. */
  link({ name = `link${this.#segments.length}`, ...options }: LinkOptions & { readonly name?: string } = {}): EthernetLink {
    return this.#record(new EthernetLink(this.env, options, name))
  }

  /**
   * Joins segments as a learning switch does. A frame takes its time on each of them.
   *
   * @throws RangeError when they are joined already: there is no spanning tree here, and frames would go round for ever.
   */
  bridge(...segments: readonly EthernetSegment[]): Bridge {
    const buffers = this.#arena.pool()
    const bridge = new Bridge(this.env, buffers, segments)
    this.#bridges.push({ bridge, name: `bridge ${this.#bridges.length}`, buffers })
    return bridge
  }

  /**
   * The air of IEEE 802.15.4, at 250 kbit/s. `record` is what a recording holds beside each frame; nothing unless given.
   *
   * ```ts no-run
   * const air = net.air({ medium: logDistance({ shadowing: 4 }) })
   * net.node('a', [ieee802154(), ipv6(), udp()], air, { at: [10, 0] })
   * ```
   */
  air(given: AirOptions & { readonly name?: string; readonly record?: AirCapture } = {}): Air {
    const { name = `air${this.#airs.length}`, record = 'plain', ...options } = given
    const air = new Air(this.env, options, name)
    this.#airs.push(air)
    const writer = this.#writer
    if (writer) {
      const id = writer.addInterface(name, linkTypeOf[record])
      air.tap((frame, now, notes, heard) => {
        writer.packet(id, now, captured(frame, record, heard), notes.length > 0 ? { comment: notes.join('; ') } : {})
      })
    }
    return air
  }

  /** Composes a node, gives it an interface on each segment and air, and enables them. `await node.iface.up()` waits for its addresses. */
  node<const Fs extends readonly AnyFeature[]>(name: string, features: Fs & Met<Fs>, ...attached: readonly Attachment[]): Node<Stack<Fs> & AllOf<Fs>> {
    const listed = features as readonly AnyFeature[]
    const own = listed.some((feature) => feature.name === 'netbuf') ? listed : [...listed, netbufIn(this.#arena)]
    const stack = compose(this.env, ...(own as readonly [])) as unknown as Stack<Fs> & AllOf<Fs> & WithNetif & WithRadio
    const [devices, radios, interfaces]: [SegmentDevice[], AirRadio[], Interface[]] = [[], [], []]
    for (const [i, link] of attached.entries()) {
      if (isAir(link)) {
        const radio = link.radio(placeBehind(attached[i + 1]))
        radios.push(radio)
        interfaces.push((stack.ieee802154 ?? noRadio(name)).add(radio))
      } else if (isSegment(link)) {
        const device = link.device(undefined, ++this.#devices)
        devices.push(device)
        interfaces.push(stack.netif.add(device))
      } else if (i === 0 || !isAir(attached[i - 1]!)) throw new TypeError(`${name}: a place stands behind its air: net.node(…, air, { at: [0, 0] })`)
    }
    for (const iface of interfaces) iface.up({ timeout: Infinity }).catch(() => {}) // whoever waits for it is told by their own up()
    this.#stacks.push({ name, stop: () => stack.stop(), netif: stack.netif })
    return { name, stack, interfaces, devices, radios, get iface() { return interfaces[0] ?? noInterface(name) } }
  }

  /** Pulls a device's cable, or puts it back. */
  plug(device: SegmentDevice, plugged: boolean): void {
    for (const segment of this.#segments) if (segment.has(device)) segment.plug(device, plugged)
  }

  /**
   * Runs `body` in virtual time: time advances by itself whenever nothing can go on. What `body` awaits must be of this
   * network; real I/O would wait for ever, and the error says so. When it fails, the error names the seed.
   */
  async run<T>(body: () => Promise<T> | T, options?: RunOptions): Promise<T> {
    try {
      return await this.env.run(body, options)
    } catch (error) {
      if (error instanceof Error && !error.message.includes('simulate({ seed')) error.message += ` — simulate({ seed: ${this.seed} }) at ${this.env.clock.now()} ms`
      throw error
    }
  }

  /** Every frame so far, as a pcapng file in memory. */
  captured(): Uint8Array {
    if (!this.#writer) throw new Error('nothing was recorded: simulate({ record: true })')
    this.#writer.flush()
    const whole = new Uint8Array(this.#blocks.reduce((sum, block) => sum + block.length, 0))
    let at = 0
    for (const block of this.#blocks) {
      whole.set(block, at)
      at += block.length
    }
    return whole
  }

  /** Writes every frame so far to a pcapng file. For Node, Bun and Deno; where there are no files, `captured` gives the bytes. */
  capture(path: string): void {
    // Not an import: a browser has no such module, and would not load this one.
    const files = globalThis.process?.getBuiltinModule('node:fs')
    if (files === undefined) throw new Error('there are no files here: captured() gives the bytes of the capture')
    files.writeFileSync(path, this.captured())
  }

  /** Stops every node and frees what is on the wires. Throws when a node still holds buffers: that is a leak. */
  async stop(): Promise<void> {
    for (const { stop } of [...this.#stacks].reverse()) await stop()
    for (const { bridge } of this.#bridges) bridge.stop()
    for (const segment of this.#segments) segment.stop()
    for (const air of this.#airs) air.stop()
    const holders = [...this.#stacks.map(({ name, netif }) => ({ name, buffers: netif.buffers })), ...this.#bridges]
    const leaks = holders.filter(({ buffers }) => buffers.live > 0).map(({ name, buffers }) => `${name} holds ${buffers.live} (${buffers.owners().join('; ')})`)
    if (leaks.length > 0) throw new Error(`buffers were not given back: ${leaks.join(', ')} — simulate({ seed: ${this.seed} })`)
  }

  /** Keeps a segment, and what passes over it. */
  #record<S extends EthernetSegment>(segment: S): S {
    this.#segments.push(segment)
    const writer = this.#writer
    if (writer) {
      const id = writer.addInterface(segment.name, linkTypes.ethernet)
      segment.tap((frame, now, faults) => writer.packet(id, now, frame, faults.length > 0 ? { comment: faults.join('; ') } : {}))
    }
    return segment
  }
}

const noInterface = (name: string): never => {
  throw new Error(`${name} has no interface: give net.node(…) a segment, or an air`)
}

const noRadio = (name: string): never => {
  throw new Error(`${name} is on the air, and no feature of it has use for a radio: list ieee802154() of @favonius/ieee802154`)
}

const isAir = (link: Attachment): link is Air => 'radio' in link
const isSegment = (link: Attachment): link is EthernetSegment => 'device' in link
const placeBehind = (link: Attachment | undefined): AirPlace => (link === undefined || isAir(link) || isSegment(link) ? {} : link)

/** A network in virtual time; the same seed gives the same bytes. */
export function simulate(options?: SimulateOptions): Simulation {
  return new Simulation(options)
}
