/** The resources of Zephyr's coap_server sample. */

import { sleep } from '@favonius/clock'
import { CODE, CoapError, CoapServer, FORMAT, type CoapRequest } from '@favonius/coap'
import type { Place } from './nets.ts'

/** How often /obs is another, in milliseconds. */
const TICK = 1000
/** As Zephyr's: two blocks of 64 bytes. */
const LARGE = new TextEncoder().encode('0123456789abcdef'.repeat(8))

export interface Sample {
  readonly server: CoapServer
  stop(): void
}

/** What Zephyr's resources tell of a request. */
const told = ({ message }: CoapRequest) => ({ contentFormat: FORMAT.TEXT, payload: `Type: ${message.type}\nCode: ${message.code}\nMID: ${message.id}\n` })

/** Serves them at `port` of a place, for as long as it is not stopped; `asked` is called for each request to /test. */
export async function serveSample({ env, net, address }: Place, port: number | undefined, asked: (request: CoapRequest) => void = () => {}): Promise<Sample> {
  const server = await CoapServer.open(net, env, { address, ...(port === undefined ? {} : { port }), blockSize: 64 })
  let counter = 0
  let body: Uint8Array = LARGE
  const watched = (request: CoapRequest) => {
    asked(request)
    return told(request)
  }
  server.resource('/test', {
    get: watched,
    put: (request) => ({ ...watched(request), code: CODE.CHANGED }),
    post: (request) => ({ ...watched(request), location: ['location1', 'location2', 'location3'] }),
    delete: (request) => void asked(request),
  })
  server.resource('/seg1/seg2/seg3', { get: told })
  server.resource('/query', { get: (request) => ({ ...told(request), payload: `${told(request).payload}${request.query.join('\n')}` }) })
  server.resource('/separate', { get: async (request) => {
    await sleep(env, 500)
    return told(request)
  } })
  server.resource('/large', { get: () => ({ payload: LARGE, contentFormat: FORMAT.TEXT }) })
  server.resource('/location-query', { post: () => ({ code: CODE.CREATED, locationQuery: ['first=1', 'second=2'] }) })
  server.resource('/large-update', {
    get: () => ({ payload: body, contentFormat: FORMAT.OCTETS }),
    put: ({ payload }) => { body = payload },
  })
  server.resource('/large-create', { post: ({ payload }) => {
    if (payload.length === 0) throw new CoapError(CODE.BAD_REQUEST, 'there is nothing to be created from')
    return { code: CODE.CREATED }
  } })
  const observed = server.resource('/obs', { observable: true, get: () => `Counter: ${counter}` })
  for (const name of ['core1', 'core2']) server.resource(`/${name}`, { attributes: { title: `${name} Link`, rt: name }, get: told })
  const timer = env.clock.timer((now) => {
    counter++
    observed.changed()
    timer.schedule(now + TICK)
  })
  timer.schedule(env.clock.now() + TICK)
  return {
    server,
    stop() {
      timer.cancel()
      server.close()
    },
  }
}
