/**
 * A fleet: devices that serve, and begin anew now and then, and gateways that ask all of them, over a network that loses, doubles and reorders. Whatever is
 * answered is true, what is done is done once, and whoever observes knows the last state in the end.
 */

import { sleep } from '@favonius/clock'
import type { Env } from '@favonius/contract'
import { CoapClient } from '../src/client.ts'
import type { CoapServer } from '../src/server.ts'
import type { Place, World } from './worlds.ts'

export interface FleetOptions {
  readonly devices: number
  readonly gateways: number
  readonly hours: number
  /** How often a device begins anew within an hour, on average. */
  readonly reboots: number
}

export interface FleetReport {
  readonly reboots: number
  /** Requests by what became of them. */
  readonly outcomes: Record<string, number>
  /** Notifications heard. */
  readonly heard: number
  /** What is not as it must be. */
  readonly wrong: readonly string[]
  readonly dropped: Record<string, number>
}

const HOUR = 3_600_000
/** A body that says which it is, in its beginning and in every byte behind it. */
const bodyOf = (version: number, length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i < 4 ? version >> (8 * i) : version * 31 + i * 7 + (i >> 8)))
/** Which body it is; −1 when it is of none, or of two. */
function versionOf(body: Uint8Array, length: number): number {
  const version = body[0]! | body[1]! << 8 | body[2]! << 16 | body[3]! << 24
  const whole = bodyOf(version, length)
  return body.length === length && whole.every((byte, i) => byte === body[i]) ? version : -1
}
const LOG = 3500
const FIRMWARE = 5000

class Device {
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
  readonly #place: Place

  constructor(env: Env, place: Place) {
    this.#env = env
    this.#place = place
  }

  get address(): string {
    return this.#place.address
  }

  async boot(): Promise<void> {
    this.boots++
    this.done.clear()
    const server = (this.server = await this.#place.serve())
    const state = server.resource('/state', { observable: true, get: () => ({ payload: `${this.boots} ${this.state}`, maxAge: 60 }) })
    const log = server.resource('/log', { observable: true, get: () => ({ payload: bodyOf(this.log, LOG), maxAge: 300 }) })
    server.resource('/firmware', { put: ({ payload }) => void (this.firmware = payload.slice()) })
    server.resource('/action', { post: async ({ text }) => {
      this.done.set(text, (this.done.get(text) ?? 0) + 1)
      // Some are answered with their acknowledgment, and some by a message of its own.
      if (this.#env.random.uint32() % 2 === 0) await sleep(this.#env, 2500)
      return `${this.boots}`
    } })
    this.changed = () => {
      this.state++
      state.changed()
    }
    this.logged = () => {
      this.log++
      log.changed()
    }
  }

  /** A power cut: who was served is not told. */
  cut(): void {
    this.#place.cut()
    this.server?.close()
    this.server = undefined
  }
}

export async function fleet(world: World, { devices: deviceCount, gateways: gatewayCount, hours, reboots: often }: FleetOptions): Promise<FleetReport> {
  const { env, scheme } = world
  const outcomes: Record<string, number> = {}
  const dropped: Record<string, number> = {}
  const wrong: string[] = []
  let reboots = 0
  let heard = 0
  const between = (least: number, most: number): number => least + env.random.uint32() / 2 ** 32 * (most - least)
  const count = (table: Record<string, number>, key: string, by = 1): void => void (table[key] = (table[key] ?? 0) + by)
  const end = hours * HOUR
  const over = (): boolean => env.clock.now() >= end

  const devices = Array.from({ length: deviceCount }, (_, i) => new Device(env, world.device(i)))
  const gateways = Array.from({ length: gatewayCount }, (_, i) => new CoapClient(world.gateway(i, { nstart: 4, maxWaiting: 256 }), env, { nstart: 4 }))

  const live = async (device: Device): Promise<void> => {
    while (!over()) {
      await sleep(env, between(5000, 60_000))
      if (device.server === undefined) continue
      device.changed()
      if (env.random.uint32() % 8 === 0) device.logged()
      if (between(0, HOUR / 32_500) >= often) continue
      reboots++
      for (const [why, times] of Object.entries(device.server.statistics.dropped)) count(dropped, why, times)
      device.cut()
      await sleep(env, between(1000, 120_000))
      await device.boot()
    }
  }

  /** Whatever is asked ends, in one way or another. */
  const ask = async (name: string, request: () => Promise<string>): Promise<void> => {
    try {
      count(outcomes, `${name} ${await request()}`)
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      count(outcomes, `${name} ${code ?? message}`)
      if (code === undefined) wrong.push(`${name}: ${message}`)
    }
  }

  const work = async (gateway: CoapClient, number: number): Promise<void> => {
    for (let i = 0; !over(); i++) {
      await sleep(env, between(100, 20_000))
      const device = devices[env.random.uint32() % devices.length]!
      const at = `${scheme}://[${device.address}]`
      const { boots, log } = device
      switch (env.random.uint32() % 4) {
        case 0: await ask('GET state', async () => {
          const response = await gateway.get(`${at}/state`)
          if (!/^\d+ \d+$/.test(response.text)) wrong.push(`a state of ${response.text}`)
          return response.status
        }); break
        case 1: await ask('GET log', async () => {
          const response = await gateway.get(`${at}/log`)
          const version = versionOf(response.payload, LOG)
          if (version < log || version > device.log) wrong.push(`a log ${version} of ${response.payload.length} bytes, where ${device.address} had ${log} to ${device.log}`)
          return response.status
        }); break
        case 2: await ask('PUT firmware', async () => {
          const response = await gateway.put(`${at}/firmware`, bodyOf(number << 20 | i, FIRMWARE))
          // Others may have put theirs meanwhile; parts of two never stand together.
          if (response.ok && versionOf(device.firmware, FIRMWARE) < 0) wrong.push(`firmware of two bodies, or ${device.firmware.length} bytes`)
          return response.status
        }); break
        case 3: {
          const action = `${number} ${i}`
          await ask('POST action', async () => {
            const response = await gateway.post(`${at}/action`, action)
            // In the life that it was answered from it was done once.
            if (response.ok && response.text === String(device.boots) && device.done.get(action) !== 1) wrong.push(`done ${device.done.get(action)} times, and answered`)
            return response.status
          })
          if (device.boots === boots && (device.done.get(action) ?? 0) > 1) wrong.push(`done ${device.done.get(action)} times`)
        }
      }
    }
  }

  /** What one gateway believes of one device, and when it is told no more. */
  const watch = async (gateway: CoapClient, device: Device, signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      let last: readonly [number, number] = [0, 0]
      try {
        for await (const { text } of gateway.observe(`${scheme}://[${device.address}]/state`, { signal })) {
          heard++
          const [boots, state] = text.split(' ').map(Number) as [number, number]
          if (boots < last[0] || (boots === last[0] && state < last[1])) count(outcomes, 'observed the past')
          last = [boots, state]
          beliefs.set(`${gateways.indexOf(gateway)} ${device.address}`, text)
        }
      } catch (error) {
        if (signal.aborted) return
        count(outcomes, `observe ${(error as { code?: string }).code ?? String(error)}`)
        // It was off: it is tried again.
        await sleep(env, 10_000)
      }
    }
  }
  const beliefs = new Map<string, string>()

  /** The same of its log, which comes block by block. */
  const watchLog = async (gateway: CoapClient, device: Device, signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      try {
        for await (const { payload } of gateway.observe(`${scheme}://[${device.address}]/log`, { signal })) {
          heard++
          const version = versionOf(payload, LOG)
          if (version < 0 || version > device.log) wrong.push(`a log ${version} of ${payload.length} bytes was told, where ${device.address} had ${device.log}`)
          beliefs.set(`log ${gateways.indexOf(gateway)} ${device.address}`, String(version))
        }
      } catch (error) {
        if (signal.aborted) return
        count(outcomes, `observe log ${(error as { code?: string }).code ?? String(error)}`)
        await sleep(env, 10_000)
      }
    }
  }

  await world.run(async () => {
    for (const device of devices) await device.boot()
    const stops: AbortController[] = []
    const watching = gateways.flatMap((gateway) => devices.map((device) => {
      const stop = new AbortController()
      stops.push(stop)
      return [watch(gateway, device, stop.signal), watchLog(gateway, device, stop.signal)]
    })).flat()
    await Promise.all([...devices.map(live), ...gateways.map(work)])
    // Nothing changes any more: what was lost is made good within Max-Age, and the time that it takes to notice.
    await sleep(env, 20 * 60_000)
    for (const [i] of gateways.entries()) {
      for (const device of devices) {
        const believed = beliefs.get(`${i} ${device.address}`)
        if (believed !== `${device.boots} ${device.state}`) wrong.push(`gateway ${i} believes ${device.address} to be ${believed}, which is ${device.boots} ${device.state}`)
        const log = beliefs.get(`log ${i} ${device.address}`)
        if (log !== String(device.log)) wrong.push(`gateway ${i} believes the log of ${device.address} to be ${log}, which is ${device.log}`)
      }
    }
    for (const stop of stops) stop.abort()
    await Promise.all(watching)
    // Who could not say that it leaves says so by a reset, when it is told something; then EXCHANGE_LIFETIME, twice.
    for (const device of devices) {
      device.changed()
      device.logged()
    }
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
  return { reboots, outcomes, heard, wrong, dropped }
}
