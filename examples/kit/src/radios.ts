/** The radios that an example may have: in memory, by UDP, or at the other end of a byte stream. */

import { lookup } from 'node:dns/promises'
import { pace, system, virtual } from '@favonius/clock'
import type { BufferSource, Endpoint, Env, Radio } from '@favonius/contract'
import { nodeDatagrams, nodeStreams } from '@favonius/node'
import { SlipMote, SlipRadio } from '@favonius/serial/slip-radio'
import { UpipeRadio } from '@favonius/serial/upipe'
import { Air, type Place } from '@favonius/sim'
import { ZepRadio } from '@favonius/zep'

/** Where a radio's peer is: at a place, or it comes to a port of ours. */
export type Way = { readonly remote: Endpoint } | { readonly local: Endpoint }

/** Which radio. */
export type RadioChoice = { readonly kind: 'air' } | { readonly kind: 'zep' | 'upipe' | 'slip-radio'; readonly text: string }

/** What an example lists that runs over radios too, and how they are told of. */
export const radioOptions = {
  air: { type: 'boolean', default: false },
  zep: { type: 'string' },
  upipe: { type: 'string' },
  'slip-radio': { type: 'string' },
} as const

export const radioHelp = `  --air            use radios in memory, and 6LoWPAN, instead of a wire: IPv6 alone
  --zep WHERE      a radio over UDP, as RIOT's and lwIP's
  --upipe WHERE    one over TCP, as Zephyr's UPIPE in QEMU (-serial tcp:…)
  --slip-radio WHERE
                   HOST:PORT: a mote with Contiki-NG's slip-radio is there;
                   PORT: we are such a mote, for the border router that connects
                   WHERE is HOST:PORT to go there, or PORT to wait for who comes, from
                   this machine alone. Who waits has 2001:db8::1, who goes there ::2`

/** Which of them the command line asks for; undefined for none. */
export function radioOf(
  values: { readonly air?: boolean; readonly zep?: string | undefined; readonly upipe?: string | undefined; readonly 'slip-radio'?: string | undefined },
  fail: (message: string) => never,
): RadioChoice | undefined {
  const asked: RadioChoice[] = values.air ? [{ kind: 'air' }] : []
  for (const kind of ['zep', 'upipe', 'slip-radio'] as const) {
    const text = values[kind]
    if (text !== undefined) asked.push({ kind, text })
  }
  if (asked.length > 1) fail(`--${asked.map(({ kind }) => kind).join(' and --')}: give one of them`)
  return asked[0]
}

/** Reads `4000`, `localhost:4000` or `[::1]:4000`. */
async function wayOf({ kind, text }: Exclude<RadioChoice, { kind: 'air' }>): Promise<Way> {
  const match = /^(?:(?:\[([\da-f:.%]+)\]|([^\s:[\]]+)):)?(\d{1,5})$/i.exec(text)
  const port = Number(match?.[3])
  if (match === null || port === 0 || port > 65_535) throw new Error(`--${kind} ${text}: give HOST:PORT to go there, or PORT to wait there`)
  const host = match[1] ?? match[2]
  if (host === undefined) return { local: { address: kind === 'zep' ? '::1' : '127.0.0.1', port } }
  const { address } = await lookup(host).catch(() => { throw new Error(`--${kind} ${text}: there is no host ${host}`) })
  return { remote: { address, port } }
}

/** Radios that are ready to be added to stacks, and the time that these live in. */
export interface Radios {
  readonly env: Env
  /** The air in memory, where there is one. */
  readonly air: Air | undefined
  readonly radio: Radio
  /** 1 for who waits, 2 for who goes to another. */
  readonly number: 1 | 2
  /** What is on the other side, for people. */
  readonly where: string
  /** To be called with the stack's buffers, before its interface is up. */
  begin(buffers: BufferSource): Promise<void>
  stop(): Promise<void>
}

/** An air whose time keeps pace with the real one; to be ended. No timer of the platform is as fine as a radio's times. */
function openAir(loss = 0): { readonly env: Env; readonly air: Air; stop(): void } {
  const env = virtual({ seed: Date.now(), epoch: Date.now() })
  const air = new Air(env, { loss })
  const end = pace(env)
  return {
    env, air,
    stop() {
      air.stop()
      end()
    },
  }
}

/** Makes the radio that was chosen. On an air in memory it is at `place`. */
export async function openRadio(choice: RadioChoice, { loss = 0, place = [0, 0] }: { readonly loss?: number; readonly place?: Place } = {}): Promise<Radios> {
  if (choice.kind === 'air') {
    const { env, air, stop } = openAir(loss)
    return { env, air, radio: air.radio({ at: place }), number: 1, where: 'on the air', begin: async () => {}, stop: async () => stop() }
  }
  if (loss > 0) throw new Error('--drop is for what is in memory, and for TAP: there is nothing between a radio and its peer that could lose frames')
  const way = await wayOf(choice)
  const [at, number] = 'remote' in way ? [way.remote, 2 as const] : [way.local, 1 as const]
  const where = `${number === 1 ? 'who comes to' : 'at'} ${at.address} port ${at.port}`
  const plain = (radio: Radio): Radios => ({ env: system, air: undefined, radio, number, where, begin: async () => {}, stop: async () => {} })
  switch (choice.kind) {
    case 'zep': return plain(new ZepRadio(system, nodeDatagrams(), way))
    case 'upipe': return plain(new UpipeRadio(system, nodeStreams(), way))
    case 'slip-radio': {
      if ('remote' in way) return plain(await SlipRadio.open(system, nodeStreams(), way))
      const { env, air, stop } = openAir()
      const mote = new SlipMote(env, air.radio({ at: [10, 0] }), nodeStreams(), way)
      return {
        env, air: undefined, radio: air.radio({ at: place }), number, where: `${where}, a border router of which we are the radio`,
        begin: (buffers) => mote.start(buffers),
        async stop() {
          await mote.stop()
          stop()
        },
      }
    }
  }
}
