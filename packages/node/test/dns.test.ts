import dns, { V4MAPPED, type LookupOptions } from 'node:dns'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { NameResolver } from '@favonius/contract'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { nodeDns, nodeResolver } from '../src/dns/index.ts'
import { nodeStreams } from '../src/index.ts'
import { nodeNet } from '../src/net/index.ts'

const test = suite('node: dns')

const no = (code: string): Error => Object.assign(new Error(code), { code })
/** A zone of three names. */
const zone: NameResolver = {
  lookup(name, { family } = {}) {
    const all = name === 'both.example' ? [{ address: '2001:db8::1', family: 6 as const }, { address: '192.0.2.1', family: 4 as const }]
      : name === 'four.example' ? [{ address: '192.0.2.4', family: 4 as const }] : []
    const found = all.filter((one) => family === undefined || one.family === family)
    if (name === 'slow.example') return Promise.reject(no('ETIMEOUT'))
    return found.length > 0 ? Promise.resolve(found) : Promise.reject(no(all.length > 0 ? 'ENODATA' : 'ENOTFOUND'))
  },
}
const ours = nodeDns(zone)

/** What a callback is called with, or what is thrown; errors as what they say. */
function told(lookup: typeof dns.lookup, hostname: unknown, options?: LookupOptions | number): Promise<unknown> {
  const plain = (error: unknown): unknown => {
    if (!(error instanceof Error)) return error
    const { name, message, code, errno, syscall, hostname: host } = error as Error & Record<string, unknown>
    return { name, message, code, errno, syscall, host }
  }
  return new Promise((resolve) => {
    try {
      const done = (error: Error | null, ...rest: unknown[]): void => resolve([plain(error), ...rest.slice(0, 2)])
      if (options === undefined) lookup(hostname as string, done as never)
      else lookup(hostname as string, options as never, done as never)
    } catch (error) {
      resolve(plain(error))
    }
  })
}

test('what needs nobody to ask is answered as Node answers it', async () => {
  for (const [hostname, options] of [
    ['192.0.2.7'], ['192.0.2.7', 6], ['2001:db8::7', { all: true }], ['::1', { family: 4 }], ['', undefined], ['', { all: true }], ['', 6],
    [12], ['a.example', { family: 5 }], ['a.example', { hints: 0x10000 }],
  ] as [unknown, (LookupOptions | number)?][]) {
    assert.equal(await told(ours.lookup as never, hostname, options), await told(dns.lookup, hostname, options), `${String(hostname)} ${JSON.stringify(options)}`)
  }
})

test('names are found by the resolver, in its order or another', async () => {
  const both = [{ address: '2001:db8::1', family: 6 }, { address: '192.0.2.1', family: 4 }]
  assert.equal(await told(ours.lookup as never, 'both.example'), [null, '2001:db8::1', 6])
  assert.equal(await told(ours.lookup as never, 'both.example', 4), [null, '192.0.2.1', 4])
  assert.equal(await told(ours.lookup as never, 'both.example', { all: true }), [null, both])
  assert.equal(await told(ours.lookup as never, 'both.example', { all: true, order: 'ipv4first' } as never), [null, [...both].reverse()])
  assert.equal(await told(ours.lookup as never, 'both.example', { verbatim: false }), [null, '192.0.2.1', 4])
  assert.equal(await told(ours.lookup as never, 'four.example', { family: 6, hints: V4MAPPED }), [null, '::ffff:192.0.2.4', 6])
  assert.equal(await ours.promises.lookup('both.example'), both[0])
  assert.equal(await ours.promises.lookup('both.example', { all: true }), both)
})

test('a name that is not there, has no such address, or that nobody answers for', async () => {
  const error = (code: string, errno: number, host: string) =>
    [{ name: 'Error', message: `getaddrinfo ${code} ${host}`, code, errno, syscall: 'getaddrinfo', host }]
  assert.equal(await told(ours.lookup as never, 'nobody.example'), error('ENOTFOUND', -3008, 'nobody.example'))
  assert.equal(await told(ours.lookup as never, 'four.example', 6), error('ENOTFOUND', -3008, 'four.example'))
  assert.equal(await told(ours.lookup as never, 'slow.example'), error('EAI_AGAIN', -3001, 'slow.example'))
  assert.is(await ours.promises.lookup('slow.example').then(() => '', ({ code }: { code: string }) => code), 'EAI_AGAIN')
})

test('sockets by name: the face of net asks the face of dns', async () => {
  const server = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const home = nodeDns({ lookup: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]) })
  const socket = nodeNet({ streams: nodeStreams(), lookup: home.lookup as never }).connect({ port: (server.address() as AddressInfo).port, host: 'home.example' })
  const looked = new Promise((resolve) => socket.once('lookup', (...args: unknown[]) => resolve(args)))
  assert.equal(await looked, [null, '127.0.0.1', 4, 'home.example'])
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

test('what the system knows, as a resolver', async () => {
  const found = await nodeResolver().lookup('localhost')
  assert.ok(found.some(({ address, family }) => (family === 4 && address === '127.0.0.1') || (family === 6 && address === '::1')), JSON.stringify(found))
  const signal = AbortSignal.abort(new Error('enough'))
  assert.is(await nodeResolver().lookup('localhost', { signal }).then(() => '', ({ message }: Error) => message), 'enough')
})

test.run()
