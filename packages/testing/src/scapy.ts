/** Scapy as a host at the other end of a TAP, as packages/ip/interop/host.py makes it one. */

import type { Interface } from '@favonius/contract'
import type { Namespace } from './namespace.ts'

/** Debian's, for which python3-scapy is. */
const PYTHON = '/usr/bin/python3'

/** Where scapy is, and how it is asked. */
export interface ScapyHost {
  /** Path of host.py. */
  readonly program: string
  readonly namespace: Namespace
  /** The kernel's name of the interface, and ours. */
  readonly tap: string
  readonly iface: Interface
  /** Brings an expression to it: a datagram to its port 4242. */
  ask(expression: Uint8Array): Promise<unknown>
  /** Statistics of ours: how often each reason dropped something. */
  drops(): Readonly<Record<string, number>>
}

/** What scapy answers to an expression, and what was dropped of it meanwhile, without the layer's name before the reason. */
export type Hears = (expression: string) => Promise<readonly [answers: readonly string[], drops: Readonly<Record<string, number>>]>

/** Starts scapy. */
export async function scapyHost({ program, namespace, tap, iface, ask, drops }: ScapyHost): Promise<Hears> {
  const host = namespace.start(PYTHON, program, tap, `${iface.address}`)
  await host.printed(/ready/)
  let told = 0
  return async (expression) => {
    const before = drops()
    await ask(new TextEncoder().encode(expression))
    const [, answers] = await host.printed(new RegExp(`answers ${told++} (.*)\n`))
    const after = Object.entries(drops()).map(([text, n]) => [text.replace(/^ipv[46]: /, ''), n - (before[text] ?? 0)] as const)
    return [JSON.parse(answers!), Object.fromEntries(after.filter(([, n]) => n > 0))]
  }
}
