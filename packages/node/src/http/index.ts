/**
 * HTTP of Node, and of those who build on it, over a face of `node:net`: servers, agents, undici's connections, and `fetch` and `serve` in the web's
 * shape for runtimes whose own have no hook.
 *
 * @packageDocumentation
 */

export { agent, secureAgent } from './agents.ts'
export { attach, type AttachOptions } from './attach.ts'
export { faceFetch } from './fetch.ts'
export { serve, type Handler, type ServeOptions } from './serve.ts'
export { undiciConnect, type UndiciOptions } from './undici.ts'
