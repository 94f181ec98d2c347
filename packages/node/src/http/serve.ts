import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FaceNet } from '../net/index.ts'
import type { FaceServer } from '../net/server.ts'
import { attach, type AttachOptions } from './attach.ts'

/** Answers a request. */
export type Handler = (request: Request) => Response | Promise<Response>

/** Where to listen; and who hears of a handler that threw, which the client sees as a 500. */
export interface ServeOptions extends AttachOptions {
  readonly onError?: (error: unknown) => void
}

/** Serves HTTP over `net` in the web's shape. Closing what is returned ends it when the last connection is over. */
export function serve(net: FaceNet, handler: Handler, { onError = () => {}, ...options }: ServeOptions = {}): Promise<FaceServer> {
  const server = http.createServer((message, answer) => {
    respond(message, answer, handler).catch((error: unknown) => {
      // A client that left is no error of the handler.
      if (message.socket.destroyed) return
      onError(error)
      if (answer.headersSent) answer.destroy()
      else answer.writeHead(500).end()
    })
  })
  return attach(server, net, options)
}

async function respond(message: IncomingMessage, answer: ServerResponse, handler: Handler): Promise<void> {
  const { method = 'GET', headers, url = '/' } = message
  const gone = new AbortController()
  answer.once('close', () => gone.abort())
  const given = new Headers()
  for (const [name, value] of Object.entries(headers)) for (const one of [value ?? []].flat()) given.append(name, one)
  const bodiless = method === 'GET' || method === 'HEAD'
  const request = new Request(new URL(url, `http://${headers.host ?? 'localhost'}`), {
    method, headers: given, signal: gone.signal, ...(bodiless ? {} : { body: Readable.toWeb(message) as unknown as ReadableStream, duplex: 'half' }),
  } as RequestInit)
  const response = await handler(request)
  const cookies = response.headers.getSetCookie()
  for (const [name, value] of response.headers) if (name !== 'set-cookie') answer.setHeader(name, value)
  if (cookies.length > 0) answer.setHeader('set-cookie', cookies)
  answer.writeHead(response.status, response.statusText)
  if (response.body === null || method === 'HEAD') answer.end()
  else await pipeline(Readable.fromWeb(response.body as never), answer)
}
