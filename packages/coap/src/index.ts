/**
 * CoAP, client and server, over any datagrams, ours or the kernel's.
 *
 * @packageDocumentation
 */

import type { DatagramNet } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import { CoapClient, type CoapClientOptions } from './client.ts'
import { coapOptions } from './options.ts'
import { CoapServer, type CoapServerOptions } from './server.ts'

/** `stack.coap`. */
export interface Coap {
  /** Asks, from a port of its own, which is opened with the first request. */
  readonly client: CoapClient
  /** One more client, with settings of its own; it is closed with the stack. */
  open(options?: CoapClientOptions): CoapClient
  /** Opens a port to answer; it is closed with the stack. Rejects with EADDRINUSE, EADDRNOTAVAIL. */
  serve(options?: CoapServerOptions): Promise<CoapServer>
}

/** CoAP over the sockets of the stack (RFC 7252). */
export const coap = /* @__PURE__ */ feature({
  name: 'coap',
  symbol: 'CONFIG_COAP',
  options: coapOptions,
  needs: { sockets: type<DatagramNet>() },
  create({ sockets }, { env, options, onStop }): Coap {
    const closers: (() => void)[] = []
    onStop(() => {
      for (const close of closers) close()
    })
    const open = (own: CoapClientOptions = {}): CoapClient => {
      const client = new CoapClient(sockets, env, { ...options, ...own })
      closers.push(() => client.close())
      return client
    }
    return {
      client: open(),
      open,
      async serve(own = {}) {
        const server = await CoapServer.open(sockets, env, { ...options, ...own })
        closers.push(() => server.close())
        return server
      },
    }
  },
})

export { coapOptions } from './options.ts'
export { CoapClient, type CoapCall, type CoapClientOptions, type Method, type ObserveCall } from './client.ts'
export { CoapServer, COAP_PORT, type CoapServerOptions, type ServerStatistics } from './server.ts'
export { CoapEndpoint, type Carrier, type Told } from './endpoint.ts'
export { ALL_COAP_NODES, askGroup, type GroupCall } from './group.ts'
export { CoapResponse } from './response.ts'
export { CoapError, CoapRequest, type Answer, type CoapReply, type Handler } from './request.ts'
export { type Attributes, type Resource, type ResourceOptions } from './router.ts'
export type { Observation } from './observation.ts'
export type { Block } from './blocks.ts'
export type { Payload } from './body.ts'
export { serverDefaults, type EndSettings, type Settings } from './serving.ts'
export { defaults, type MessageSettings } from './settings.ts'
export { formatLinks, matchesFilter, parseLinks, type Link } from './links.ts'
export { CoapMachine, type ServerHalf } from './machine.ts'
export { Answers } from './answers.ts'
export type { AnswerInput, Asked, CoapInput, CoapOutput } from './events.ts'
export type { CoapStatistics, Drop } from './statistics.ts'
export type { Exchange, Outgoing, Peer, Received, Remembered } from './peer.ts'
export type { Transmission } from './transmission.ts'
export { codeText, type Draft, type Message, type Option, type OptionValue } from './wire.ts'
export * as CODE from './codes.ts'
export * as FORMAT from './formats.ts'
export * as OPTION from './numbers.ts'
export * as TYPE from './types.ts'
