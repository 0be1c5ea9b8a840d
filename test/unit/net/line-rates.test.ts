import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { cidOf, RAW_CODEC } from '../../../src/glas/hash.ts'
import type { BlockFetch, FetchedBlock } from '../../../src/net/fetch-blocks.ts'
import { LineRates } from '../../../src/net/line-rates.ts'
import { test } from '../../harness.ts'

const [fast, slow] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
const BLOCK_BYTES = 300_000
const cid = cidOf(RAW_CODEC, Buffer.from('a'))

/** Blocks that come one after another, so many ms apart. */
function fetchOf(count: number, everyMs: number): BlockFetch {
  const bytes = new Uint8Array(BLOCK_BYTES)
  return {
    receivedBytes: 0,
    async *[Symbol.asyncIterator](): AsyncGenerator<FetchedBlock> {
      for (let at = 0; at < count; at++) {
        await sleep(everyMs)
        yield { cid, status: 'found', codec: 'raw', rawLength: BLOCK_BYTES, bytes }
      }
    },
    reportBad: () => {
      throw new Error('nothing is bad')
    },
  }
}

test('what blocks took to come is the rate of the line to that peer, in bytes a second', async () => {
  const rates = new LineRates()
  assert.is(rates.of(slow), 0)
  const began = performance.now()
  assert.is((await Array.fromAsync(rates.measured(slow, fetchOf(4, 50)))).length, 4)
  const atLeast = (3 * BLOCK_BYTES * 1000) / (performance.now() - began)
  assert.ok(rates.of(slow) >= atLeast && rates.of(slow) < (3 * BLOCK_BYTES * 1000) / 140, String(rates.of(slow)))
  assert.is(rates.of(fast), 0)
})

test('a few blocks say nothing of a line, and a fetch that is given up says what it saw', async () => {
  const rates = new LineRates()
  await Array.fromAsync(rates.measured(fast, fetchOf(2, 1)))
  assert.is(rates.of(fast), 0)
  let seen = 0
  for await (const _ of rates.measured(fast, fetchOf(100, 1))) if (++seen === 5) break
  assert.ok(rates.of(fast) > 0)
})
