/**
 * Zephyr's mqtt_publisher with MQTT.js, used as ever, on a stack of ours: it publishes readings of a sensor in each quality of service, and hears them
 * come back. On a TAP the broker is mosquitto on Linux, at port 1883 of .2: mosquitto -c <(echo 'listener 1883'; echo 'allow_anonymous true'). On a
 * wire in memory it is aedes, on a second stack.
 */

import { once } from 'node:events'
import { narrate, openHosts, readOptions, statistics, type Host } from '@favonius-examples/kit'
import { nodeNet } from '@favonius/node/net'
import { Aedes } from 'aedes'
import { MqttClient } from 'mqtt'

const PORT = 1883
const TOPIC = 'sensors'

/** A broker; returns how to end it. */
async function serve({ stack }: Host): Promise<() => Promise<void>> {
  const broker = await Aedes.createBroker()
  const server = nodeNet({ streams: stack.sockets }).createServer((socket) => broker.handle(socket as never))
  server.listen(PORT)
  await once(server, 'listening')
  return async () => {
    await new Promise<void>((closed) => broker.close(closed))
    await new Promise((closed) => server.close(closed))
  }
}

const { link, values, fail } = readOptions('npm run example mqtt -- [options]', { count: { type: 'string', default: '3' } }, '  --count N        readings in each quality of service (3)')
const count = Number(values.count)
if (!Number.isInteger(count) || count < 1) fail(`--count ${values.count}: give a whole number, 1 or more`)
const hosts = await openHosts(link, narrate()).catch((error: Error) => fail(error.message))
const { us, peer, peerIpv4, peerIpv6 } = hosts
const end = peer === undefined ? undefined : await serve(peer)

/** By each family: connects, publishes, hears, and leaves. Returns how many readings came back. */
async function publish(host: string): Promise<number> {
  const net = nodeNet({ streams: us.stack.sockets })
  const client = new MqttClient(() => net.connect({ host, port: PORT }) as never, { clientId: `favonius_publisher_${host.includes(':') ? 6 : 4}`, reconnectPeriod: 0, connectTimeout: 5000 })
  await new Promise<void>((resolve, reject) => client.once('connect', () => resolve()).once('error', reject).once('close', () => reject(new Error('the connection was closed'))))
  console.log(`connected to the broker at ${host}`)
  await client.subscribeAsync(TOPIC, { qos: 2 })
  let heard = 0
  const all = new Promise<void>((done) => client.on('message', (topic, payload, { qos }) => {
    console.log(`  heard ${topic}, QoS ${qos}: ${payload.toString()}`)
    if (++heard === 3 * count) done()
  }))
  for (const qos of [0, 1, 2] as const) {
    for (let n = 1; n <= count; n++) await client.publishAsync(TOPIC, `reading ${n} of ${count}: ${(20 + n / 10).toFixed(1)} °C`, { qos })
  }
  await all
  await client.endAsync()
  return heard
}

let failed = false
for (const host of [peerIpv4, peerIpv6]) {
  try {
    console.log(`${await publish(host)} of ${3 * count} came back by way of ${host}`)
  } catch (error) {
    failed = true
    console.log(`${host}: ${(error as Error).message}: a broker must listen at port ${PORT}`)
  }
}
await end?.()
console.log(`\n${statistics(us)}`)
await hosts.stop()
process.exitCode = failed ? 1 : 0
