/**
 * The end of emulated lines in a network namespace: for every path of a socket that comes on standard input it listens
 * at a port, which it prints, and hands each connection through. Ends with its input.
 */
import { createConnection, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

for await (const path of createInterface({ input: process.stdin })) {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near: Socket) => {
    const far = createConnection({ path, allowHalfOpen: true })
    const drop = () => {
      near.destroy()
      far.destroy()
    }
    near.on('error', drop).pipe(far).on('error', drop).pipe(near)
  })
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    if (address !== null && typeof address === 'object') console.log(address.port)
  })
}
process.exit()
