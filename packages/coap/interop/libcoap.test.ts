/** libcoap, both roles, over the kernel's UDP on the loopback interface: with nothing lost, and with a fifth of what libcoap sends. */

import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createSocket } from 'node:dgram'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { sleep, system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv6 } from '@favonius/ipv6'
import { mld } from '@favonius/ipv6/mld'
import { nodeDatagrams, nodeStreams } from '@favonius/node'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { codeOf, inWorld, makeNamespace, peer, suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { ALL_COAP_NODES, askGroup, coap, CODE, CoapClient, CoapServer, FORMAT, OPTION, parseLinks, type CoapServerOptions } from '../src/index.ts'
import { CoapStreams } from '../src/tcp/index.ts'

const test = suite('CoAP: libcoap', { timeout: 120_000 })
const CLIENT = 'coap-client-notls'
const SERVER = 'coap-server-notls'
const there = peer('libcoap', { command: [CLIENT, SERVER], package: 'libcoap3-bin' })

const MIB = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 7 + (i >> 8)) & 0xff)

/** Without a page of numbers when they are not. */
const same = (got: Uint8Array, wanted: Uint8Array, what = ''): void => assert.ok(Buffer.compare(got, wanted) === 0, `${what}: ${got.length} bytes, not the ${wanted.length} that were sent`)

const folder = mkdtempSync(join(tmpdir(), 'favonius-'))
const file = (name: string): string => join(folder, name)
const running = new Set<ChildProcess>()

const freePort = (): Promise<number> => new Promise((resolve) => {
  const socket = createSocket('udp6')
  socket.bind(0, '::1', () => {
    const { port } = socket.address()
    socket.close(() => resolve(port))
  })
})

/** Runs libcoap's client to its end, and tells what it printed. */
const ask = (...args: string[]): Promise<string> => new Promise((resolve, reject) => {
  const child = spawn(CLIENT, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let out = ''
  child.stdout.on('data', (data) => { out += data })
  child.stderr.on('data', (data) => { out += data })
  child.once('error', reject)
  child.once('close', () => {
    running.delete(child)
    resolve(out.trim())
  })
})

/** libcoap's server, and our client to ask it. */
async function withServer(args: string[], body: (at: string, client: CoapClient, port: number) => Promise<void>, options: ConstructorParameters<typeof CoapClient>[2] = {}): Promise<void> {
  const port = await freePort()
  const child = spawn(SERVER, ['-A', '::1', '-p', String(port), '-d', '20', ...args], { stdio: 'ignore' })
  running.add(child)
  const client = new CoapClient(nodeDatagrams(), system, options)
  try {
    const at = `coap://[::1]:${port}`
    for (let tries = 0; ; tries++) {
      const answered = await client.ping(at, { signal: AbortSignal.timeout(200) }).catch(() => undefined)
      if (answered !== undefined) break
      if (tries > 50) throw new Error('the server is not there')
    }
    await body(at, client, port)
  } finally {
    client.close()
    child.kill()
    await new Promise((resolve) => child.once('close', resolve))
    running.delete(child)
  }
}

/** Our server, for libcoap's client to ask. */
async function withClient(body: (at: string, server: CoapServer) => Promise<void>, options: CoapServerOptions = {}): Promise<void> {
  const server = await CoapServer.open(nodeDatagrams(), system, { address: '::1', port: 0, ...options })
  try {
    await body(`coap://[::1]:${server.local.port}`, server)
  } finally {
    server.close()
  }
}

if (there) {
  test('our client: GET, PUT, DELETE, what is not there, a ping', () => withServer([], async (at, client) => {
    const index = await client.get(`${at}/`)
    assert.match(index.text, /This is a test server made with libcoap/)
    assert.is((await client.put(`${at}/mine`, 'first', { contentFormat: FORMAT.TEXT })).status, '2.01')
    assert.is((await client.put(`${at}/mine`, 'second')).status, '2.04')
    assert.is((await client.get(`${at}/mine`)).text, 'second')
    assert.is((await client.delete(`${at}/mine`)).status, '2.02')
    assert.is((await client.get(`${at}/mine`)).status, '4.04')
    assert.is((await client.get(`${at}/mine`, { confirmable: false })).status, '4.04')
    assert.is((await client.patch(`${at}/time`, 'x')).status, '4.05')
    assert.is((await client.fetch(`${at}/time`, 'ticks')).ok, true)
    // Its refusal repeats the option, which we do not know either (RFC 7252 §5.4.1).
    assert.is(await codeOf(client.get(`${at}/`, { options: [[2049, 'x']] })), 'EPROTO')
    // libcoap passes over one that follows too closely; it is sent again.
    assert.ok(await client.ping(at) < 10_000)
    const links = parseLinks((await client.get(`${at}/.well-known/core`)).text)
    assert.ok(!('malformed' in links) && links.some(({ target }) => target === '/time'))
    const filtered = parseLinks((await client.get(`${at}/.well-known/core?rt=ticks`)).text)
    assert.equal('malformed' in filtered ? filtered : filtered.map(({ target }) => target), ['/time'])
  }))

  for (const lossy of [false, true]) {
    const args = lossy ? ['-l', '20%'] : []
    const what = lossy ? ', a fifth lost' : ''
    test(`our client: a separate response, and an observation${what}`, () => withServer(args, async (at, client) => {
      assert.is((await client.get(`${at}/async?1`)).text, 'done')
      const heard: number[] = []
      for await (const { observe, ok } of client.observe(`${at}/time`)) {
        assert.ok(ok)
        heard.push(observe!)
        if (heard.length === 3) break
      }
      assert.equal(heard, [...heard].sort((a, b) => a - b))
    }, { ackTimeout: 500 }))

    const size = lossy ? 50_000 : MIB.length
    test(`our client: ${size} bytes there and back, block by block${what}`, () => withServer(args, async (at, client) => {
      const body = MIB.subarray(0, size)
      // libcoap 4.3.1 knows no duplicates: when what it says to the last block is lost, it takes that block for a whole body when it comes again.
      for (let tries = 0; ; tries++) {
        const put = await client.put(`${at}/example_data`, body, { contentFormat: FORMAT.OCTETS })
        assert.ok(put.ok, `${put.status} ${put.text}`)
        const back = await client.get(`${at}/example_data`)
        if (lossy && tries < 5 && Buffer.compare(back.payload, body) !== 0 && Buffer.compare(back.payload.subarray(-size % 1024), body.subarray(-size % 1024)) === 0) continue
        same(back.payload, body)
        break
      }
      // In pieces, and in small blocks.
      let length = 0
      for await (const block of (await client.get(`${at}/example_data`, { stream: true, blockSize: 512 })).body()) {
        length += block.length
        if (length > 20_000) break
      }
      assert.ok(length > 20_000)
    }, { ackTimeout: 100, maxBody: 2 << 20, maxRetransmit: 8 }))
  }

  test("libcoap's client: each method, and what it says of them", () => withClient(async (at, server) => {
    const asked: string[] = []
    const said = (name: string) => (request: { text: string }): string => {
      asked.push(`${name} ${request.text}`)
      return `${name} done`
    }
    server.resource('/x', { get: said('get'), put: said('put'), post: said('post'), delete: said('delete'), fetch: said('fetch'), patch: said('patch'), ipatch: said('ipatch') })
    for (const method of ['get', 'put', 'post', 'delete', 'fetch', 'patch', 'ipatch']) {
      const body = method === 'get' || method === 'delete' ? [] : ['-e', 'hello']
      assert.is(await ask('-m', method, ...body, `${at}/x`), `${method} done`)
      if (method === 'get') assert.is(await ask('-N', `${at}/x`), 'get done')
    }
    assert.equal(asked, ['get ', 'get ', 'put hello', 'post hello', 'delete ', 'fetch hello', 'patch hello', 'ipatch hello'])
    assert.match(await ask(`${at}/none`), /4\.04/)
    assert.match(await ask('-m', 'put', '-e', 'x', `${at}/.well-known/core`), /4\.05/)
    assert.match(await ask('-O', '2049,x', `${at}/x`), /4\.02/)
    assert.match(await ask(`${at}/.well-known/core`), /<\/x>/)
  }))

  for (const lossy of [false, true]) {
    const args = lossy ? ['-l', '20%'] : []
    const what = lossy ? ', a fifth lost' : ''
    test(`libcoap's client: a separate response, and an observation${what}`, () => withClient(async (at, server) => {
      server.resource('/slow', { get: async () => {
        await sleep(system, 600)
        return 'slow'
      } })
      assert.is(await ask(...args, `${at}/slow`), 'slow')
      let state = 0
      const observed = server.resource('/obs', { observable: true, get: () => `<${state}>` })
      const watching = ask(...args, '-s', '4', `${at}/obs`)
      for (state = 1; state < 6; state++) {
        await sleep(system, 600)
        observed.changed()
      }
      const told = [...(await watching).matchAll(/<(\d)>/g)].map((match) => Number(match[1]))
      assert.ok(told.length >= (lossy ? 1 : 5), told.join())
      assert.equal(told, [...told].sort())
      // It has said that it goes, or will when it is told next.
      if (lossy) return
      await sleep(system, 500)
      assert.is(server.kept.observers, 0)
    }, { ackTimeout: 500 }))

    const size = lossy ? 8000 : MIB.length
    test(`libcoap's client: ${size} bytes there and back, block by block${what}`, () => withClient(async (at, server) => {
      const body = MIB.subarray(0, size)
      let got = new Uint8Array(0)
      server.resource('/large', { put: ({ payload }) => { got = payload.slice() }, get: () => ({ payload: got, contentFormat: FORMAT.OCTETS }) })
      writeFileSync(file('up'), body)
      const out = await ask(...args, '-B', '100', '-m', 'put', '-f', file('up'), `${at}/large`)
      same(got, body, out)
      await ask(...args, '-B', '100', '-o', file('down'), `${at}/large`)
      same(readFileSync(file('down')), body)
      await ask(...args, '-b', '512', '-o', file('small'), `${at}/large`)
      same(readFileSync(file('small')), body)
    }, { ackTimeout: 200, maxBody: 2 << 20 }))
  }

  test("libcoap's client: large bodies both ways in one request, and by FETCH", () => withClient(async (at, server) => {
    const reverse = ({ payload }: { payload: Uint8Array }): Uint8Array => payload.slice().reverse()
    server.resource('/both', { post: reverse, fetch: reverse })
    const body = MIB.subarray(0, 5000)
    writeFileSync(file('both'), body)
    for (const method of ['post', 'fetch']) {
      await ask('-m', method, '-f', file('both'), '-o', file(`${method}ed`), `${at}/both`)
      same(readFileSync(file(`${method}ed`)), body.slice().reverse(), method)
    }
    server.resource('/select', { fetch: ({ text }) => text.repeat(1000) })
    assert.is(await ask('-m', 'fetch', '-e', 'ab', `${at}/select`), 'ab'.repeat(1000))
  }))

  test('our client observes by FETCH', () => withServer([], async (at, client) => {
    for (const [payload, form] of [['ticks', /^\d+$/], ['', /[A-Z][a-z]{2} \d\d/]] as const) {
      const heard: number[] = []
      for await (const { observe, text } of client.observe(`${at}/time`, { method: 'FETCH', payload })) {
        assert.match(text, form)
        if (heard.push(observe!) === 3) break
      }
      assert.equal(heard, [...heard].sort((a, b) => a - b))
    }
  }))

  test("libcoap's client observes by FETCH: two of them, each its own part, of more than a block", () => withClient(async (at, server) => {
    let state = 0
    const observed = server.resource('/parts', { observable: true, fetch: ({ text }) => `<${text}${state}>`.padEnd(3000, '.') })
    const watching = ['a', 'b'].map((part) => ask('-m', 'fetch', '-e', part, '-s', '3', `${at}/parts`))
    for (state = 1; state < 5; state++) {
      await sleep(system, 600)
      observed.changed()
    }
    const told = (await Promise.all(watching)).map((text) => [...text.matchAll(/<(\w)(\d)>/g)].map(([, part, number]) => `${part}${number}`))
    for (const [i, part] of ['a', 'b'].entries()) {
      assert.ok(told[i]!.length >= 4, told[i]!.join())
      assert.ok(told[i]!.every((one) => one[0] === part), told[i]!.join())
    }
    await sleep(system, 500)
    assert.is(server.kept.observers, 0)
  }))

  test("libcoap's client is asked for an Echo, and returns it", () => withClient(async (at, server) => {
    server.resource('/lock', { fresh: 60, put: ({ message }) => ({ code: CODE.CHANGED, payload: `open ${message.bytes(OPTION.ECHO)!.length}` }) })
    assert.is(await ask('-m', 'put', '-e', 'x', `${at}/lock`), 'open 12')
  }))
}

// ---- TCP (RFC 8323) ----

if (there) {
  test('over TCP: our client', () => withServer([], async (at, _, port) => {
    const client = new CoapClient(new CoapStreams(nodeStreams(), system), system)
    const over = at.replace('coap:', 'coap+tcp:')
    assert.match((await client.get(`${over}/`)).text, /This is a test server made with libcoap/)
    const body = MIB.subarray(0, 100_000)
    assert.ok((await client.put(`${over}/example_data`, body, { contentFormat: FORMAT.OCTETS })).ok)
    same((await client.get(`${over}/example_data`)).payload, body)
    assert.is((await client.get(`${over}/async?1`)).text, 'done')
    assert.ok(await client.ping(over) < 10_000)
    let heard = 0
    for await (const { ok } of client.observe(`${over}/time`)) if (ok && ++heard === 3) break
    assert.is(heard, 3)
    assert.ok(port > 0)
    client.close()
  }))

  test("over TCP: libcoap's client", async () => {
    const streams = new CoapStreams(nodeStreams(), system)
    const server = new CoapServer(streams, system)
    await streams.listen({ address: '::1', port: 0 })
    const at = `coap+tcp://[::1]:${server.local.port}`
    try {
      let got: Uint8Array = new Uint8Array(0)
      let state = 0
      server.resource('/large', { put: ({ payload }) => { got = payload.slice() }, get: () => got })
      const observed = server.resource('/obs', { observable: true, get: () => `<${state}>` })
      const body = MIB.subarray(0, 100_000)
      writeFileSync(file('tcp'), body)
      await ask('-m', 'put', '-f', file('tcp'), `${at}/large`)
      same(got, body)
      await ask('-o', file('tcp-down'), `${at}/large`)
      same(readFileSync(file('tcp-down')), body)
      const watching = ask('-s', '2', `${at}/obs`)
      for (state = 1; state < 4; state++) {
        await sleep(system, 500)
        observed.changed()
      }
      assert.match(await watching, /<1>[^]*<2>[^]*<3>/)
    } finally {
      server.close()
    }
  })
}

/** Sizes of libcoap's largest message: as much as it likes, which is 8 MiB; some blocks, of one and of several; the base, which is no BERT, and less. */
const SIZES = [[], ['-X', '20000'], ['-X', '5000'], ['-X', '2200'], ['-X', '1152'], ['-X', '500']]
/** Bodies of them end on a block, behind one, and within the last of several. */
const LENGTHS = [MIB.length, 40_960, 40_961, 5596]

if (there) {
  for (const size of SIZES) {
    test(`over TCP, BERT: our client, and a server with ${size.join(' ') || 'no -X'}`, () => withServer(size, async (at) => {
      const over = at.replace('coap:', 'coap+tcp:')
      for (const settings of [{}, { maxMessage: 1152 }]) {
        const client = new CoapClient(new CoapStreams(nodeStreams(), system, settings), system)
        for (const length of LENGTHS) {
          const body = MIB.subarray(0, length)
          const put = await client.put(`${over}/example_data`, body, { contentFormat: FORMAT.OCTETS })
          assert.ok(put.ok, `${put.status} ${put.text}`)
          same((await client.get(`${over}/example_data`)).payload, body, `${length}`)
        }
        client.close()
      }
    }))

    test(`over TCP, BERT: libcoap's client with ${size.join(' ') || 'no -X'}`, async () => {
      for (const settings of [{}, { maxMessage: 1152 }, { maxMessage: 3000 }]) {
        const streams = new CoapStreams(nodeStreams(), system, settings)
        const server = new CoapServer(streams, system)
        await streams.listen({ address: '::1', port: 0 })
        const at = `coap+tcp://[::1]:${server.local.port}`
        try {
          let got: Uint8Array = new Uint8Array(0)
          let exponent: number | undefined
          server.resource('/large', { put: ({ payload, message }) => {
            got = payload.slice()
            exponent = message.uint(OPTION.BLOCK1)! & 7
          }, get: () => got })
          server.resource('/reverse', { post: ({ payload }) => payload.slice().reverse() })
          for (const length of LENGTHS) {
            const body = MIB.subarray(0, length)
            writeFileSync(file('bert'), body)
            const out = await ask(...size, '-B', '20', '-m', 'put', '-f', file('bert'), `${at}/large`)
            same(got, body, `${length} ${out}`)
            if (length === MIB.length) assert.is(exponent, settings.maxMessage === 1152 || Number(size[1]) < 2000 ? 6 : 7)
            await ask(...size, '-B', '20', '-o', file('bert-down'), `${at}/large`)
            same(readFileSync(file('bert-down')), body, `${length}`)
            await ask(...size, '-B', '20', '-m', 'post', '-f', file('bert'), '-o', file('bert-back'), `${at}/reverse`)
            same(readFileSync(file('bert-back')), body.slice().reverse(), `${length}`)
          }
          assert.is(streams.statistics.dropped.malformed, 0)
        } finally {
          server.close()
        }
      }
    })
  }
}

// ---- a group, on a link of our own stack ----

const group = async () => {
  const linux = makeNamespace()
  const stack = compose(system, ethernet(), ipv6(), mld(), udp(), sockets(), coap({ leisure: 1000 }))
  const eth0 = stack.netif.add(await openTap({ name: 'fav0', namespace: linux.name }), { name: 'eth0' })
  await linux.must('ip', 'link', 'set', 'fav0', 'up')
  await linux.must('ip', '-6', 'addr', 'add', '2001:db8::2/64', 'dev', 'fav0', 'nodad')
  stack.ipv6.addAddress(eth0, '2001:db8::1/64')
  await eth0.up()
  return {
    linux, stack,
    async stop(): Promise<void> {
      await stack.stop()
      await linux.remove()
    },
  }
}

if (there && peer('TAP', { command: 'ip', package: 'iproute2', root: true, tun: true })) {
  test('a group, on our own stack: our client, and libcoap', inWorld(group, async ({ linux, stack }) => {
    linux.start(SERVER, '-A', '::', '-g', ALL_COAP_NODES.site, '-G', 'fav0')
    for (let tries = 0; await stack.coap.client.ping('coap://[2001:db8::2]', { signal: AbortSignal.timeout(200) }).then(() => false, () => true); tries++) assert.ok(tries < 50)
    const found: string[] = []
    for await (const { text, from } of askGroup(stack.coap.client, system, `coap://[${ALL_COAP_NODES.site}]/.well-known/core`)) found.push(`${from.address} ${text.includes('/time')}`)
    assert.equal(found, ['2001:db8::2 true'])
  }))

  test("a group, on our own stack: libcoap's client", inWorld(group, async ({ linux, stack }) => {
    const server = await stack.coap.serve()
    server.resource('/name', { get: ({ multicast }) => `favonius ${multicast}` })
    await server.join(ALL_COAP_NODES.site, 'eth0')
    assert.match((await linux.run(CLIENT, '-N', '-B', '4', `coap://[${ALL_COAP_NODES.site}]/name`)).stdout, /favonius true/)
  }))
}

test.after(() => {
  for (const child of running) child.kill()
  rmSync(folder, { recursive: true, force: true })
})
test.run()
