/** MQTT.js over our sockets and mosquitto, over TAP, in a network namespace of the test's own. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { netbuf } from '@favonius/netbuf'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { tcp } from '@favonius/tcp'
import { inWorld, makeNamespace, peer, suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { MqttClient, type IClientOptions } from 'mqtt'
import * as assert from 'uvu/assert'
import { nodeNet } from '../src/net/index.ts'

const test = suite('node: MQTT.js over our sockets, to mosquitto', { timeout: 60_000 })
const mosquitto = peer('mosquitto over TAP', { command: ['ip', 'mosquitto', 'mosquitto_sub', 'mosquitto_pub'], package: 'iproute2 mosquitto mosquitto-clients', root: true, tun: true })

const [LINUX, LINUX6] = ['192.0.2.2', '2001:db8::2']

/** mosquitto in a namespace. */
async function brokerWorld() {
  const folder = await mkdtemp(join(tmpdir(), 'favonius-mqtt-'))
  const config = join(folder, 'mosquitto.conf')
  await writeFile(config, 'listener 1883\nallow_anonymous true\npersistence false\nuser root\nmax_inflight_messages 0\nmax_queued_messages 0\n')
  const namespace = makeNamespace()
  const broker = namespace.start('mosquitto', '-v', '-c', config)
  await broker.printed(/mosquitto version \S+ running/)
  return {
    namespace, broker,
    async stop(): Promise<void> {
      await namespace.remove()
      await rm(folder, { recursive: true })
    },
  }
}

/** And a stack of ours on a TAP that leads there. */
async function world() {
  const { namespace, broker, stop } = await brokerWorld()
  const stack = compose(system, netbuf({ debug: true }), ethernet(), ipv4(), ipv6(), udp(), tcp(), sockets())
  const eth0 = stack.netif.add(await openTap({ name: 'fav0', namespace: namespace.name }), { name: 'eth0' })
  await namespace.must('ip', 'addr', 'add', `${LINUX}/24`, 'dev', 'fav0')
  await namespace.must('ip', '-6', 'addr', 'add', `${LINUX6}/64`, 'dev', 'fav0', 'nodad')
  stack.ipv4.addAddress(eth0, '192.0.2.1/24')
  stack.ipv6.addAddress(eth0, '2001:db8::1/64')
  await eth0.up()
  const net = nodeNet({ streams: stack.sockets })
  return {
    namespace, broker, stack,
    async connect(clientId: string, host: string, options: Partial<IClientOptions> = {}): Promise<MqttClient> {
      const client = new MqttClient(() => net.connect({ host, port: 1883 }) as never, { clientId, reconnectPeriod: 0, ...options } as IClientOptions)
      await new Promise<void>((resolve, reject) => client.once('connect', () => resolve()).once('error', reject))
      return client
    },
    async stop(): Promise<void> {
      await stack.stop()
      await stop()
      assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
    },
  }
}

type World = Awaited<ReturnType<typeof world>>
const check = (title: string, body: (w: World) => Promise<void>): void => {
  if (mosquitto) test(title, inWorld(world, body))
}

/** The next `count` messages, as `topic payload`. */
const heard = (client: MqttClient, count: number): Promise<string[]> => new Promise((resolve) => {
  const all: string[] = []
  client.on('message', (topic, payload) => {
    if (all.push(`${topic} ${payload.length > 100 ? payload.length : payload.toString()}`) === count) resolve(all)
  })
})

for (const host of [LINUX, LINUX6]) {
  check(`in each quality of service, small and large, and mosquitto_sub hears the same: ${host}`, async (w) => {
    const client = await w.connect('favonius', host)
    await client.subscribeAsync('from/#', { qos: 2 })
    const listened = w.namespace.must('mosquitto_sub', '-i', 'listener', '-h', '127.0.0.1', '-t', 'from/#', '-q', '2', '-F', '%t %q %l', '-C', '7', '-W', '30')
    await w.broker.printed(/Sending SUBACK to listener/)
    const came = heard(client, 7)
    for (const qos of [0, 1, 2] as const) {
      await client.publishAsync(`from/small/${qos}`, `hello ${qos}`, { qos })
      await client.publishAsync(`from/large/${qos}`, Buffer.alloc(1_000_000, qos), { qos })
    }
    await client.publishAsync('from/empty', '', { qos: 1 })
    assert.equal((await came).sort(), [
      'from/empty ', ...[0, 1, 2].map((qos) => `from/large/${qos} 1000000`), ...[0, 1, 2].map((qos) => `from/small/${qos} hello ${qos}`),
    ])
    assert.equal((await listened).trim().split('\n').sort(), [
      'from/empty 1 0', ...[0, 1, 2].map((qos) => `from/large/${qos} ${qos} 1000000`), ...[0, 1, 2].map((qos) => `from/small/${qos} ${qos} 7`),
    ])
    await client.endAsync()
    await w.broker.printed(/Client favonius disconnected\./)
  })
}

check('mosquitto_pub is heard; what is retained comes to who subscribes later; MQTT 5 too', async (w) => {
  const must = (...args: string[]): Promise<string> => w.namespace.must('mosquitto_pub', '-h', '127.0.0.1', ...args)
  await must('-t', 'to/us', '-m', 'kept', '-r', '-q', '1')
  const client = await w.connect('favonius5', LINUX, { protocolVersion: 5 })
  const came = heard(client, 21)
  await client.subscribeAsync('to/us', { qos: 1 })
  await must('-t', 'to/us', '-q', '1', '--repeat', '20', '-m', 'again')
  assert.equal(await came, ['to/us kept', ...Array.from({ length: 20 }, () => 'to/us again')])
  await client.endAsync()
})

check('a connection that is given up sends the will; one that is idle is kept alive', async (w) => {
  const idle = await w.connect('idle', LINUX, { keepalive: 1 })
  await idle.subscribeAsync('wills/#')
  const came = heard(idle, 1)
  const dying = await w.connect('dying', LINUX6, { will: { topic: 'wills/dying', payload: Buffer.from('it is gone'), qos: 0, retain: false } })
  await w.broker.printed(/Received PINGREQ from idle[^]*Received PINGREQ from idle/)
  assert.ok(idle.connected)
  dying.stream.destroy()
  assert.equal(await came, ['wills/dying it is gone'])
  await idle.endAsync()
})

check('a broker that dies is noticed, and MQTT.js connects again when it returns', async (w) => {
  const client = await w.connect('again', LINUX, { reconnectPeriod: 50 })
  const closed = new Promise((resolve) => client.once('close', () => resolve(undefined)))
  await w.broker.stop()
  await closed
  const connected = new Promise((resolve) => client.once('connect', () => resolve(undefined)))
  const folder = await mkdtemp(join(tmpdir(), 'favonius-mqtt-'))
  await writeFile(join(folder, 'again.conf'), 'listener 1883\nallow_anonymous true\nuser root\n')
  w.namespace.start('mosquitto', '-c', join(folder, 'again.conf'))
  await connected
  await client.publishAsync('back', 'again', { qos: 1 })
  await client.endAsync()
  await rm(folder, { recursive: true })
})

if (mosquitto) test('examples/mqtt, on a TAP', inWorld(brokerWorld, async ({ namespace }) => {
  const main = new URL('../../../examples/mqtt/src/main.ts', import.meta.url).pathname
  const { code, stdout, stderr } = await namespace.run(process.execPath, '--import', 'tsx', '--conditions=@favonius/source', main, '--tap')
  assert.is(code, 0, stderr + stdout)
  assert.match(stdout, /9 of 9 came back by way of 192\.0\.2\.2[^]*9 of 9 came back by way of 2001:db8::2/)
}))

test.run()
