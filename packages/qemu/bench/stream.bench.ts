/**
 * Frames over a unix socket, to and from another process: received and sent per CPU-second of this one, beside a bare
 * socket that takes no frames apart; and round trips.
 */

import { Arena } from '@favonius/netbuf'
import { connectQemu, listenQemu, type QemuDevice } from '@favonius/qemu'
import type { NetBuf } from '@favonius/contract'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { figure, smoke } from '../../../bench/measure.ts'

const ROUNDS = smoke ? 1 : 5
const MS = smoke ? 50 : 1000
const folder = mkdtempSync(join(tmpdir(), 'favonius-qemu-bench-'))
const path = join(folder, 'bench.socket')
const pool = new Arena().pool()
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

/** The other process: floods whoever connects, or whom it connects to, with frames; reads and forgets; or sends back. */
async function peer(role: 'flood' | 'sink' | 'echo', way: 'listens' | 'connects', size: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', `
    const frames = Buffer.alloc(Math.ceil(262144 / ${size + 4}) * ${size + 4})
    for (let at = 0; at < frames.length; at += ${size + 4}) frames.writeUInt32BE(${size}, at)
    const serve = (socket) => {
      socket.on('error', () => {})
      const next = (error) => { if (!error) socket.write(frames, next) }
      ${role === 'flood' ? 'next()' : role === 'sink' ? 'socket.on("data", () => {})' : 'socket.on("data", (data) => socket.write(data))'}
    }
    const net = require('net')
    ${way === 'listens'
      ? `net.createServer(serve).listen('${path}', () => console.log('ready'))`
      : `const socket = net.connect('${path}', () => serve(socket)); console.log('ready')`}`], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout!, 'data')
  return child
}

/** How many per CPU-second, all threads of this process, by a count that rises. */
async function perCpuSecond(count: () => number): Promise<number> {
  await new Promise((resolve) => { setTimeout(resolve, MS / 3) })
  const [before, cpu] = [count(), process.cpuUsage()]
  await new Promise((resolve) => { setTimeout(resolve, MS) })
  const { user, system } = process.cpuUsage(cpu)
  return (count() - before) / ((user + system) / 1e6)
}

/** Counts frames and frees them. */
function counting(device: QemuDevice, onReady = (): void => {}, onFrame = (): void => {}): { frames: number } {
  const counted = { frames: 0 }
  device.start({
    frame(frame) {
      counted.frames++
      frame.unref()
      onFrame()
    },
    ready: onReady,
    carrier() {},
    lost() {},
  }, pool)
  return counted
}

async function received(size: number): Promise<number> {
  const child = await peer('flood', 'listens', size)
  const device = await connectQemu({ path }, { mtu: 65_520 })
  const counted = counting(device)
  const result = await perCpuSecond(() => counted.frames)
  await device.stop()
  return ended(child, result)
}

async function receivedListening(size: number): Promise<number> {
  let accept!: (device: QemuDevice) => void
  const accepted = new Promise<QemuDevice>((resolve) => { accept = resolve })
  const listener = await listenQemu({ path }, accept, { mtu: 65_520 })
  const child = await peer('flood', 'connects', size)
  const counted = counting(await accepted)
  const result = await perCpuSecond(() => counted.frames)
  await listener.close()
  return ended(child, result)
}

/** The least that can: reads, and counts bytes. */
async function receivedBare(size: number): Promise<number> {
  const child = await peer('flood', 'listens', size)
  let bytes = 0
  const buffer = new Uint8Array(65_536)
  const socket = connect({ path, onread: { buffer, callback(n) { bytes += n; return true } } })
  socket.on('error', () => {})
  const result = await perCpuSecond(() => bytes / (size + 4))
  socket.destroy()
  return ended(child, result)
}

function frameOf(size: number): NetBuf {
  const frame = pool.alloc(size, 32)!
  frame.add(size)
  return frame
}

async function sent(size: number): Promise<number> {
  const child = await peer('sink', 'listens', size)
  const device = await connectQemu({ path }, { mtu: 65_520 })
  let frames = 0
  const fill = (): void => {
    for (;;) {
      const frame = frameOf(size)
      if (!device.transmit(frame)) return frame.unref()
      frames++
    }
  }
  counting(device, fill)
  fill()
  const result = await perCpuSecond(() => frames)
  await device.stop()
  return ended(child, result)
}

/** The least that can: one buffer of frames that are there already. */
async function sentBare(size: number): Promise<number> {
  const child = await peer('sink', 'listens', size)
  let bytes = 0
  const buffer = new Uint8Array(65_536)
  const socket = connect(path)
  socket.on('error', () => {})
  const next = (error?: Error | null): void => {
    if (error || socket.destroyed) return
    bytes += buffer.length
    socket.write(buffer, next)
  }
  next()
  const result = await perCpuSecond(() => bytes / (size + 4))
  socket.destroy()
  return ended(child, result)
}

async function roundTrips(): Promise<readonly number[]> {
  const child = await peer('echo', 'listens', 98)
  const device = await connectQemu({ path })
  let back!: () => void
  counting(device, undefined, () => back())
  const times: number[] = []
  for (let n = 0; n < (smoke ? 50 : 20_000); n++) {
    const since = performance.now()
    const arrived = new Promise<void>((resolve) => { back = resolve })
    device.transmit(frameOf(98))
    await arrived
    times.push((performance.now() - since) * 1000)
  }
  await device.stop()
  await ended(child, 0)
  return times.slice(times.length >> 2).sort((a, b) => a - b)
}

async function ended<T>(child: ChildProcess, result: T): Promise<T> {
  const closed = once(child, 'close')
  child.kill('SIGKILL')
  await closed
  rmSync(path, { force: true })
  return result
}

try {
  for (const size of smoke ? [1514] : [60, 1514, 65_534]) {
    const ways = { 'received, bare socket': receivedBare, 'received, connecting': received, 'received, listening': receivedListening, 'sent, bare socket': sentBare, sent }
    const values: Record<string, number[]> = {}
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, way] of Object.entries(ways)) (values[name] ??= []).push(await way(size))
    }
    for (const [name, all] of Object.entries(values)) {
      const value = median(all)
      figure({ name: `${name}, ${size}`, value, unit: 'frames/CPU-s', note: `${(value * size * 8 / 1e9).toFixed(1)} Gbit/CPU-s; median of ${ROUNDS} interleaved rounds` })
    }
  }
  const times = await roundTrips()
  figure({ name: 'round trip to another Node process, p50', value: times[times.length >> 1]!, unit: 'µs' })
  figure({ name: 'round trip to another Node process, p99', value: times[Math.floor(times.length * 0.99)]!, unit: 'µs' })
} finally {
  rmSync(folder, { recursive: true, force: true })
}
