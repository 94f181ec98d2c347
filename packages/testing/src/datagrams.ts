/** What every `DatagramNet` must do, whatever is behind it. */

import * as assert from 'uvu/assert'
import type { DatagramInfo, DatagramNet, DatagramSink, Endpoint } from '@favonius/contract'
import { codeOf, thrownCode } from './codes.ts'
import { suite } from './suite.ts'
import { inWorld } from './world.ts'

/** Two nets that reach each other, and how time passes for them. */
export interface DatagramWorld {
  readonly a: DatagramNet
  readonly b: DatagramNet
  /** Where `a` and `b` are reached; the same where both are one host. */
  readonly addressA: string
  readonly addressB: string
  /** An address of the same family that is neither's. */
  readonly foreign: string
  /** A group that can be joined, and the interface to join it on by name; undefined where groups do not work. */
  readonly group?: { readonly address: string; readonly iface: string | undefined } | undefined
  /** Resolves when `done` says so, letting time pass. */
  until(done: () => boolean): Promise<void>
  /** Runs a test's body, in virtual time where that is how time passes. */
  run(body: () => Promise<void>): Promise<void>
  stop(): Promise<void>
}

interface Heard {
  readonly text: string
  readonly from: Endpoint
  readonly info: DatagramInfo
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Keeps what it hears; borrowed bytes are copied, as they must be. */
function listener(): DatagramSink & { readonly heard: Heard[] } {
  const heard: Heard[] = []
  return {
    heard,
    receive(data, from, info) {
      // Whoever keeps them copies them by `slice`, which of a Buffer would be a view.
      assert.is(Object.getPrototypeOf(data), Uint8Array.prototype)
      heard.push({ text: new TextDecoder().decode(data), from, info: { local: info.local, iface: info.iface, multicast: info.multicast, hopLimit: info.hopLimit } })
    },
  }
}

/** Runs the suite of the `DatagramNet` contract. */
export function datagramConformance(name: string, make: () => Promise<DatagramWorld>): void {
  const test = suite(`DatagramNet: ${name}`)
  const check = (title: string, body: (world: DatagramWorld) => Promise<void>): void => test(title, inWorld(make, (world) => world.run(() => body(world))))

  check('a free port is found, and told', async ({ a }) => {
    const one = await a.open({}, listener())
    const two = await a.open({}, listener())
    assert.ok(one.local.port > 0)
    assert.is.not(one.local.port, two.local.port)
    one.close()
    two.close()
  })

  check('a datagram arrives whole and once, and its answer too', async ({ a, b, addressB, until }) => {
    const server = listener()
    const client = listener()
    const atB = await b.open({ address: addressB }, server)
    const atA = await a.open({}, client)
    assert.ok(atA.send(bytes('question'), { address: addressB, port: atB.local.port }))
    await until(() => server.heard.length > 0)
    assert.is(server.heard[0]!.text, 'question')
    assert.is(server.heard[0]!.from.port, atA.local.port)
    assert.ok(atB.send(bytes('answer'), server.heard[0]!.from))
    await until(() => client.heard.length > 0)
    assert.is(client.heard[0]!.text, 'answer')
    assert.equal({ address: client.heard[0]!.from.address, port: client.heard[0]!.from.port }, { address: addressB, port: atB.local.port })
    assert.equal([server.heard.length, client.heard.length], [1, 1])
    atA.close()
    atB.close()
  })

  check('an endpoint is one object per peer, and another for another port', async ({ a, b, addressB, until }) => {
    const server = listener()
    const atB = await b.open({ address: addressB }, server)
    const [one, two] = [await a.open({}, listener()), await a.open({}, listener())]
    const to = { address: addressB, port: atB.local.port }
    for (const socket of [one, two, one]) {
      const before = server.heard.length
      socket.send(bytes('x'), to)
      await until(() => server.heard.length > before)
    }
    assert.is(server.heard[0]!.from, server.heard[2]!.from)
    assert.is.not(server.heard[0]!.from, server.heard[1]!.from)
    for (const socket of [one, two, atB]) socket.close()
  })

  check('what is sent is copied before send returns', async ({ a, b, addressB, until }) => {
    const server = listener()
    const atB = await b.open({ address: addressB }, server)
    const atA = await a.open({}, listener())
    const data = Buffer.from('first')
    atA.send(data, { address: addressB, port: atB.local.port })
    data.fill(0)
    await until(() => server.heard.length > 0)
    assert.is(server.heard[0]!.text, 'first')
    atA.close()
    atB.close()
  })

  check('empty and large datagrams are datagrams', async ({ a, b, addressB, until }) => {
    const server = listener()
    const atB = await b.open({ address: addressB }, server)
    const atA = await a.open({}, listener())
    for (const size of [0, 1, 1200]) {
      const before = server.heard.length
      assert.ok(atA.send(bytes('z'.repeat(size)), { address: addressB, port: atB.local.port }))
      await until(() => server.heard.length > before)
      assert.is(server.heard.at(-1)!.text.length, size)
    }
    atA.close()
    atB.close()
  })

  check('a port in use is refused, and free again once it is closed', async ({ a, addressA }) => {
    const one = await a.open({ address: addressA }, listener())
    const { port } = one.local
    assert.is(await codeOf(a.open({ address: addressA, port }, listener())), 'EADDRINUSE')
    one.close()
    const again = await a.open({ address: addressA, port }, listener())
    again.close()
  })

  check('a port is shared by those who both say so', async ({ a, addressA }) => {
    const one = await a.open({ address: addressA }, listener(), { reuse: true })
    const two = await a.open({ address: addressA, port: one.local.port }, listener(), { reuse: true })
    assert.is(two.local.port, one.local.port)
    one.close()
    two.close()
  })

  check('the caller\'s mistakes have codes', async ({ a, addressA, foreign }) => {
    assert.is(await codeOf(a.open({ address: foreign }, listener())), 'EADDRNOTAVAIL')
    assert.is(await codeOf(a.open({ address: 'nonsense' }, listener())), 'EINVAL')
    assert.is(await codeOf(a.open({ port: 65_536 }, listener())), 'EINVAL')
    const socket = await a.open({ address: addressA }, listener())
    assert.is(thrownCode(() => socket.send(bytes('x'), { address: 'nonsense', port: 5 })), 'EINVAL')
    assert.is(thrownCode(() => socket.send(bytes('x'), { address: addressA, port: 0 })), 'EINVAL')
    assert.is(thrownCode(() => socket.send(new Uint8Array(70_000), { address: addressA, port: 5 })), 'EMSGSIZE')
    assert.is(thrownCode(() => socket.join('nonsense')), 'EINVAL')
    assert.is(thrownCode(() => socket.join(addressA)), 'EINVAL')
    socket.close()
    socket.close()
    assert.is(thrownCode(() => socket.send(bytes('x'), { address: addressA, port: 5 })), 'EBADF')
  })

  check('a closed socket hears nothing', async ({ a, b, addressB, until }) => {
    const [deaf, hearing] = [listener(), listener()]
    const closed = await b.open({ address: addressB }, deaf)
    const open = await b.open({ address: addressB }, hearing)
    const atA = await a.open({}, listener())
    const { port } = closed.local
    closed.close()
    atA.send(bytes('x'), { address: addressB, port })
    atA.send(bytes('x'), { address: addressB, port: open.local.port })
    await until(() => hearing.heard.length > 0)
    assert.is(deaf.heard.length, 0)
    atA.close()
    open.close()
  })

  check('a group is heard while it is joined', async ({ a, b, group, until }) => {
    if (group === undefined) return
    const server = listener()
    const atB = await b.open({}, server)
    const plain = listener()
    const beside = await b.open({}, plain)
    const atA = await a.open({}, listener(), group.iface === undefined ? {} : { iface: group.iface })
    atB.join(group.address, group.iface)
    atA.send(bytes('to all'), { address: group.address, port: atB.local.port })
    await until(() => server.heard.length > 0)
    assert.is(server.heard[0]!.text, 'to all')
    atB.leave(group.address, group.iface)
    assert.is(thrownCode(() => atB.leave(group.address, group.iface)), 'EADDRNOTAVAIL')
    for (const socket of [atA, atB, beside]) socket.close()
  })

  test.run()
}
