/** The same program over node:net and over our stacks: the same events in the same order, and the same errors. */

import type { AddressInfo, Server, Socket } from 'node:net'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { overKernel, overStacks, type NodeWorld } from './worlds.ts'

const test = suite('node: net, side by side', { timeout: 60_000 })

const pause = (ms: number): Promise<void> => new Promise((soon) => setTimeout(soon, ms))

/** What a socket or server told, a line each. */
class Ear {
  readonly told: string[] = []

  hear(name: string, emitter: Socket | Server, events: readonly string[] = ['connect', 'ready', 'end', 'finish', 'close', 'error', 'timeout', 'drain', 'listening']): void {
    for (const event of events) {
      emitter.on(event, (...args: unknown[]) => {
        const said = args.map((arg) => (arg instanceof Error ? `${(arg as { code?: string }).code} ${(arg as { syscall?: string }).syscall ?? ''}`.trim() : String(arg))).join(' ')
        this.told.push(`${name} ${event}${said === '' ? '' : ` ${said}`}`)
      })
    }
  }

  async until(what: string): Promise<void> {
    for (const end = performance.now() + 10_000; !this.told.some((line) => line.startsWith(what)); await pause(1)) {
      if (performance.now() > end) throw new Error(`no «${what}» in: ${this.told.join(' | ')}`)
    }
  }
}

/** A program: what it heard is what is compared. */
type Program = (world: NodeWorld, ear: Ear) => Promise<unknown>

async function serve({ server, host }: NodeWorld, accept: (socket: Socket) => void, options: { allowHalfOpen?: boolean; pauseOnConnect?: boolean } = {}): Promise<{ readonly server: Server; readonly port: number; readonly host: string }> {
  const made = server.createServer(options, accept)
  await new Promise<void>((resolve) => made.listen(0, host, resolve))
  return { server: made, port: (made.address() as AddressInfo).port, host }
}

const drop = (text: string, world: NodeWorld, port: number): string => text.replaceAll(world.host, 'HOST').replaceAll(String(port), 'PORT')

function compare(title: string, program: Program): void {
  test(title, async () => {
    const results: unknown[] = []
    for (const make of [overKernel, overStacks]) {
      const world = await make()
      const ear = new Ear()
      try {
        const result = await program(world, ear)
        // Each of them in its order: which of two comes first is for the machine to say.
        const names = [...new Set(ear.told.map((line) => line.split(' ')[0]!))].sort()
        results.push({ told: names.map((one) => ear.told.filter((line) => line.startsWith(`${one} `))), result })
      } finally {
        await world.stop()
      }
    }
    assert.equal(results[1], results[0])
  })
}

compare('hello and goodbye: events, addresses, counts', async (world, ear) => {
  const { server, port, host } = await serve(world, (socket) => {
    ear.hear('server', socket)
    socket.on('data', (data) => socket.write(`you said ${data}`))
  })
  const socket = world.client.connect(port, host)
  ear.hear('client', socket)
  assert.is(socket.connecting, true)
  assert.is(socket.pending, true)
  assert.is(socket.readyState, 'opening')
  let got = ''
  socket.setEncoding('utf8').on('data', (text) => { got += text })
  await ear.until('client connect')
  const facts = {
    remote: [socket.remotePort === port, socket.remoteFamily, socket.remoteAddress === host], local: [socket.localFamily, typeof socket.localPort, socket.address() && (socket.address() as AddressInfo).family],
    ready: socket.readyState, pending: socket.pending,
  }
  socket.write('hel')
  socket.write('lo')
  await pause(50)
  socket.end('!')
  await ear.until('client close')
  await ear.until('server close')
  server.close()
  return { facts, got: got.replaceAll('you said ', ''), counts: [socket.bytesWritten, socket.destroyed, socket.readyState, socket.closed] }
})

compare('nobody listens: ECONNREFUSED, and its words', async (world, ear) => {
  const { server, port, host } = await serve(world, () => {})
  await new Promise((resolve) => server.close(resolve))
  const socket = world.client.connect({ port, host })
  ear.hear('client', socket)
  const error = await new Promise<NodeJS.ErrnoException & { address?: string; port?: number }>((resolve) => socket.once('error', resolve as never))
  await ear.until('client close')
  return { message: drop(error.message, world, port), errno: error.errno, code: error.code, syscall: error.syscall, same: [error.address === host, error.port === port] }
})

compare('the peer resets in the middle of a body', async (world, ear) => {
  const { server, port, host } = await serve(world, (socket) => {
    socket.write(Buffer.alloc(100_000))
    socket.on('error', () => {}).on('data', () => socket.resetAndDestroy())
  })
  const socket = world.client.connect(port, host)
  ear.hear('client', socket)
  let size = 0
  socket.on('data', (data) => {
    size += data.length
    if (size === 100_000) socket.write('now')
  })
  const error = await new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve))
  await ear.until('client close')
  server.close()
  return [error.message, error.errno, error.syscall, size]
})

for (const state of ['fresh', 'connecting', 'connected', 'half-closed', 'ended'] as const) {
  for (const how of ['destroy', 'destroy with an error', 'resetAndDestroy'] as const) {
    if (how === 'resetAndDestroy' && state === 'connecting') continue
    compare(`${how} when it is ${state}`, async (world, ear) => {
      const { server, port, host } = await serve(world, (socket) => {
        socket.on('error', () => {}).resume()
      }, { allowHalfOpen: state === 'half-closed' })
      const socket = world.client.socket({ allowHalfOpen: state === 'half-closed' })
      ear.hear('client', socket)
      if (state !== 'fresh') socket.connect(port, host)
      if (state !== 'fresh' && state !== 'connecting') await ear.until('client connect')
      if (state === 'half-closed') {
        socket.end()
        await ear.until('client finish')
      }
      if (state === 'ended') {
        socket.resume().end()
        await ear.until('client close')
      }
      if (how === 'destroy') socket.destroy()
      else if (how === 'resetAndDestroy') socket.resetAndDestroy()
      else socket.destroy(new Error('enough'))
      await ear.until('client close')
      await pause(20)
      server.close()
      return [socket.destroyed, socket.readyState, socket.connecting]
    })
  }
}

compare('a write behind the end, and behind destroy', async (world, ear) => {
  const { server, port, host } = await serve(world, (socket) => socket.on('error', () => {}).resume())
  const socket = world.client.connect(port, host)
  ear.hear('client', socket)
  await ear.until('client connect')
  socket.end()
  const codes: (string | undefined)[] = []
  socket.write('too late', (error) => codes.push((error as NodeJS.ErrnoException | null)?.code))
  await ear.until('client close')
  socket.write('much too late', (error) => codes.push((error as NodeJS.ErrnoException | null)?.code))
  await pause(20)
  server.close()
  return codes
})

compare('a peer that ended, and half-open is not allowed: what is written then is refused', async (world, ear) => {
  const { server, port, host } = await serve(world, (socket) => socket.on('error', () => {}).end())
  const socket = world.client.connect(port, host)
  ear.hear('client', socket)
  let message = ''
  socket.on('end', () => socket.write('still?', (error) => { message = error?.message ?? '' })).resume()
  await ear.until('client close')
  server.close()
  return message
})

for (const allowHalfOpen of [false, true]) {
  compare(`half-open is ${allowHalfOpen ? '' : 'not '}allowed: the server ends, and the client talks on`, async (world, ear) => {
    let heard = ''
    const { server, port, host } = await serve(world, (socket) => {
      ear.hear('server', socket, ['end', 'finish'])
      socket.on('data', (data) => { heard += data })
      socket.end('that is all')
    }, { allowHalfOpen: true })
    const socket = world.client.connect({ port, host, allowHalfOpen } as never)
    ear.hear('client', socket, ['connect', 'end', 'finish', 'close'])
    socket.resume()
    await ear.until('client end')
    if (allowHalfOpen) {
      socket.write('and another thing')
      await pause(20)
      socket.end()
    }
    await ear.until('client close')
    await ear.until('server end')
    server.close()
    return heard
  })
}

compare('a slow reader stops the writer; drain says that it goes on; nothing is lost', async (world, ear) => {
  const total = 8 << 20
  let reader: Socket | undefined
  const { server, port, host } = await serve(world, (socket) => { reader = socket }, { pauseOnConnect: true })
  const socket = world.client.connect(port, host)
  ear.hear('client', socket, ['connect', 'finish', 'close', 'error'])
  await ear.until('client connect')
  let sum = 0
  let full = false
  const chunk = Buffer.alloc(65_536, 7)
  for (let sent = 0; sent < total; sent += chunk.length) if (!socket.write(chunk)) full = true
  const waiting = socket.writableLength > 1 << 20
  await pause(100)
  const held = socket.writableLength > 1 << 20
  let size = 0
  let drained = false
  socket.once('drain', () => { drained = true })
  reader!.on('data', (data) => {
    size += data.length
    for (const byte of data.subarray(0, 16)) sum |= byte ^ 7
  }).resume()
  socket.end()
  await ear.until('client close')
  server.close()
  return { full, waiting, held, drained, size, sum, written: socket.bytesWritten }
})

compare('an idle timeout is told, and ends nothing by itself; activity puts it off', async (world, ear) => {
  const { server, port, host } = await serve(world, (socket) => socket.resume().on('error', () => {}))
  const socket = world.client.connect(port, host)
  ear.hear('client', socket)
  socket.setTimeout(60)
  await ear.until('client connect')
  for (let i = 0; i < 4; i++) {
    socket.write('x')
    await pause(30)
  }
  const early = ear.told.includes('client timeout')
  await ear.until('client timeout')
  const open = !socket.destroyed
  socket.destroy()
  await ear.until('client close')
  server.close()
  return { early, open, timeout: socket.timeout }
})

compare('a server closes when its last connection is over', async (world, ear) => {
  const { server, port, host } = await serve(world, (socket) => socket.resume())
  ear.hear('server', server, ['close'])
  const socket = world.client.connect(port, host)
  ear.hear('client', socket, ['connect', 'close'])
  await ear.until('client connect')
  await pause(20)
  const count = await new Promise((resolve) => server.getConnections((_, n) => resolve(n)))
  server.close((error) => ear.told.push(`closed ${error === undefined}`))
  const listening = server.listening
  await pause(20)
  const early = ear.told.includes('server close')
  socket.end()
  await ear.until('server close')
  await ear.until('client close')
  server.close((error) => ear.told.push(`again ${(error as NodeJS.ErrnoException | undefined)?.code}`))
  await ear.until('again')
  return { count, listening, early, address: server.address() }
})

compare('a port that is in use', async (world, ear) => {
  const { server, port, host } = await serve(world, () => {})
  const second = world.server.createServer()
  ear.hear('second', second)
  second.listen(port, host)
  const error = await new Promise<NodeJS.ErrnoException>((resolve) => second.once('error', resolve))
  server.close()
  return [drop(error.message, world, port), error.errno, error.syscall]
})

compare('more connections than maxConnections are dropped, and told of', async (world, ear) => {
  const { server, port, host } = await serve(world, (socket) => socket.resume().on('error', () => {}))
  server.maxConnections = 1
  server.on('drop', (data) => ear.told.push(`drop ${data?.remoteFamily}`))
  const first = world.client.connect(port, host)
  await new Promise((resolve) => first.once('connect', resolve))
  await pause(20)
  const second = world.client.connect(port, host)
  const over = new Promise((resolve) => second.once('close', resolve))
  second.on('error', () => {}).resume()
  await ear.until('drop')
  await over
  first.destroy()
  server.close()
})

compare('data that is written before it is connected, with a callback for each', async (world, ear) => {
  let heard = ''
  const { server, port, host } = await serve(world, (socket) => socket.on('data', (data) => { heard += data }))
  const socket = world.client.connect(port, host)
  ear.hear('client', socket, ['connect', 'finish', 'close'])
  for (const word of ['one ', 'two ', 'three ']) socket.write(word, () => ear.told.push(`written ${word}`))
  socket.end('four')
  await ear.until('client close')
  server.close()
  return [heard, socket.bytesWritten]
})

compare('an AbortSignal ends it', async (world, ear) => {
  const { server, port, host } = await serve(world, (socket) => socket.resume().on('error', () => {}))
  const abort = new AbortController()
  const socket = world.client.socket({ signal: abort.signal } as never)
  ear.hear('client', socket)
  socket.connect(port, host)
  await ear.until('client connect')
  abort.abort()
  await ear.until('client close')
  server.close()
})

compare('what cannot be asked for', async (world) => {
  const codes: unknown[] = []
  for (const wrong of [() => world.client.connect(65_536, world.host), () => world.client.connect({ port: -1, host: world.host }), () => world.server.createServer().listen(70_000)]) {
    try {
      wrong()
      codes.push('nothing')
    } catch (error) {
      codes.push([(error as { code?: string }).code, (error as Error).name, (error as Error).message])
    }
  }
  return codes
})

test('a stack that is stopped under its sockets: an error with a code, then close', async () => {
  const world = await overStacks()
  const ear = new Ear()
  const { port, host } = await serve(world, (socket) => ear.hear('server', socket))
  const socket = world.client.connect(port, host)
  ear.hear('client', socket)
  await ear.until('client connect')
  await pause(20)
  await world.stop()
  await ear.until('client close')
  await ear.until('server close')
  assert.equal(ear.told.filter((line) => line.startsWith('client')), ['client connect', 'client ready', 'client error ECANCELED read', 'client close true'])
})

test.run()
