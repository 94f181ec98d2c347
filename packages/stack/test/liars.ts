/** Two stacks that exchange datagrams, and somebody on their segment who sends what he likes. */

import { sleep } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { address } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { ipv4Fragments } from '@favonius/ipv4/fragments'
import { ipv4Pmtu } from '@favonius/ipv4/pmtu'
import { ipv6 } from '@favonius/ipv6'
import { ipv6Fragments } from '@favonius/ipv6/fragments'
import { ipv6Pmtu } from '@favonius/ipv6/pmtu'
import { Arena, netbufIn } from '@favonius/netbuf'
import { simulate } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { udp } from '@favonius/udp'
import * as assert from 'uvu/assert'
import { arp, in6, ipBytes, join, linkOption, OUR4, OUR6, OUR_LINK, packet6, repair, ROUTER6, THEIR_LINK, type Bytes } from './corpus.ts'
import { WAY_DOWN } from './fuzz.ts'

/** The victim is who the corpus is written for; this is its friend. */
export const [FRIEND4, FRIEND6] = [address('192.0.2.2'), address('2001:db8::2')]
/** Ports of the flow: the friend's is known to nobody else. */
export const [OUR_PORT, FRIEND_PORT] = [7, 50_123]
/** A datagram in one piece, and one in three. */
const SIZES = [400, 3000]
const LATENCY = 1
const QUOTA = 2 << 20
/** ICMP errors of each family: at once, and per second. */
const ERRORS = 10

const asksForEcho = (frame: Bytes): boolean =>
  frame[12] === 0x86 ? frame[20] === 58 && frame[54] === 128 : frame[14] === 0x45 && frame[23] === 1 && frame[34] === 8

/** The attacker is whomever one asks for, but those who are there: an ARP reply or a neighbour advertisement. */
function answerTo(asked: Uint8Array): Bytes | undefined {
  const asks4 = asked[12] === 8 && asked[13] === 6 && asked[21] === 1
  if (asks4) {
    const target = address(asked.subarray(38, 42).join('.'))
    return asked[41]! < 3 || asked.subarray(28, 32).join() === asked.subarray(38, 42).join() ? undefined : arp(2, THEIR_LINK, target, OUR4, OUR_LINK)
  }
  const target = asked.subarray(62, 78)
  if (asked[12] !== 0x86 || asked[20] !== 58 || asked[54] !== 135 || asked[22] === 0 || target.join() === ipBytes(FRIEND6).join()) return undefined
  const told = in6(packet6(OUR6, OUR6, 58, join([136, 0, 0, 0, 0x60, 0, 0, 0], target, linkOption(2, THEIR_LINK)), 255))
  told.set(target, 22)
  return told
}

interface Attack {
  /** Frames for the victim, sent again and again; their checksums are put right. */
  readonly frames: readonly Bytes[]
  /** How many are sent in a millisecond, and for how many. */
  readonly rate?: number
  readonly lasts?: number
  /** Who is asked for answers, unless it is false. */
  readonly answers?: boolean
  /** The path MTUs that the victim comes to believe in, of IPv4 and of IPv6, when the attacker knows enough to be believed. */
  readonly believed?: readonly [four: number, six: number]
}

/** What became of it. */
export interface Report {
  /** Why the victim dropped frames. */
  readonly drops: Readonly<Record<string, number>>
  /** ICMP errors that the victim sent. */
  readonly errors: number
}

/**
 * Runs the attack while datagrams of both families go both ways. Throws unless each of them arrived in time, what the victim held
 * and answered stayed within bounds, and each of the attacker's frames was dropped for a reason, unless it asked for an echo.
 */
export async function attack({ frames, rate = 10, lasts = 500, answers = true, believed }: Attack): Promise<Report> {
  const net = simulate({ seed: 1, record: false })
  const lan = net.ethernet({ latency: LATENCY })
  const features = () => [
    netbufIn(new Arena(), { quota: QUOTA }), ethernet(), ipv4(), ipv4Fragments({ timeout: 1000 }), ipv4Pmtu(), ipv6(),
    ipv6Fragments({ timeout: 1000 }), ipv6Pmtu(), udp(), sockets(),
  ] as const
  const [victim, friend] = [net.node('victim', features(), lan), net.node('friend', features(), lan)]
  const attacker = lan.device(THEIR_LINK)
  const buffers = new Arena().pool()
  const whole = frames.map((frame) => frame.slice())
  for (const frame of whole) repair(frame)
  const send = (bytes: Bytes): void => {
    const frame = buffers.alloc(bytes.length)!
    frame.write(bytes)
    assert.ok(attacker.transmit(frame))
  }
  void attacker.start({
    frame(frame) {
      const answer = answers ? answerTo(frame.view()) : undefined
      frame.unref()
      if (answer === undefined) return
      repair(answer)
      send(answer)
    },
    ready() {}, carrier() {}, lost() {},
  }, buffers)
  victim.stack.ipv4.addAddress(victim.iface, `${OUR4}/24`)
  victim.stack.ipv4.setGateway(victim.iface, '192.0.2.254')
  victim.stack.ipv6.addAddress(victim.iface, `${OUR6}/64`)
  victim.stack.ipv6.setGateway(victim.iface, ROUTER6)
  friend.stack.ipv4.addAddress(friend.iface, `${FRIEND4}/24`)
  friend.stack.ipv6.addAddress(friend.iface, `${FRIEND6}/64`)
  const { netif, ipv4Fragments: four, ipv6Fragments: six } = victim.stack

  let errors = 0
  lan.tap(({ u8, offset }) => {
    if (u8[offset + 11] !== (OUR_LINK.lo & 255)) return
    const [family, protocol, at] = u8[offset + 12] === 0x86 ? [6, u8[offset + 20], offset + 54] : [4, u8[offset + 23], offset + 34]
    if (family === 6 ? protocol === 58 && u8[at]! < 128 : u8[offset + 13] === 0 && protocol === 1 && u8[at]! !== 0 && u8[at]! !== 8) errors++
  })

  const { clock } = net.env
  let arrived = 0
  let sent = 0
  const late: number[] = []
  const sink = {
    receive(data: Uint8Array): void {
      arrived++
      const took = clock.now() - new DataView(data.buffer, data.byteOffset).getFloat64(0)
      if (took !== LATENCY) late.push(took)
    },
    error() {},
  }
  const report = await net.run(async () => {
    await Promise.all([victim.iface.up(), friend.iface.up()])
    const ours = await victim.stack.sockets.open({ port: OUR_PORT }, sink)
    const theirs = await friend.stack.sockets.open({ port: FRIEND_PORT }, sink)
    const exchange = (): void => {
      for (const size of SIZES) {
        const data = new Uint8Array(size)
        new DataView(data.buffer).setFloat64(0, clock.now())
        for (const to of [FRIEND4, FRIEND6]) ours.send(data, { address: `${to}`, port: FRIEND_PORT })
        for (const to of [OUR4, OUR6]) theirs.send(data, { address: `${to}`, port: OUR_PORT })
        sent += 4
      }
    }
    // Neighbours are known before it begins.
    for (const layer of [friend.stack.ipv4, friend.stack.ipv6]) assert.is((await layer.ping(`${layer === friend.stack.ipv4 ? OUR4 : OUR6}`)).received, 1)
    exchange()
    await sleep(net.env, 100)
    assert.equal(late, [])
    const before = netif.statistics().drops
    const start = clock.now()
    let made = 0
    let echoes = 0
    for (let tick = 0; tick < lasts; tick++) {
      for (let n = 0; n < rate; n++) {
        const bytes = whole[made++ % whole.length]!
        if (asksForEcho(bytes)) echoes++
        send(bytes)
        if (tick % 10 === 5 && n === rate >> 1) exchange()
      }
      await sleep(net.env, LATENCY)
      assert.ok(four.held <= QUOTA / 4 && six.held <= QUOTA / 4, `fragments hold ${four.held} and ${six.held} bytes`)
      assert.ok(netif.buffers.used <= QUOTA * 5 / 8, `${netif.buffers.used} bytes are held`)
    }
    const most = 2 * ERRORS * (1 + Math.ceil((clock.now() - start) / 1000))
    assert.ok(errors <= most, `${errors} ICMP errors, of ${most} at most`)
    const mtus = [victim.stack.ipv4.route(FRIEND4, { protocol: 17 }), victim.stack.ipv6.route(FRIEND6, { protocol: 17 })].map((route) => route!.mtu)
    assert.equal(mtus, believed ?? [1500, 1500], 'path MTUs')
    if (believed === undefined) assert.equal([...victim.stack.ipv4Pmtu.paths, ...victim.stack.ipv6Pmtu.paths], [])
    // Until nothing is waited for any more.
    await sleep(net.env, 10_000)
    assert.is(arrived, sent, `${sent - arrived} of ${sent} datagrams are lost: ${JSON.stringify(netif.statistics().drops)}`)
    assert.equal(late, [], 'datagrams came late')
    assert.is(netif.buffers.live, 0)
    const drops = Object.fromEntries(Object.entries(netif.statistics().drops).map(([text, n]) => [text, n - (before[text] ?? 0)] as const).filter(([, n]) => n > 0))
    const ended = Object.entries(drops).filter(([text]) => !WAY_DOWN.test(text) && text !== 'ipv6: group not joined').reduce((sum, [, n]) => sum + n, 0)
    assert.ok(believed ? ended + echoes < made : ended + echoes === made, `of ${made} frames ${ended} came to an end: ${JSON.stringify(drops)}`)
    return { drops, errors }
  })
  attacker.stop()
  await net.stop()
  return report
}
