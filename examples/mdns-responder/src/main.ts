/**
 * Zephyr's mdns_responder: answers for zephyr.local, and offers a service, as its DNS-SD variant does. On a TAP it runs until Ctrl-C, and Linux may ask:
 * avahi-resolve -n zephyr.local, avahi-browse -rt _zephyr._tcp. On a wire in memory a second stack asks.
 */

import { narrate, openHosts, readOptions, untilInterrupted } from '@favonius-examples/kit'
import { system } from '@favonius/clock'
import { Mdns } from '@favonius/dns/mdns'
import { browse, find, offer } from '@favonius/dns/sd'

const { link, fail } = readOptions('npm run example mdns-responder -- [options]', {})
const hosts = await openHosts(link, narrate()).catch((error: Error) => fail(error.message))
const { us, peer } = hosts
const ours = await Mdns.open(system, us.stack.sockets, { iface: us.iface.name })
const host = await ours.host('zephyr', [us.ipv4, us.ipv6])
const service = await offer(ours, { name: 'Zephyr', type: '_zephyr._tcp', host: host.name, port: 4242 })
console.log(`we are ${host.name}, and offer ${service.name}`)
if (peer === undefined) await untilInterrupted()
else {
  const theirs = await Mdns.open(system, peer.stack.sockets, { iface: peer.iface.name })
  for await (const { name, instance } of browse(system, theirs, '_zephyr._tcp')) {
    const { host: at, port, addresses } = await find(theirs, instance)
    console.log(`${peer.name} found ${name}: ${at} port ${port}, ${[...addresses].sort().join(' and ')}`)
    break
  }
  theirs.close()
}
ours.close()
await hosts.stop()
