import tls from 'node:tls'
import type { Duplex } from 'node:stream'
import type { FaceNet } from '../net/index.ts'

/** What undici tells of the connection that it wants. */
export interface UndiciOptions {
  readonly hostname: string
  readonly port?: string | number
  readonly protocol?: string
  readonly servername?: string | undefined
}

/**
 * A `connect` for `new Agent({ connect })` of undici, and so for `fetch(url, { dispatcher })`. `secure` is given to `tls.connect` for https: a CA, say.
 */
export function undiciConnect(net: FaceNet, secure: tls.ConnectionOptions = {}) {
  return ({ hostname, port, protocol, servername }: UndiciOptions, done: (error: Error | null, socket: Duplex | null) => void): Duplex => {
    const https = protocol === 'https:'
    const plain = net.connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (https ? 443 : 80), noDelay: true })
    const socket = https ? tls.connect({ ALPNProtocols: ['http/1.1'], ...secure, socket: plain as never, ...(servername ? { servername } : {}) }) : plain
    const failed = (error: Error): void => done(error, null)
    // undici wants its answer on a later turn: both events come so.
    socket.once('error', failed).once(https ? 'secureConnect' : 'connect', () => {
      socket.off('error', failed)
      done(null, socket)
    })
    return socket
  }
}
