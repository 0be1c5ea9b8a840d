import * as assert from 'uvu/assert'
import { Allowance } from '../../../src/net/allowance.ts'
import { test } from '../../harness.ts'
import { until } from '../../loopback.ts'

const peer = (i: number) => new Uint8Array(32).fill(i)

test('a minute’s worth can be used at once; more waits, and other peers do not', async (t) => {
  const allowance = new Allowance(60_000)
  await allowance.take(peer(1), 60_000, t.signal)
  let isPaidOff = false
  const more = allowance.take(peer(1), 1_000, t.signal).then(() => {
    isPaidOff = true
  })
  await allowance.take(peer(2), 60_000, t.signal)
  assert.not.ok(isPaidOff, 'a second’s worth more takes a second')
  await more
})

test('whoever waits is let go when its stream ends', async () => {
  const allowance = new Allowance(1)
  const controller = new AbortController()
  let ended = false
  const waiting = allowance.take(peer(1), 1000, controller.signal).catch(() => {
    ended = true
  })
  controller.abort()
  await waiting
  await until(() => ended)
})

test('where nothing is left there is nothing to take; a large piece of work is begun with a little left', () => {
  const allowance = new Allowance(1000)
  assert.is(allowance.tryTake(peer(1), 900), true)
  assert.is(allowance.tryTake(peer(1), 5000), true)
  assert.is(allowance.tryTake(peer(1), 1), false)
  assert.is(allowance.tryTake(peer(2), 1), true)
})
