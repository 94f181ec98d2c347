/** The options that the examples have in common. */

import { parseArgs, type ParseArgsConfig } from 'node:util'
import type { RadioChoice } from './radios.ts'

/** How an example's stack is connected, and what is done to its frames. */
export interface LinkOptions {
  /** Name of a TAP device; undefined for a wire in memory. */
  readonly tap: string | undefined
  /** Where to write a capture; undefined for none. */
  readonly pcap: string | undefined
  /** Share of frames lost on purpose, 0 … 1. */
  readonly drop: number
  /** Bits a second of the wire in memory; a frame takes no time unless given. */
  readonly rate?: number
  /** A radio of IEEE 802.15.4 in place of a wire: IPv6 alone. */
  readonly radio?: RadioChoice | undefined
}

const common = {
  tap: { type: 'boolean', default: false },
  name: { type: 'string', default: 'fav0' },
  pcap: { type: 'string' },
  drop: { type: 'string', default: '0' },
  help: { type: 'boolean', default: false },
} as const satisfies ParseArgsConfig['options']

const commonHelp = `  --tap            use a TAP device instead of a wire in memory (Linux, as root)
  --name NAME      of the TAP device (fav0)
  --pcap FILE      write a pcapng capture
  --drop SHARE     lose this share of frames on purpose: 0.05, or 5%`

/** Reads the command line. Ends the process with a message for people when it is wrong, and with the usage for --help. */
export function readOptions<const O extends NonNullable<ParseArgsConfig['options']>>(usage: string, own: O, ownHelp = '') {
  const text = `usage: ${usage}\n${ownHelp ? `${ownHelp}\n` : ''}${commonHelp}`
  const fail = (message: string): never => {
    console.error(`${message}\n${text}`)
    process.exit(2)
  }
  const read = () => {
    try {
      return parseArgs({ options: { ...common, ...own }, allowPositionals: true })
    } catch (error) {
      return fail((error as Error).message)
    }
  }
  const { values, positionals } = read()
  const shared = values as unknown as { readonly tap: boolean; readonly name: string; readonly pcap?: string; readonly drop: string; readonly help: boolean }
  if (shared.help) {
    console.log(text)
    process.exit(0)
  }
  const percent = /^(\d+(?:\.\d+)?)(%?)$/.exec(shared.drop)
  const drop = percent ? Number(percent[1]) / (percent[2] ? 100 : 1) : NaN
  if (!(drop >= 0 && drop <= 1)) fail(`--drop ${shared.drop}: give a share from 0 to 1, or a percentage`)
  const link: LinkOptions = { tap: shared.tap ? shared.name : undefined, pcap: shared.pcap, drop }
  return { link, values, positionals, fail }
}
