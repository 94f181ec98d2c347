/**
 * Zephyr's sockets/packet sample: packet sockets beside an IP stack. bob's RAW socket hears everything, prints it, and sends frames of one
 * EtherType back; his DGRAM socket answers another one without ever seeing a link header. With `--tap` he serves Linux.
 */

import { system } from '@favonius/clock'
import type { LinkAddress } from '@favonius/contract'
import { PacketSocketsLayer, type BsdPacketSocket } from '@favonius/sockets/packet'
import { line, openHosts, readOptions, statistics, table, untilInterrupted, type Host } from '@favonius-examples/kit'

/** Local experimental EtherTypes (IEEE 802 §9.2.4). */
const [RAW, DGRAM] = [0x88b5, 0x88b6]

const { link, fail } = readOptions('npm run example packet -- [options]', {})
const hosts = await openHosts(link).catch((error: Error) => fail(error.message))
const { us, peer } = hosts
const layers = [us, ...peer ? [peer] : []].map(packetSockets)
const server = peer ?? us
serve(layers.at(-1)!, server)
await (peer === undefined ? meetLinux() : meetAlice(layers[0]!, peer.iface.address))
for (const layer of layers) layer.stop()
console.log(`\nWhat ${server.name} counted:\n${statistics(server)}`)
await hosts.stop()

/** The kit's stacks come without packet sockets; a program that composes its own lists `packetSockets()`, and has `stack.packetSockets`. */
function packetSockets({ stack }: Host): PacketSocketsLayer {
  return new PacketSocketsLayer(system, stack.netif, { receiveBuffer: 212_992 })
}

/** Ends with its sockets: what waits then rejects with EBADF. */
function serve(layer: PacketSocketsLayer, { name }: Host): void {
  const closed = (error: { readonly code?: string }): void => { if (error.code !== 'EBADF') throw error }
  void returnFrames(layer.socket('raw', 'all'), name).catch(closed)
  void returnPackets(layer.socket('dgram', DGRAM), name).catch(closed)
}

/** RAW: whole frames. What comes back to its sender has the two addresses in each other's place. */
async function returnFrames(socket: BsdPacketSocket, name: string): Promise<void> {
  socket.setsockopt('PACKET_IGNORE_OUTGOING', true)
  for (;;) {
    const { data, from } = await socket.recvfrom()
    console.log(`  ${name} ${from.type.padEnd(9)} ${line(data)}`)
    const [to, sender, rest] = [data.subarray(0, 6), data.subarray(6, 12), data.subarray(12)]
    if (from.protocol === RAW) await socket.sendto(Uint8Array.from([...sender, ...to, ...rest]), from)
  }
}

/** DGRAM: what follows the header. Where it came from is where the answer goes. */
async function returnPackets(socket: BsdPacketSocket, name: string): Promise<void> {
  for (;;) {
    const { data, from } = await socket.recvfrom()
    console.log(`  ${name} answers ${data.length} bytes to ${from.address}`)
    await socket.sendto(data, from)
  }
}

/** alice sends both kinds, three sizes of each, and then a ping, which bob's sockets hear and his stack answers all the same. */
async function meetAlice(layer: PacketSocketsLayer, bob: LinkAddress): Promise<void> {
  const [raw, dgram] = [layer.socket('raw', RAW), layer.socket('dgram', DGRAM)]
  const rows: (string | number)[][] = [['socket', 'sent', 'came back']]
  for (const socket of [raw, dgram]) {
    socket.setsockopt('SO_RCVTIMEO', 1000)
    await socket.bind({ iface: 'eth0' })
    for (const size of [46, 500, 1500]) {
      const payload = new Uint8Array(size).fill(size)
      const header = socket === raw ? [...bytesOf(bob), ...bytesOf(us.iface.address), RAW >> 8, RAW & 0xff] : []
      const data = Uint8Array.from([...header, ...payload])
      await socket.sendto(data, { address: bob })
      const back = await socket.recv().catch(() => undefined)
      const whole = back?.length === data.length && back.subarray(-size).every((byte, i) => byte === payload[i])
      rows.push([socket.type, data.length, back === undefined ? 'nothing within a second' : whole ? 'whole' : 'changed'])
    }
  }
  const { received } = await us.stack.ipv4.ping(hosts.peerIpv4)
  console.log(`\n${table(rows)}\n\nand ${received} ping was answered.`)
}

function bytesOf(address: LinkAddress): number[] {
  return `${address}`.split(':').map((two) => parseInt(two, 16))
}

async function meetLinux(): Promise<void> {
  const python = (kind: string, type: number, send: string): string =>
    `  python3 -c "import socket as s; p = s.socket(s.AF_PACKET, s.SOCK_${kind}); p.bind(('${link.tap}', ${type})); ${send}; print(p.recv(2000))"`
  const address = `bytes.fromhex('${`${us.iface.address}`.replaceAll(':', '')}')`
  console.log('Try, in another shell, as root:')
  console.log(python('RAW', RAW, `p.send(${address} + p.getsockname()[4] + b'\\x88\\xb5' + b'hello' * 10)`))
  console.log(python('DGRAM', DGRAM, `p.sendto(b'hello', ('${link.tap}', ${DGRAM}, 0, 0, ${address}))`))
  console.log(`  ping -c1 ${us.ipv4}\n\nCtrl-C ends it.`)
  await untilInterrupted()
}
