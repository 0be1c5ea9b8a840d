import * as assert from 'uvu/assert'
import { paceOf } from '../../../src/beam/pace.ts'
import { test } from '../../harness.ts'

async function* chunks(count: number, sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at++) yield new Uint8Array(sizeBytes)
}

async function countOf(paced: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0
  for await (const chunk of paced) bytes += chunk.byteLength
  return bytes
}

test('what is read at a pace takes at least so long, all files together, and comes whole', async (t) => {
  const pace = paceOf(1_000_000, t.signal)
  const began = performance.now()
  const counts = await Promise.all([countOf(pace(chunks(10, 20_000))), countOf(pace(chunks(10, 20_000)))])
  // The last chunk is let through before its time is over.
  assert.ok(performance.now() - began >= 370)
  assert.equal(counts, [200_000, 200_000])
})

test('without a pace nothing is waited for, and a wait ends when it is stopped', async (t) => {
  const source = chunks(3, 10)
  assert.is(paceOf(0, t.signal)(source), source)
  const stopped = new AbortController()
  const slow = countOf(paceOf(1, stopped.signal)(chunks(3, 1_000_000)))
  stopped.abort()
  await slow.then(
    () => assert.unreachable(),
    (error: Error) => assert.is(error.name, 'AbortError'),
  )
})
