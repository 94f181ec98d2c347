/**
 * How long a radio over UDP takes to acknowledge: from another process, which sends a frame over loopback and waits for its acknowledgment, in real time.
 * Beside it, the same process and a socket of Node's that returns what it gets. And datagrams there and back between two stacks of ours, in frames.
 */

import { execFile } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import type { AddressInfo } from 'node:net'
import { system } from '@favonius/clock'
import { ieee802154 } from '@favonius/ieee802154'
import { FCS, fcs, writeData } from '@favonius/ieee802154/wire'
import { eui64 } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6'
import { nodeDatagrams } from '@favonius/node'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { udp } from '@favonius/udp'
import { ZepRadio } from '@favonius/zep'
import { HEADER, writeZep } from '@favonius/zep/wire'
import { figure, smoke } from './measure.ts'

const OURS = eui64('02:00:00:00:00:00:00:01')
const THEIRS = eui64('02:00:00:00:00:00:00:02')
const PAN = 0xabcd
const PAYLOAD = 80
const FRAMES = smoke ? 200 : 20_000
/** Frames before it is measured. */
const WARMING = smoke ? 50 : 5000

const median = (times: number[]): number => times.sort((a, b) => a - b)[times.length >> 1]!
const microseconds = (ms: number): number => Math.round(ms * 10_000) / 10
const bound = (socket: Socket): Promise<number> => new Promise((resolve) => socket.bind(0, '::1', () => resolve((socket.address() as AddressInfo).port)))

/** A frame for OURS that asks for an acknowledgment, as a datagram. Its dispatch is NALP's (RFC 4944 §5.1): no packet, and dropped behind the acknowledgment. */
function datagram(sequence: number): Uint8Array {
  const length = 5 + 8 + 8 + PAYLOAD
  const bytes = new Uint8Array(HEADER + length + FCS)
  const dv = new DataView(bytes.buffer)
  writeData(dv, HEADER, PAN, sequence, THEIRS, OURS, true)
  const sum = fcs(bytes, HEADER, HEADER + length)
  bytes[HEADER + length] = sum & 0xff
  bytes[HEADER + length + 1] = sum >>> 8
  writeZep({ channel: 26, device: 2, number: sequence, time: Date.now(), length: length + FCS }, dv)
  return bytes
}

/** The other process: prints the median of how long each answer took, in milliseconds. */
async function ask(port: number): Promise<void> {
  const socket = createSocket('udp6')
  await bound(socket)
  const frames = Array.from({ length: 256 }, (_, sequence) => datagram(sequence))
  const times: number[] = []
  let asked = 0
  let began = 0
  const next = (): void => {
    began = performance.now()
    socket.send(frames[asked & 0xff]!, port, '::1')
  }
  await new Promise<void>((resolve) => {
    socket.on('message', () => {
      if (asked++ >= WARMING) times.push(performance.now() - began)
      if (times.length === FRAMES) return resolve()
      next()
    })
    next()
  })
  socket.close()
  console.log(median(times))
}

const fromOutside = (port: number): Promise<number> => new Promise((resolve, reject) => {
  execFile(process.execPath, [process.argv[1]!, String(port)], (error, stdout) => (error ? reject(error) : resolve(Number(stdout))))
})

async function acknowledgments(): Promise<void> {
  const plain = createSocket('udp6')
  plain.on('message', (data, { port, address }) => plain.send(data, port, address))
  const returned = await fromOutside(await bound(plain))
  plain.close()

  const stack = compose(system, ieee802154(), ipv6())
  const radio = new ZepRadio(system, nodeDatagrams(), { local: { address: '::1', port: 0 }, address: OURS })
  const wpan0 = stack.ieee802154.add(radio)
  await wpan0.up()
  const acknowledged = await fromOutside(radio.local!.port)
  await stack.stop()
  figure({ name: 'a datagram is returned by a socket of Node\'s', value: microseconds(returned), unit: 'µs', note: 'median, seen by another process' })
  figure({ name: 'a frame is acknowledged', value: microseconds(acknowledged), unit: 'µs', note: 'median, seen by another process; the target is under 400' })
}

/** Datagrams there and back, one at a time, between two stacks in this process. */
async function echo(size: number): Promise<void> {
  const stackOf = () => compose(system, ieee802154(), ipv6(), udp(), sockets())
  const [a, b] = [stackOf(), stackOf()]
  const listening = new ZepRadio(system, nodeDatagrams(), { local: { address: '::1', port: 0 }, address: OURS })
  const wa = a.ieee802154.add(listening)
  a.ipv6.addAddress(wa, '2001:db8::1/64')
  await wa.up()
  const wb = b.ieee802154.add(new ZepRadio(system, nodeDatagrams(), { remote: { address: '::1', port: listening.local!.port }, address: THEIRS }))
  b.ipv6.addAddress(wb, '2001:db8::2/64')
  await wb.up()
  const server = await a.sockets.open({ port: 7 }, { receive: (data, from) => void server.send(data, from) })
  const data = new Uint8Array(size).fill(7)
  const to = { address: '2001:db8::1', port: 7 }
  const times: number[] = []
  const rounds = smoke ? 10 : 200
  const warming = smoke ? 2 : 50
  let round = 0
  let began = 0
  await new Promise<void>((resolve) => {
    const next = (): void => {
      began = performance.now()
      client.then((socket) => socket.send(data, to), () => {})
    }
    const client = b.sockets.open({}, {
      receive() {
        if (round++ >= warming) times.push(performance.now() - began)
        if (times.length === rounds) return resolve()
        next()
      },
    })
    next()
  })
  await Promise.all([a.stop(), b.stop()])
  figure({ name: `UDP over 6LoWPAN over ZEP and back, ${size} bytes`, value: microseconds(median(times)), unit: 'µs', note: `median of ${rounds}, both stacks in one process; the MAC's silence between frames is part of it` })
}

if (process.argv[2] === undefined) {
  await acknowledgments()
  for (const size of [32, 1000]) await echo(size)
} else {
  await ask(Number(process.argv[2]))
}
