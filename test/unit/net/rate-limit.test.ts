import * as assert from 'uvu/assert'
import { RateLimit } from '../../../src/net/rate-limit.ts'
import { test } from '../../harness.ts'

test('without a limit nobody waits, and of several limits the lowest counts', async (t) => {
  const limit = new RateLimit()
  assert.not(limit.isSet)
  await limit.take(Number.MAX_SAFE_INTEGER, t.signal)
  const [slow, fast] = [limit.set(100_000), limit.set(1_000_000)]
  const beganMs = performance.now()
  for (let taken = 0; taken < 5; taken++) await limit.take(10_000, t.signal)
  assert.ok(performance.now() - beganMs >= 390, 'four turns of a tenth of a second came before the fifth')
  slow()
  fast()
  assert.not(limit.isSet)
})

test('whoever waits for a turn stops waiting when it is told to', async () => {
  const limit = new RateLimit()
  const end = limit.set(1)
  const stop = new AbortController()
  await limit.take(1_000_000, stop.signal)
  const waiting = limit.take(1, stop.signal)
  stop.abort(new Error('enough'))
  const error = await waiting.then(
    () => undefined,
    (reason: Error) => reason,
  )
  assert.ok(error !== undefined)
  end()
})
