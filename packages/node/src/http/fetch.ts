import http from 'node:http'
import https from 'node:https'
import { Readable } from 'node:stream'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import type { ConnectionOptions } from 'node:tls'
import type { FaceNet } from '../net/index.ts'
import { agent, secureAgent } from './agents.ts'

/** Redirects that are followed (Fetch standard, HTTP-redirect fetch). */
const MOST_REDIRECTS = 20
const REDIRECTS = [301, 302, 303, 307, 308]
/** Answers that have no body. */
const BODILESS = [101, 103, 204, 205, 304]

/**
 * A `fetch` over `net`, in the web's shape: streamed bodies both ways, redirects, AbortSignal. No cookies, no cache, no CORS, no compression is undone: for
 * these give undici's `fetch` a dispatcher with `undiciConnect`.
 */
export function faceFetch(net: FaceNet, secure: ConnectionOptions = {}): (input: string | URL | Request, init?: RequestInit) => Promise<Response> {
  const plain = agent(net)
  const encrypted = secureAgent(net, secure as https.AgentOptions)

  /** One request and its answer. */
  function exchange(url: URL, request: Request, body: NodeReadableStream | null): Promise<Response> {
    return new Promise((resolve, reject) => {
      const { request: send } = url.protocol === 'https:' ? https : http
      const headers: Record<string, string> = {}
      for (const [name, value] of request.headers) headers[name] = value
      const sent = send(url, { method: request.method, headers, agent: url.protocol === 'https:' ? encrypted : plain, signal: request.signal }, (answer) => {
        const got = new Headers()
        for (let i = 0; i < answer.rawHeaders.length; i += 2) got.append(answer.rawHeaders[i]!, answer.rawHeaders[i + 1]!)
        const status = answer.statusCode ?? 0
        const none = BODILESS.includes(status) || request.method === 'HEAD'
        if (none) answer.resume()
        resolve(new Response(none ? null : Readable.toWeb(answer) as unknown as ReadableStream, { status, statusText: answer.statusMessage ?? '', headers: got }))
      })
      sent.once('error', (error) => reject(request.signal.aborted ? request.signal.reason : new TypeError('fetch failed', { cause: error })))
      if (body === null) sent.end()
      else Readable.fromWeb(body).once('error', (error) => sent.destroy(error)).pipe(sent)
    })
  }

  return async (input, init) => {
    let request = new Request(input, init)
    for (let followed = 0; ; followed++) {
      const url = new URL(request.url)
      if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError(`${url.protocol} cannot be fetched: give an http: or https: address`)
      request.signal.throwIfAborted()
      const response = await exchange(url, request, request.body as unknown as NodeReadableStream | null)
      const location = response.headers.get('location')
      if (!REDIRECTS.includes(response.status) || location === null || request.redirect === 'manual') return response
      await response.body?.cancel()
      if (request.redirect === 'error') throw new TypeError(`${request.url} is redirected to ${location}, and redirects were not wanted`)
      if (followed === MOST_REDIRECTS) throw new TypeError(`more than ${MOST_REDIRECTS} redirects, the last to ${location}`)
      const get = response.status === 303 || (request.method === 'POST' && (response.status === 301 || response.status === 302))
      if (!get && request.body !== null) throw new TypeError(`${request.url} is redirected to ${location}, and its body was sent already: send it there`)
      request = new Request(new URL(location, url), { method: get && request.method !== 'HEAD' ? 'GET' : request.method, headers: request.headers, redirect: request.redirect, signal: request.signal })
    }
  }
}
