import { randomBytes } from 'node:crypto'
import { createConnection, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { COUNTED, Line, type LineShape } from '../../bench/line.ts'
import { type TestContext, test } from '../../harness.ts'
import { newFolder } from '../../home-peer.ts'

/** A server that sends back whatever comes, and ends when its client has. */
async function newEcho(t: TestContext): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => void socket.pipe(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : 0
}

async function echoed(socket: Socket, bytes: Buffer): Promise<Buffer> {
  socket.end(bytes)
  return Buffer.concat(await Array.fromAsync(socket))
}

for (const [name, shape] of [
  ['that only counts', COUNTED],
  ['that paces and delays', { bitsPerSecond: 400e6, delayMs: 3 }],
  ['that is slower than its window', { bitsPerSecond: 20e6, delayMs: 1 }],
] as Array<[string, LineShape]>) {
  test(`a line ${name} carries every byte in order, there and back, on all its connections`, async (t) => {
    const path = join(newFolder(t), 'line.sock')
    const line = await new Line(await newEcho(t), shape).listen(path)
    t.after(() => line.close())
    const sent = Array.from({ length: 3 }, () => randomBytes(700_000))
    const sockets = sent.map(() => createConnection({ path, allowHalfOpen: true }))
    const came = await Promise.all(sockets.map((socket, at) => echoed(socket, sent[at]!)))
    assert.ok(came.every((bytes, at) => bytes.equals(sent[at]!)))
    assert.is(line.bytes, 2 * 3 * 700_000)
  })
}
