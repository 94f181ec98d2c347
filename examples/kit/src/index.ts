export { readOptions, type LinkOptions } from './options.ts'
export { ECHO_PORT, openHosts, serveEcho, type Host, type Hosts } from './host.ts'
export { ms, narrate, neighbors, statistics, table } from './show.ts'
