/**
 * Zephyr's dns_resolve: asks for the A and AAAA records of names, one of them an alias, at port 15353 of .2 by either family. On a TAP that is a
 * server on Linux: dnsmasq -d -p 15353 --no-resolv --cname=www.zephyrproject.org,zephyrproject.org --host-record=zephyrproject.org,192.0.2.80,2001:db8::80
 * On a wire in memory a second stack serves the same.
 */

import { narrate, openHosts, readOptions, type Host } from '@favonius-examples/kit'
import { system } from '@favonius/clock'
import { DnsClient } from '@favonius/dns'
import { overTcp } from '@favonius/dns/tcp'
import { emit, FLAG, parse, RCODE, TYPE, type Data, type Resource } from '@favonius/dns/wire'
import { address } from '@favonius/inet'

const PORT = 15_353
const ZONE: Readonly<Record<string, Readonly<Record<number, Data>>>> = {
  'zephyrproject.org': { [TYPE.A]: address('192.0.2.80'), [TYPE.AAAA]: address('2001:db8::80') },
  'www.zephyrproject.org': { [TYPE.CNAME]: 'zephyrproject.org' },
}

/** A server with a table. */
async function serve({ stack }: Host): Promise<void> {
  const socket = await stack.sockets.open({ port: PORT }, {
    receive(data, from) {
      const query = parse(data)
      const question = 'malformed' in query ? undefined : query.questions[0]
      if (question === undefined) return
      const answers: Resource[] = []
      const add = (name: string, type: number): string | undefined => {
        const found = ZONE[name]?.[type]
        if (found !== undefined) answers.push({ name, type, class: question.class, ttl: 60, data: found })
        return typeof found === 'string' ? found : undefined
      }
      const name = question.name.toLowerCase()
      add(add(name, TYPE.CNAME) ?? name, question.type)
      const { id, questions } = query as Exclude<typeof query, { malformed: string }>
      const into = new Uint8Array(512)
      socket.send(into.subarray(0, emit({ id, flags: FLAG.QR | FLAG.RA | (name in ZONE ? 0 : RCODE.NXDOMAIN), questions, answers }, into)), from)
    },
  })
}

const { link, positionals, fail } = readOptions('npm run example dns-resolve -- [options] [NAME…]', {})
const hosts = await openHosts(link, narrate()).catch((error: Error) => fail(error.message))
if (hosts.peer !== undefined) await serve(hosts.peer)
const { stack } = hosts.us
const client = new DnsClient(system, stack.sockets, overTcp(stack.sockets), { servers: `[${hosts.peerIpv6}]:${PORT} ${hosts.peerIpv4}:${PORT}` })
let failed = 0
for (const name of positionals.length > 0 ? positionals : ['www.zephyrproject.org', 'zephyrproject.org', 'none.zephyrproject.org']) {
  for (const type of ['A', 'AAAA'] as const) {
    try {
      console.log(`${name} ${type}: ${(await client.resolve(name, type)).join(', ')}`)
    } catch (error) {
      console.log(`${name} ${type}: ${(error as { code: string }).code}`)
      if (!name.startsWith('none.')) failed++
    }
  }
}
const { sent, hits } = client.statistics
console.log(`${sent} questions were sent, ${hits} answered from the cache`)
client.close()
await hosts.stop()
process.exitCode = failed > 0 ? 1 : 0
