/**
 * A fleet: devices that serve, and lose their power now and then, and gateways that ask all of them, over whatever loses, doubles and reorders. Whatever is
 * answered is true, what is done is done once, and whoever observes knows the last state in the end.
 */

import { sleep } from '@favonius/clock'
import type { Env } from '@favonius/contract'
import { CoapClient, type ObserveCall } from '../src/client.ts'
import type { CoapResponse } from '../src/response.ts'
import type { CoapServer } from '../src/server.ts'
import type { Place, World } from './worlds.ts'

export interface FleetOptions {
  readonly devices: number
  readonly gateways: number
  readonly hours: number
  /** How often a device loses its power within an hour, on average. */
  readonly cuts: number
}

export interface FleetReport {
  readonly cuts: number
  /** Requests and observations by what became of them. */
  readonly outcomes: Record<string, number>
  /** Notifications heard. */
  readonly heard: number
  /** What is not as it must be. */
  readonly wrong: readonly string[]
  readonly dropped: Record<string, number>
}

const HOUR = 3_600_000
const LOG = 3500
const FIRMWARE = 5000

/** A body that says which it is, in its beginning and in every byte behind it. */
const bodyOf = (version: number, length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i < 4 ? version >> (8 * i) : version * 31 + i * 7 + (i >> 8)))

/** Which body it is; −1 when it is of none, or of two. */
function versionOf(body: Uint8Array, length: number): number {
  const version = body[0]! | body[1]! << 8 | body[2]! << 16 | body[3]! << 24
  const whole = bodyOf(version, length)
  return body.length === length && whole.every((byte, i) => byte === body[i]) ? version : -1
}

class Device {
  readonly place: Place
  boots = 0
  state = 0
  /** The version of its log, which is more than a block. */
  log = 0
  firmware: Uint8Array = new Uint8Array(0)
  /** How often each action was done since it began. */
  readonly done = new Map<string, number>()
  server: CoapServer | undefined
  changed = (): void => {}
  logged = (): void => {}
  readonly #env: Env

  constructor(env: Env, place: Place) {
    this.#env = env
    this.place = place
  }

  /** What is said of a resource now. */
  truth(path: string, asked = ''): string {
    return path === '/log' ? String(this.log) : path === '/part' ? `${asked} ${this.boots} ${this.state}` : `${this.boots} ${this.state}`
  }

  async boot(): Promise<void> {
    this.boots++
    this.done.clear()
    const server = (this.server = await this.place.serve())
    const states = [
      server.resource('/state', { observable: true, get: () => ({ payload: this.truth('/state'), maxAge: 60 }) }),
      server.resource('/level', { observable: 'unconfirmed', get: () => ({ payload: this.truth('/level'), maxAge: 60 }) }),
      server.resource('/part', { observable: true, fetch: ({ text }) => ({ payload: this.truth('/part', text), maxAge: 60 }) }),
    ]
    const log = server.resource('/log', { observable: true, get: () => ({ payload: bodyOf(this.log, LOG), maxAge: 300 }) })
    server.resource('/firmware', { put: ({ payload }) => void (this.firmware = payload.slice()) })
    server.resource('/upload', { blocks: 'stream', put: async (request) => {
      const pieces: Uint8Array[] = []
      for await (const piece of request.body()) {
        pieces.push(piece.slice())
        await sleep(this.#env, 50)
      }
      return String(versionOf(new Uint8Array(Buffer.concat(pieces)), FIRMWARE))
    } })
    server.resource('/action', { post: async ({ text }) => {
      this.done.set(text, (this.done.get(text) ?? 0) + 1)
      // Some are answered with their acknowledgment, and some by a message of its own.
      if (this.#env.random.uint32() % 2 === 0) await sleep(this.#env, 2500)
      return `${this.boots}`
    } })
    this.changed = () => {
      this.state++
      for (const state of states) state.changed()
    }
    this.logged = () => {
      this.log++
      log.changed()
    }
  }

  /** A power cut: who was served is not told. */
  cut(): void {
    this.place.cut()
    this.server?.close()
    this.server = undefined
  }
}

/** What is observed of each device, and how it reads. */
const WATCHED: readonly (readonly [path: string, call: ObserveCall])[] = [['/state', {}], ['/level', {}], ['/log', {}], ['/part', { method: 'FETCH', payload: 'a' }]]

const readOf = (path: string, { payload, text }: CoapResponse): string => (path === '/log' ? String(versionOf(payload, LOG)) : text)

export async function fleet(world: World, { devices: deviceCount, gateways: gatewayCount, hours, cuts: often }: FleetOptions): Promise<FleetReport> {
  const { env, scheme } = world
  const outcomes: Record<string, number> = {}
  const dropped: Record<string, number> = {}
  const wrong: string[] = []
  const beliefs = new Map<string, string>()
  let [cuts, heard] = [0, 0]
  const between = (least: number, most: number): number => least + env.random.uint32() / 2 ** 32 * (most - least)
  const count = (table: Record<string, number>, key: string, by = 1): void => void (table[key] = (table[key] ?? 0) + by)
  const end = hours * HOUR
  const over = (): boolean => env.clock.now() >= end

  const devices = Array.from({ length: deviceCount }, (_, i) => new Device(env, world.device(i)))
  const gateways = Array.from({ length: gatewayCount }, (_, i) => new CoapClient(world.gateway(i, { nstart: 4, maxWaiting: 256 }), env, { nstart: 4 }))

  const live = async (device: Device): Promise<void> => {
    while (!over()) {
      await sleep(env, between(5000, 60_000))
      device.changed()
      if (env.random.uint32() % 8 === 0) device.logged()
      // It lives for half a minute from one change to the next.
      if (between(0, HOUR / 32_500) >= often) continue
      cuts++
      for (const [why, times] of Object.entries(device.server!.statistics.dropped)) count(dropped, why, times)
      device.cut()
      await sleep(env, between(1000, 120_000))
      await device.boot()
    }
  }

  /** Whatever is asked ends, in one way or another. */
  const ask = async (name: string, request: () => Promise<CoapResponse>): Promise<void> => {
    try {
      const { status } = await request()
      count(outcomes, `${name} ${status}`)
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      count(outcomes, `${name} ${code ?? message}`)
      if (!/^(ETIMEDOUT|ECONNRESET|ECONNREFUSED|EPROTO)$/.test(code ?? '')) wrong.push(`${name}: ${code} ${message}`)
    }
  }

  const work = async (gateway: CoapClient, number: number): Promise<void> => {
    for (let i = 0; !over(); i++) {
      await sleep(env, between(100, 20_000))
      const device = devices[env.random.uint32() % devices.length]!
      const at = `${scheme}://[${device.place.address}]`
      const { boots, log } = device
      const version = number << 20 | i
      switch (env.random.uint32() % 6) {
        case 0: await ask('GET state', async () => {
          const response = await gateway.get(`${at}/state`)
          if (!/^\d+ \d+$/.test(response.text)) wrong.push(`a state of ${response.text}`)
          return response
        }); break
        case 1: await ask('GET log', async () => {
          const response = await gateway.get(`${at}/log`)
          const was = versionOf(response.payload, LOG)
          if (was < log || was > device.log) wrong.push(`a log ${was} of ${response.payload.length} bytes, where it was ${log} to ${device.log}`)
          return response
        }); break
        case 2: await ask('GET log, slowly', async () => {
          const response = await gateway.get(`${at}/log`, { stream: true })
          const pieces: Uint8Array[] = []
          for await (const piece of response.body()) {
            pieces.push(piece.slice())
            await sleep(env, 1000)
          }
          if (versionOf(new Uint8Array(Buffer.concat(pieces)), LOG) < log) wrong.push('a log of two')
          return response
        }); break
        case 3: await ask('PUT firmware', async () => {
          const response = await gateway.put(`${at}/firmware`, bodyOf(version, FIRMWARE))
          // Others may have put theirs meanwhile; parts of two never stand together.
          if (response.ok && versionOf(device.firmware, FIRMWARE) < 0) wrong.push(`firmware of two, or ${device.firmware.length} bytes`)
          return response
        }); break
        case 4: await ask('PUT upload', async () => {
          const response = await gateway.put(`${at}/upload`, (async function* () {
            for (let from = 0; from < FIRMWARE; from += 700) {
              yield bodyOf(version, FIRMWARE).subarray(from, from + 700)
              await sleep(env, 100)
            }
          })())
          if (response.ok && response.text !== String(version)) wrong.push(`an upload of ${version} came as ${response.text}`)
          return response
        }); break
        case 5: {
          const action = `${number} ${i}`
          await ask('POST action', async () => {
            const response = await gateway.post(`${at}/action`, action)
            // In the life that it was answered from it was done once.
            if (response.ok && response.text === String(device.boots) && device.done.get(action) !== 1) wrong.push(`done ${device.done.get(action)} times, and answered`)
            return response
          })
          if (device.boots === boots && (device.done.get(action) ?? 0) > 1) wrong.push(`done ${device.done.get(action)} times`)
        }
      }
    }
  }

  const nameOf = (gateway: CoapClient, device: Device, path: string): string => `${gateways.indexOf(gateway)} of ${device.place.address}${path}`

  /** What one gateway believes of a resource, until it is told to stop. */
  const watch = async (gateway: CoapClient, device: Device, path: string, call: ObserveCall, signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      try {
        for await (const response of gateway.observe(`${scheme}://[${device.place.address}]${path}`, { ...call, signal })) {
          heard++
          const read = readOf(path, response)
          if (read === '-1') wrong.push(`${nameOf(gateway, device, path)} was told what is of two`)
          beliefs.set(nameOf(gateway, device, path), read)
        }
        count(outcomes, `observe ${path} ended`)
      } catch (error) {
        if (signal.aborted) return
        count(outcomes, `observe ${path} ${(error as { code?: string }).code ?? String(error)}`)
      }
      // It was off: it is tried again.
      await sleep(env, 10_000)
    }
  }

  await world.run(async () => {
    for (const device of devices) await device.boot()
    const stops: AbortController[] = []
    const watching = gateways.flatMap((gateway) => devices.flatMap((device) => WATCHED.map(([path, call]) => {
      const stop = new AbortController()
      stops.push(stop)
      return watch(gateway, device, path, call, stop.signal)
    })))
    await Promise.all([...devices.map(live), ...gateways.map(work)])
    // Nothing changes any more: what was lost is made good within Max-Age, and the time that it takes to notice.
    await sleep(env, 20 * 60_000)
    for (const gateway of gateways) {
      for (const device of devices) {
        for (const [path, { payload }] of WATCHED) {
          const name = nameOf(gateway, device, path)
          const truth = device.truth(path, payload as string | undefined)
          if (beliefs.get(name) !== truth) wrong.push(`${name} believes ${beliefs.get(name)}, which is ${truth}`)
        }
      }
    }
    for (const stop of stops) stop.abort()
    await Promise.all(watching)
    // Who could not say that it leaves says so by a reset, when it is told something; which may be lost, where notifications are not confirmable.
    for (let i = 0; i < 10; i++) {
      for (const device of devices) {
        device.changed()
        device.logged()
      }
      await sleep(env, 5000)
    }
    // EXCHANGE_LIFETIME, twice.
    await sleep(env, 500_000)
    for (const { server } of devices) {
      const { observers, transfers } = server!.kept
      if (observers + transfers + world.kept(server!.endpoint) > 0) wrong.push(`kept: ${world.kept(server!.endpoint)}, ${observers}, ${transfers}`)
      for (const [why, times] of Object.entries(server!.statistics.dropped)) count(dropped, why, times)
    }
    for (const gateway of gateways) gateway.close()
    for (const device of devices) device.cut()
  }, end + HOUR)
  const left = await world.stop()
  if (left > 0) wrong.push(`${left} timers are armed, or buffers live`)
  return { cuts, outcomes, heard, wrong, dropped }
}
