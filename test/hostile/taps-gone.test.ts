/** Taps that go away in the middle of everything, and many of them at once. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { good } from '../cli/process.ts'
import { NO_SMALL_DISK, smallDisk } from '../disk/small-disk.ts'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { until } from '../loopback.ts'
import { beam, frame, frameHead, recordFrame, upgrade, WaitingTap } from '../tap/original-tap.ts'
import { ask, bottles, newImage, newSampler, nextOf, thisHost } from '../tap/sampler-process.ts'
import { HandingTap } from '../tap/tap-of-today.ts'

const LIMIT_MS = 60_000
const MB = 1_000_000

test(
  'a Tap that is gone in the middle of anything leaves no version, no file and no name in the list',
  async (t) => {
    const sampler = await newSampler(t)
    const { record, zip } = newImage(t)
    const bytes = readFileSync(zip)
    const waits = recordFrame({ ...record, action: 'wait' })
    const beams = recordFrame({ ...record, action: 'beam' })
    const head = frameHead(bytes.length, { opcode: 2 }).bytes
    const moments: Array<[string, Buffer]> = [
      ['before its first message', Buffer.alloc(0)],
      ['in the head of its first message', waits.subarray(0, 1)],
      ['in its first message', waits.subarray(0, waits.length - 3)],
      ['while it waits', waits],
      ['in an answer', Buffer.concat([waits, frame(Buffer.from('{"refused":true}')).subarray(0, 9)])],
      ['before its snapshot', beams],
      ['in the head of its snapshot', Buffer.concat([beams, head.subarray(0, 7)])],
      ['at the begin of its snapshot', Buffer.concat([beams, head])],
      ['in its snapshot', Buffer.concat([beams, head, bytes.subarray(0, 70_000)])],
      ['between two pieces', Buffer.concat([beams, frame(bytes.subarray(0, 70_000), { opcode: 2, isLast: false })])],
      ['before it is handed over', recordFrame({ ...record, host: thisHost, action: 'hand' })],
    ]
    for (const how of ['end', 'destroy'] as const) {
      for (const [what, sent] of moments) {
        const { socket, status } = await upgrade(sampler.url)
        assert.is(status, 101, what)
        socket.resume()
        await new Promise<void>((resolve) => socket.write(sent, () => resolve()))
        socket[how]()
      }
    }
    const listed = async () => (await ask(sampler.url, '/launcher-taps')).text
    for (let tries = 0; (await listed()) !== '[]'; tries++) assert.ok(tries < 1000, await listed())
    await until(() => sampler.spooled().length === 0, LIMIT_MS)
    assert.equal(await bottles(sampler.url), [])
    await beam(sampler.url, record, zip)
    await until(() => sampler.said().includes('Took Ants@0.0.1'), LIMIT_MS)
  },
  { limitMs: 120_000 },
)

test(
  'the same image that is beamed twice at once becomes one version, and is listed once',
  async (t) => {
    const sampler = await newSampler(t)
    const { record, zip } = newImage(t)
    await Promise.all([beam(sampler.url, record, zip), beam(sampler.url, record, zip)])
    await until(() => sampler.said().match(/Took Ants@/g)?.length === 2, LIMIT_MS)
    assert.is((await bottles(sampler.url)).length, 1)
    await until(() => sampler.spooled().length === 0)
  },
  { limitMs: 120_000 },
)

test(
  '50 images that are asked at once all become versions, each once',
  async (t) => {
    const sampler = await newSampler(t)
    const { path, zip } = newImage(t, { sizeBytes: 120_000 })
    const records = Array.from({ length: 50 }, (_, at) => ({
      host: 'elsewhere',
      path: `${path}/${at}`,
      name: 'Ants',
      imageId: String(at).padStart(40, '0'),
    }))
    const taps = await Promise.all(
      records.map((record) => {
        return WaitingTap.start(sampler.url, record, () => void beam(sampler.url, nextOf(record), zip))
      }),
    )
    t.after(() => {
      for (const tap of taps) tap.stop()
    })
    const bodies = records.map(({ host, path: at, name }) => JSON.stringify([host, at, name]))
    const requests = [...bodies, ...bodies].map((body) => async () => {
      for (;;) {
        const { text } = await ask(sampler.url, '/upload', { method: 'POST', body })
        if (text === 'OK') return
      }
    })
    // All are connected once each was found once; asking twice makes no second snapshot before the first has begun.
    await Promise.all(requests.slice(0, 50).map((request) => request()))
    await until(() => (sampler.said().match(/Took Ants@/g)?.length ?? 0) >= 50, 150_000)
    assert.is((await bottles(sampler.url)).length, 50)
    assert.ok(taps.every((tap) => tap.requests.length === 1))
    await until(() => sampler.spooled().length === 0)
  },
  { limitMs: 200_000 },
)

test(
  'transfers that come at once never take the room that has to stay free: those that do not fit are refused, and leave nothing',
  async (t) => {
    const disk = smallDisk(t, 1024 + 120)
    const home = newFolder(t)
    const stock = join(disk, 'stock')
    const sampler = await newSampler(t, home, { stock })
    const { record, zip } = newImage(t)
    const sockets = await Promise.all(
      Array.from({ length: 5 }, async (_, at) => {
        const { socket } = await upgrade(sampler.url)
        socket.resume()
        socket.write(recordFrame({ ...record, imageId: String(at).repeat(40), action: 'beam' }))
        socket.write(frameHead(80 * MB, { opcode: 2 }).bytes)
        socket.write(Buffer.alloc(1000))
        return socket
      }),
    )
    await until(() => sampler.said().match(/There is no room/g)?.length === 4, LIMIT_MS)
    const handing = await HandingTap.start(sampler.url, { ...record, host: thisHost })
    assert.is((await handing.next())?.error, 'DiskFull')
    for (const socket of sockets) socket.destroy()
    await until(() => sampler.said().match(/came to nothing/g)?.length === 6, LIMIT_MS)
    await beam(sampler.url, record, zip)
    await until(() => sampler.said().includes('Took Ants@0.0.1'), LIMIT_MS)
    assert.equal((await good(t, home, 'check')).findings, [])
  },
  { skip: NO_SMALL_DISK, limitMs: 120_000 },
)
