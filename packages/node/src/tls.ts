/** Node's TLS around the kernel's TCP: what `nodeStreams({ tls })` adds. */

import type { Socket } from 'node:net'
import { connect, createServer, type ConnectionOptions, type TlsOptions, type TLSSocket } from 'node:tls'
import type { Endpoint } from '@favonius/contract'
import type { NodeTls } from './identity.ts'

/** TLS over a connection that is being made; 'secureConnect' says that it is there. */
export function secureClient(plain: Socket, to: Endpoint, tls: NodeTls): TLSSocket {
  // `host` is whom the certificate must name, where no `servername` is given.
  const socket = connect({ ...tls, socket: plain, host: to.address, allowHalfOpen: true } as object as ConnectionOptions)
  // It says the same by the TLS socket.
  plain.on('error', () => {})
  return socket
}

/** Takes connections, and gives those whose handshake went well. Others are ended. */
export function secureServer(tls: NodeTls, accept: (socket: TLSSocket, plain: Socket) => void): (plain: Socket) => void {
  /** By the remote endpoint, which is all that a TLS socket tells of what it stands on. */
  const connections = new Map<string, Socket>()
  const keyOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`
  const server = createServer({ ...tls, allowHalfOpen: true } as object as TlsOptions, (socket) => accept(socket, connections.get(keyOf(socket))!))
  return (plain) => {
    const key = keyOf(plain)
    connections.set(key, plain)
    // It says the same by the TLS socket, or had not become one.
    plain.on('error', () => {}).once('close', () => connections.delete(key))
    server.emit('connection', plain)
  }
}
