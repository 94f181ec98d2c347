/**
 * Zephyr's promiscuous_mode sample. Two stacks talk on a wire; a third one listens in, and prints a line for each frame it hears: first
 * as any station, then in promiscuous mode. With `--tap` we listen to all that Linux sends, whomever it is for.
 */

import { system } from '@favonius/clock'
import type { Interface, Netif } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet/bare'
import { compose } from '@favonius/stack'
import { ECHO_PORT, line, openHosts, readOptions, serveEcho, untilInterrupted, type Hosts } from '@favonius-examples/kit'

const { link, fail } = readOptions('npm run example promiscuous-mode -- [options]', {})
const hosts = await openHosts(link).catch((error: Error) => fail(error.message))
await (hosts.wire === undefined ? listenToLinux(hosts) : listenIn(hosts))
await hosts.stop()

/** Prints what comes in by an interface; returns how many frames that were, and stops. */
function print(netif: Netif): () => number {
  let heard = 0
  const stop = netif.tap({
    frame(_iface: Interface, frame, direction) {
      if (direction === 'out') return
      heard++
      console.log(`  ${line(frame.view())}`)
    },
    dropped() {},
  })
  return () => {
    stop()
    return heard
  }
}

/** The third station has Ethernet, and nothing above: it says nothing itself. */
async function listenIn(hosts: Hosts): Promise<void> {
  const carol = compose(system, ethernet())
  const eth0 = carol.netif.add(hosts.wire!.device())
  await eth0.up()
  await serveEcho(hosts.peer!, ECHO_PORT)

  console.log('carol is a station as any other, and hears groups and broadcasts:')
  let stop = print(carol.netif)
  await talk(hosts)
  console.log(`${stop()} frames\n`)

  console.log('carol in promiscuous mode hears everyone:')
  const giveUp = eth0.hearAll()
  stop = print(carol.netif)
  await talk(hosts)
  console.log(`${stop()} frames`)
  giveUp()
  await carol.stop()
}

/** alice pings bob in both families, and sends him a datagram, which he returns. */
async function talk({ us, peerIpv4, peerIpv6 }: Hosts): Promise<void> {
  us.stack.arp.flush()
  us.stack.nd.flush()
  await us.stack.ipv4.ping(peerIpv4)
  await us.stack.ipv6.ping(peerIpv6)
  const socket = us.stack.sockets.socket('inet', 'dgram')
  socket.setsockopt('SO_RCVTIMEO', 1000)
  await socket.sendto(new TextEncoder().encode('hello'), { address: peerIpv4, port: ECHO_PORT })
  await socket.recv().catch(() => console.log('  (no echo within a second)'))
  socket.close()
}

async function listenToLinux({ us }: Hosts): Promise<void> {
  const dev = link.tap!
  console.log(`What Linux sends by ${dev} is printed, whomever it is for. In another shell, to a station that is not there:`)
  console.log(`  ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev ${dev}\n  ping 192.0.2.9\n\nCtrl-C ends it.`)
  us.iface.hearAll()
  const stop = print(us.stack.netif)
  await untilInterrupted()
  console.log(`${stop()} frames`)
}
