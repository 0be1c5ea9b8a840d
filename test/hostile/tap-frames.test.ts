import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { type Random, seededRandom } from '../gen/random.ts'
import { test } from '../harness.ts'
import { until } from '../loopback.ts'
import { beam, frame, frameHead, recordFrame, upgrade, WaitingTap } from '../tap/original-tap.ts'
import { ask, bottles, memoryOf, newImage, newSampler, nextOf, thisHost, whenListed } from '../tap/sampler-process.ts'

const FUZZED = 1000
const AT_ONCE = 20
const SEED = 11
const MB = 1_000_000
/** Garbage that was not collected yet counts: a read buffer of each connection. One that kept them all would need more. */
const MAX_GROWN_BYTES = 250 * MB

const record = { host: 'h', path: '/p', name: 'Fuzz', imageId: 'a'.repeat(40) }

/** An image directory of this machine, so that a folder is given; what is in the folder then is nothing of use. */
let handed: Parameters<typeof recordFrame>[0]
const HANDED = ['{"file":"../x.image"}', '{"file":"Fuzz.image"}', '{"file":7}', '{}', '[]', '{"error":"no"}', '\0']

/** Something that a Tap would never send: damaged frames, lengths that lie, records of all kinds. */
function nonsense(random: Random): Buffer {
  const bytes = (count: number) => Buffer.from(Array.from({ length: count }, () => random.below(256)))
  const messages = [
    () => bytes(random.below(200)),
    () => frame(bytes(random.below(300)), { opcode: random.below(16), isLast: random.chance(0.5) }),
    () => frameHead(random.pick([2 ** 40, 2 ** 53, 65_536, 126]), { opcode: random.pick([1, 2, 9]) }).bytes,
    () => frame(Buffer.from(random.pick(['{', '[]', '"x"', '{"action":1}', '{"action":"wait"}', '@1', '\0']))),
    () =>
      recordFrame({
        ...record,
        action: random.pick(['wait', 'beam', 'bean', 'hand']),
        imageId: random.pick(['', 'zz', 'a']),
      }),
    () => recordFrame({ ...record, action: 'beam', path: 'p'.repeat(5000) }),
    () => Buffer.concat([recordFrame({ ...record, action: 'beam' }), frame(bytes(500), { opcode: 2 })]),
    () => Buffer.concat([recordFrame({ ...record, action: 'beam' }), frame(bytes(50), { opcode: 2, isLast: false })]),
    () => Buffer.concat([recordFrame({ ...record, action: 'wait' }), bytes(random.below(100))]),
    () => Buffer.concat([recordFrame({ ...record, action: 'hand' }), frame(bytes(random.below(100)))]),
    () => Buffer.concat([recordFrame(handed), frame(Buffer.from(random.pick(HANDED)))]),
    () => recordFrame({ ...record, action: 'beam', pauseMs: random.pick([-1, 0.5, 2 ** 40, 7]) }),
    () => Buffer.concat([recordFrame({ ...record, action: 'beam' }), frameHead(2 ** 31 + 1, { opcode: 2 }).bytes]),
    () => frame(Buffer.from(`${'['.repeat(10_000)}`)),
  ]
  return random.pick(messages)()
}

test(
  '1,000 connections that send nonsense harm nobody: no version, no file, and a Tap is served as before',
  async (t) => {
    const sampler = await newSampler(t)
    const random = seededRandom(SEED)
    handed = { ...newImage(t, { host: thisHost }).record, action: 'hand' }
    const first = newImage(t)
    await beam(sampler.url, first.record, first.zip)
    await until(() => sampler.said().includes('Took Ants@0.0.1'), 20_000)
    const before = memoryOf(sampler.child).nowBytes
    for (let round = 0; round < FUZZED / AT_ONCE; round++) {
      const sent = Array.from({ length: AT_ONCE }, () => nonsense(random))
      const sockets = await Promise.all(
        sent.map(async (bytes) => {
          const { status, socket } = await upgrade(sampler.url)
          assert.is(status, 101)
          socket.resume()
          socket.end(bytes)
          return socket
        }),
      )
      await Promise.all(sockets.map((socket) => socket.closed || once(socket, 'close')))
    }
    assert.is((await bottles(sampler.url)).length, 1)
    await until(() => sampler.spooled().length === 0)
    assert.equal((await ask(sampler.url, '/launcher-taps')).text, '[]')
    const last = newImage(t)
    await beam(sampler.url, last.record, last.zip)
    await until(() => sampler.said().match(/Took Ants@0\.0\.1/g)?.length === 2, 20_000)
    const grownBytes = memoryOf(sampler.child).nowBytes - before
    assert.ok(grownBytes < MAX_GROWN_BYTES, `memory grew by ${grownBytes} bytes`)
  },
  { limitMs: 120_000 },
)

test('100 MB announced and 10 MB sent: no version, no file', async (t) => {
  const sampler = await newSampler(t)
  const { socket } = await upgrade(sampler.url)
  socket.write(recordFrame({ ...record, action: 'beam' }))
  socket.write(frameHead(100 * MB, { opcode: 2 }).bytes)
  socket.end(randomBytes(10 * MB))
  await until(() => sampler.said().includes('came to nothing'), 20_000)
  await until(() => sampler.spooled().length === 0)
  assert.equal(await bottles(sampler.url), [])
})

test('a message in pieces, without mask, with control frames in between, is taken like one in one piece', async (t) => {
  const sampler = await newSampler(t)
  const { zip, record: image } = newImage(t)
  const bytes = readFileSync(zip)
  const { socket } = await upgrade(sampler.url)
  socket.resume()
  socket.write(recordFrame({ ...nextOf(image), action: 'beam' }))
  const third = Math.floor(bytes.length / 3)
  socket.write(frame(bytes.subarray(0, third), { opcode: 2, isLast: false }))
  socket.write(frame(Buffer.from('here'), { opcode: 9 }))
  socket.write(frame(bytes.subarray(third, 2 * third), { opcode: 0, isLast: false, masked: false }))
  socket.write(frame(new Uint8Array(0), { opcode: 10 }))
  socket.write(frame(bytes.subarray(2 * third), { opcode: 0 }))
  await until(() => sampler.said().includes('Took Ants@0.0.1'), 20_000)
})

test('200 Taps that wait at once are listed, and 50 of them are asked at once', async (t) => {
  const sampler = await newSampler(t)
  const names = Array.from({ length: 200 }, (_, at) => `Tap ${String(at).padStart(3, '0')}`)
  const taps = await Promise.all(
    names.map((name, at) => WaitingTap.start(sampler.url, { ...record, path: `/${at}`, name })),
  )
  t.after(() => {
    for (const tap of taps) tap.stop()
  })
  await whenListed(sampler.url, names.length)
  const bodies = names.slice(0, 50).map((name, at) => JSON.stringify([record.host, `/${at}`, name]))
  const answers = await Promise.all(bodies.map((body) => ask(sampler.url, '/upload', { method: 'POST', body })))
  assert.ok(answers.every(({ text }) => text === 'OK'))
  await until(() => taps.slice(0, 50).every(({ requests }) => requests.length === 1))
  assert.equal(
    taps.flatMap(({ requests }) => requests),
    names.slice(0, 50),
  )
})
