/** A DNS server for tests, over any nets: what it says is a table. */

import type { DatagramNet, DatagramSocket, Listener, StreamNet } from '@favonius/contract'
import { emit, FLAG, IN, parse, RCODE, TYPE, type Data, type Message, type Resource } from '../src/wire.ts'

/** `name/type` in lower case → data of its records. */
export type Zone = Readonly<Record<string, readonly Data[]>>

export interface TestServer {
  readonly port: number
  /** Questions that came, by `name/type`, in lower case, and `tcp` before those that came so. */
  readonly asked: string[]
  close(): void
}

function answer({ id, questions }: Message, zone: Zone): Parameters<typeof emit>[0] {
  const [question] = questions
  const answers: Resource[] = []
  let name = question!.name.toLowerCase()
  const add = (type: number): boolean => {
    const found = zone[`${name}/${type}`] ?? []
    answers.push(...found.map((data) => ({ name, type, class: IN, ttl: 300, data })))
    return found.length > 0
  }
  while (!add(question!.type) && add(TYPE.CNAME)) name = answers.at(-1)!.data as string
  const absent = answers.length === 0 && !Object.keys(zone).some((key) => key.startsWith(`${name}/`))
  const soa = { name: 'example.com', type: TYPE.SOA, class: IN, ttl: 60, data: { primary: 'ns', mailbox: 'root', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 60 } }
  return { id, flags: FLAG.QR | FLAG.RD | FLAG.RA | (absent ? RCODE.NXDOMAIN : 0), questions, answers, authorities: answers.length === 0 ? [soa] : [] }
}

/** Serves `zone` at `address`, by datagrams, and by streams on the same port. */
export async function serve(datagrams: DatagramNet, streams: StreamNet, address: string, zone: Zone): Promise<TestServer> {
  const asked: string[] = []
  const into = new Uint8Array(65_537)
  const reply = (data: Uint8Array, room: number, prefix: string): number => {
    const message = parse(data)
    if ('malformed' in message) throw new Error(message.malformed)
    const [{ name, type }] = message.questions as [Message['questions'][number]]
    asked.push(`${prefix}${name.toLowerCase()}/${type}`)
    const full = answer(message, zone)
    const length = emit(full, into)
    return length <= room ? length : emit({ ...full, flags: full.flags | FLAG.TC, answers: [] }, into)
  }
  const datagram = async (): Promise<DatagramSocket> => {
    const socket: DatagramSocket = await datagrams.open({ address }, { receive: (data, from) => void socket.send(into.subarray(0, reply(data, 1232, '')), from) })
    return socket
  }
  const stream = (port: number): Promise<Listener> => streams.listen({ address, port }, (stream) => ({
    receive(chunk) {
      const length = reply(chunk.subarray(2), 65_535, 'tcp ')
      stream.write(Uint8Array.of(length >>> 8, length))
      stream.write(into.subarray(0, length))
    },
    ended: () => stream.end(),
    closed() {},
  }))
  // Of the kernel's ports, one that is free for datagrams may be taken for streams.
  for (;;) {
    const socket = await datagram()
    const { port } = socket.local
    try {
      const listener = await stream(port)
      return {
        port, asked,
        close() {
          socket.close()
          listener.close()
        },
      }
    } catch (error) {
      socket.close()
      if ((error as { code?: string }).code !== 'EADDRINUSE') throw error
    }
  }
}
