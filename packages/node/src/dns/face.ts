/** `dns.lookup` over a `NameResolver`: arguments, answers and errors as Node has them. */

import { lookup as systemLookup, V4MAPPED, type LookupAddress, type LookupOptions } from 'node:dns'
import { isIP } from 'node:net'
import type { NameResolver } from '@favonius/contract'
import type { SystemError } from '../net/errors.ts'

type LookupError = SystemError & { hostname: string }
type Callback = (error: LookupError | null, address: string | LookupAddress[] | null | undefined, family?: number) => void

/** What `nodeDns` gives. */
export interface FaceDns {
  /** As `dns.lookup`: for `nodeNet({ lookup })`, an `http.Agent`, undici's `connect`. */
  lookup(hostname: string, callback: Callback): void
  lookup(hostname: string, options: LookupOptions | number, callback: Callback): void
  readonly promises: {
    /** As `dns.promises.lookup`. */
    lookup(hostname: string, options?: LookupOptions | number): Promise<LookupAddress | LookupAddress[]>
  }
}

/** libuv's numbers of what getaddrinfo says. */
const NUMBERS = { EAI_AGAIN: -3001, ENOTFOUND: -3008 } as const
/** What a resolver says of a name that has no such address; all else may be otherwise the next time. */
const NOT_THERE = new Set(['ENOTFOUND', 'ENODATA', 'ENONAME', 'EAI_NONAME'])

const FAMILIES = new Map<unknown, 0 | 4 | 6>([[undefined, 0], [0, 0], [4, 4], [6, 6], ['IPv4', 4], ['IPv6', 6]])

interface Question {
  readonly family: 0 | 4 | 6
  readonly all: boolean
  readonly mapped: boolean
  readonly order: 'verbatim' | 'ipv4first' | 'ipv6first'
}

/**
 * The part of `node:dns` that finds addresses, over a resolver: `stack.sockets.resolver`, or a `DnsClient`.
 *
 * ```ts no-run
 * const net = nodeNet({ streams: stack.sockets, lookup: nodeDns(stack.sockets.resolver).lookup })
 * ```
 */
export function nodeDns(resolver: NameResolver): FaceDns {
  async function find(hostname: string, { family, mapped, order }: Question): Promise<LookupAddress[]> {
    const literal = isIP(hostname)
    if (literal !== 0) return [{ address: hostname, family: literal }]
    const ask = (wanted: 0 | 4 | 6) => resolver.lookup(hostname, wanted === 0 ? {} : { family: wanted })
    try {
      return sorted(await ask(family), order)
    } catch (error) {
      if (family === 6 && mapped) {
        const four = await ask(4).catch(() => [])
        if (four.length > 0) return four.map(({ address }) => ({ address: `::ffff:${address}`, family: 6 }))
      }
      throw failed(hostname, error)
    }
  }

  function lookup(hostname: string, second: LookupOptions | number | Callback, third?: Callback): void {
    const [options, callback] = typeof second === 'function' ? [undefined, second] : [second, third!]
    const question = asked(hostname, options, callback)
    if (!hostname) return question.all ? process.nextTick(callback, null, []) : process.nextTick(callback, null, null, question.family === 6 ? 6 : 4)
    find(hostname, question).then(
      (found) => (question.all ? process.nextTick(callback, null, found) : process.nextTick(callback, null, found[0]!.address, found[0]!.family)),
      (error: LookupError) => process.nextTick(callback, error),
    )
  }

  return {
    lookup: lookup as FaceDns['lookup'],
    promises: {
      async lookup(hostname, options) {
        const question = asked(hostname, options)
        if (!hostname) return question.all ? [] : { address: null as unknown as string, family: question.family === 6 ? 6 : 4 }
        const found = await find(hostname, question)
        return question.all ? found : found[0]!
      },
    },
  }
}

/** What is asked for. Arguments that are none are refused by Node itself, in the words of its version: it is asked for an address, which needs nobody. */
function asked(hostname: unknown, options: LookupOptions | number | undefined, callback: unknown = () => {}): Question {
  const told = typeof callback === 'function' ? () => {} : callback
  systemLookup((typeof hostname === 'string' ? '127.0.0.1' : hostname) as string, options as LookupOptions, told as () => void)
  const { family, hints = 0, all = false, order, verbatim } = typeof options === 'number' ? { family: options } : options ?? {}
  return { family: FAMILIES.get(family) ?? 0, all, mapped: (hints & V4MAPPED) !== 0, order: order ?? (verbatim === false ? 'ipv4first' : 'verbatim') }
}

function sorted(found: readonly LookupAddress[], order: Question['order']): LookupAddress[] {
  const all = found.map(({ address, family }) => ({ address, family }))
  if (order === 'verbatim') return all
  const first = order === 'ipv4first' ? 4 : 6
  return [...all.filter(({ family }) => family === first), ...all.filter(({ family }) => family !== first)]
}

/** `getaddrinfo ENOTFOUND nobody.example`. */
function failed(hostname: string, cause: unknown): LookupError {
  const code = NOT_THERE.has((cause as { code?: string }).code ?? '') ? 'ENOTFOUND' : 'EAI_AGAIN'
  return Object.assign(new Error(`getaddrinfo ${code} ${hostname}`, { cause }), { errno: NUMBERS[code], code, syscall: 'getaddrinfo', hostname })
}
