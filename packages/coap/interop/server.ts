/** What the client of `test/program.ts` asks for, over the kernel's datagrams at the address and port of the command line: for a namespace of its own. */

import { system } from '@favonius/clock'
import { nodeDatagrams } from '@favonius/node'
import { CoapServer } from '../src/index.ts'
import { serve } from '../test/served.ts'

const [address, port] = process.argv.slice(2)
const server = await CoapServer.open(nodeDatagrams(), system, { address, port: Number(port) })
serve(server)
console.log('serving')
