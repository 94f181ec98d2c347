/**
 * A sniffer of IEEE 802.15.4: it hears all that its radio can, whomever it is for, prints a line for each frame, and says nothing itself. On the air in
 * memory two stacks have something to say to each other; by another radio (a SLIP radio's mote is told to pass everything) it listens until Ctrl-C.
 */

import { sleep } from '@favonius/clock'
import type { Env } from '@favonius/contract'
import { ieee802154 } from '@favonius/ieee802154'
import { frameTypes, readFrame, show } from '@favonius/ieee802154/wire'
import { ipv6 } from '@favonius/ipv6'
import { linkTypes, PcapngWriter } from '@favonius/pcap'
import { blockFile } from '@favonius/pcap/file'
import { show as showPacket } from '@favonius/sixlowpan/wire'
import { compose } from '@favonius/stack'
import { openRadio, radioHelp, radioOf, radioOptions, readOptions, untilInterrupted, type Radios } from '@favonius-examples/kit'

const { link, values, fail } = readOptions('npm run example sniffer -- [options]', {
  channel: { type: 'string', default: '26' },
  ...radioOptions,
}, `  --channel N      to listen on, 0 to 26 (26)\n${radioHelp}`)
if (link.tap !== undefined) fail('--tap: there is no IEEE 802.15.4 on a TAP; --air is what there is unless another radio is given')
const radio = await openRadio(radioOf(values, fail) ?? { kind: 'air' }, { loss: link.drop, place: [5, 5] }).catch((error: Error) => fail(error.message))
const { env, air } = radio

// A link layer, and nothing above.
const stack = compose(env, ieee802154())
const wpan0 = stack.ieee802154.add(radio.radio)
try {
  stack.ieee802154.set(wpan0, { channel: Number(values.channel) })
} catch (error) {
  fail(`--channel ${values.channel}: ${(error as Error).message}`)
}
wpan0.hearAll()
// What was heard, and nothing of what a stack makes of it.
const file = link.pcap === undefined ? undefined : blockFile(link.pcap)
const capture = file === undefined ? undefined : new PcapngWriter(file.write, { epoch: env.clock.epoch })
capture?.addInterface(wpan0.name, linkTypes.ieee802154)
const began = env.clock.now()
let heard = 0
stack.netif.tap({
  frame(_iface, frame, direction) {
    if (direction === 'out') return
    heard++
    capture?.packet(0, env.clock.now(), frame, { direction })
    capture?.flush()
    console.log(`${((env.clock.now() - began) / 1000).toFixed(6).padStart(10)}  ${line(Uint8Array.from(frame.view()))}`)
  },
  dropped() {},
})
await radio.begin(stack.netif.buffers)
console.log(`listening on channel ${values.channel}${air === undefined ? `, with ${radio.where}; Ctrl-C ends it` : ''}`)
await wpan0.up({ timeout: Infinity })
await (air === undefined ? untilInterrupted() : talk(radio))
console.log(`${heard} frames`)
await stack.stop()
capture?.close()
file?.close()
await radio.stop()

/** A frame, and what is in it where that is 6LoWPAN. */
function line(frame: Uint8Array<ArrayBuffer>): string {
  const header = readFrame(new DataView(frame.buffer), 0, frame.length)
  if ('malformed' in header || header.type !== frameTypes.data || header.security || header.length === frame.length) return show(frame)
  return `${show(frame)}: ${showPacket(frame.subarray(header.length))}`
}

/** alice pings bob, with more than fits into one frame, too. */
async function talk({ air }: Radios): Promise<void> {
  const stackOf = (env: Env) => compose(env, ieee802154(), ipv6())
  const [alice, bob] = [stackOf(env), stackOf(env)]
  const ups = ([[alice, 1, [0, 0]], [bob, 2, [10, 0]]] as const).map(([stack, number, at]) => {
    const iface = stack.ieee802154.add(air!.radio({ at }))
    stack.ieee802154.set(iface, { channel: Number(values.channel) })
    stack.ipv6.addAddress(iface, `2001:db8::${number}/64`)
    return iface.up()
  })
  await Promise.all(ups)
  for (const size of [8, 200]) await alice.ipv6.ping('2001:db8::2', { size })
  await sleep(env, 50)
  for (const one of [alice, bob]) await one.stop()
}
