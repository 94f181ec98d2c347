/**
 * What passes for `node:dgram` over a `DatagramNet`.
 *
 * @packageDocumentation
 */

import type { RemoteInfo, SocketType } from 'node:dgram'
import { FaceDatagramSocket, type DatagramFaceOptions, type DatagramFaceParts } from './socket.ts'

export { FaceDatagramSocket, type DatagramFaceOptions, type DatagramFaceParts } from './socket.ts'

/** The part of `node:dgram` that programs use, over `datagrams`: a stack's sockets, or `nodeDatagrams()`. */
export function nodeDgram(parts: DatagramFaceParts) {
  return {
    createSocket(options: SocketType | DatagramFaceOptions, heard?: (data: Buffer, from: RemoteInfo) => void): FaceDatagramSocket {
      const socket = new FaceDatagramSocket(parts, typeof options === 'string' ? { type: options } : options)
      if (heard !== undefined) socket.on('message', heard)
      return socket
    },
  }
}
