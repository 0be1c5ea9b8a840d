import { setTimeout as sleep } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import { cidOf, RAW_CODEC } from '../../../src/glas/hash.ts'
import { type PublicNode, PublicSource } from '../../../src/net/public-source.ts'
import { test } from '../../harness.ts'
import { codeOf } from '../../loopback.ts'

const PACE = { tries: 3, timeoutMs: 40, pauseMs: 1 }
const block = Buffer.from('a public block')
const cid = cidOf(RAW_CODEC, block)

/** Answers as `answers` says, in turn and then always as the last: with the block, or never. */
class LossyNode implements PublicNode {
  asked = 0
  connections = 1
  readonly #answers: boolean[]

  constructor(answers: boolean[]) {
    this.#answers = answers
  }

  async fetchPublic(_cid: CID, { signal }: { signal: AbortSignal }): Promise<Uint8Array> {
    const answer = this.#answers[Math.min(this.asked++, this.#answers.length - 1)]
    if (answer) return block
    return await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  }

  async reconnect(): Promise<void> {
    this.connections++
    await sleep(1)
  }

  close(): void {
    this.connections--
  }
}

const never = new AbortController().signal

test('a block whose want was lost comes at the next try, over a new connection', async () => {
  const node = new LossyNode([false, true])
  const source = new PublicSource(node, PACE)
  assert.is(await source.block(cid, { signal: never }), block)
  assert.is(node.asked, 2)
  assert.is(node.connections, 2)
})

test('a block that nobody sends is given up by name after a bounded number of tries', async () => {
  const node = new LossyNode([false])
  assert.is(await codeOf(new PublicSource(node, PACE).block(cid, { signal: never })), 'NoProviders')
  assert.is(node.asked, PACE.tries)
})

test('a source that went silent is given up for all blocks together, not for one after the other', async () => {
  const node = new LossyNode([true, false])
  const source = new PublicSource(node, PACE)
  await source.block(cid, { signal: never })
  const codes = await Promise.all(Array.from({ length: 16 }, () => codeOf(source.block(cid, { signal: never }))))
  assert.equal(new Set(codes), new Set(['NoProviders']))
  assert.ok(node.connections <= PACE.tries)
})

test('many that wait for lost blocks make one new connection together', async () => {
  const node = new LossyNode([false, false, false, false, true])
  const source = new PublicSource(node, PACE)
  await Promise.all(Array.from({ length: 4 }, () => source.block(cid, { signal: never })))
  assert.is(node.connections, 2)
})

test('fewer blocks are in flight after losses, never none, and more again when they come, up to a limit', async () => {
  const lossy = new PublicSource(new LossyNode([false]), { ...PACE, timeoutMs: 1, tries: 5 })
  const atFirst = lossy.width
  await codeOf(lossy.block(cid, { signal: never }))
  assert.is(lossy.width, 1)
  const good = new PublicSource(new LossyNode([true]), PACE)
  for (let n = 0; n < 1000; n++) await good.block(cid, { signal: never })
  assert.ok(good.width > atFirst)
  assert.ok(good.width < 32)
})

test('never more wants are in flight than the width, also of those that are tried again', async () => {
  let inFlight = 0
  let atMost = 0
  let asked = 0
  const node = new LossyNode([true])
  const source = new PublicSource(node, { ...PACE, timeoutMs: 20, tries: 100 })
  node.fetchPublic = async (_cid, { signal }) => {
    const isLost = asked++ < 8
    atMost = Math.max(atMost, ++inFlight - source.width)
    await new Promise((resolve) => (isLost ? signal.addEventListener('abort', resolve) : setTimeout(resolve, 1)))
    inFlight--
    signal.throwIfAborted()
    return block
  }
  await Promise.all(Array.from({ length: source.maxWants }, () => source.block(cid, { signal: never })))
  assert.is(atMost, 0)
  assert.is(inFlight, 0)
})

test('a caller that stops is heard at once', async () => {
  const stop = new AbortController()
  const waiting = codeOf(new PublicSource(new LossyNode([false]), { ...PACE, timeoutMs: 60_000 }).block(cid, stop))
  stop.abort()
  assert.is(await waiting, 'Interrupted')
})
