import http, { type AgentOptions } from 'node:http'
import https, { type AgentOptions as SecureAgentOptions } from 'node:https'
import type { TcpNetConnectOpts } from 'node:net'
import type { Duplex } from 'node:stream'
import tls, { type ConnectionOptions } from 'node:tls'
import type { FaceNet, FaceSocketOptions } from '../net/index.ts'

/** A function that an agent has and its types do not tell of. */
interface Connecting {
  createConnection(options: object): Duplex
}

/** An `http.Agent` whose connections are made by `net`. */
export function agent(net: FaceNet, options?: AgentOptions): http.Agent {
  const made = new http.Agent(options)
  const connecting = made as unknown as Connecting
  connecting.createConnection = (to) => net.connect(to as TcpNetConnectOpts & FaceSocketOptions)
  return made
}

/** An `https.Agent` whose connections are made by `net`. */
export function secureAgent(net: FaceNet, options?: SecureAgentOptions): https.Agent {
  const made = new https.Agent(options)
  const connecting = made as unknown as Connecting
  connecting.createConnection = (to) => tls.connect({ ...(to as ConnectionOptions), socket: net.connect(to as TcpNetConnectOpts & FaceSocketOptions) as never })
  return made
}
