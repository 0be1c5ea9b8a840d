/** A TCP proxy on loopback that counts what goes through it: bytes on the wire are what a socket carries. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export class CountingProxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #toPort: number
  /** Bytes so far, both directions together. */
  bytes = 0

  constructor(server: Server, toPort: number) {
    this.#server = server
    this.#toPort = toPort
    server.on('connection', (socket) => this.#forward(socket))
  }

  /** Of a proxy to a port of this machine that takes what comes. */
  static async open(toPort = 0): Promise<CountingProxy> {
    const proxy = new CountingProxy(createServer(), toPort)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Where connections that are made from now on lead. */
  forwardTo(port: number): void {
    this.#toPort = port
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }

  #forward(from: Socket): void {
    const to = connect(this.#toPort, '127.0.0.1')
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      this.#sockets.add(one)
      one.on('data', (chunk: Buffer) => {
        this.bytes += chunk.length
        if (!other.write(chunk)) one.pause()
      })
      other.on('drain', () => one.resume())
      one.on('end', () => other.end())
      one.on('error', () => other.destroy())
      one.on('close', () => {
        this.#sockets.delete(one)
        other.destroy()
      })
    }
  }
}
