import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { MAX_RECONNECTS } from '../../../src/net/limits.ts'
import { Reconnector, type Target } from '../../../src/net/reconnect.ts'
import { type TestContext, test } from '../../harness.ts'
import { until } from '../../loopback.ts'

interface Fake extends Target {
  tries: number[]
  up: boolean
}

/** A target that connects when `works` says so. */
function fake(name: string, works: (tries: number) => boolean): Fake {
  const target: Fake = {
    name,
    up: false,
    tries: [],
    isConnected: () => target.up,
    connect: async () => {
      target.tries.push(performance.now())
      if (!works(target.tries.length)) throw new Error('not now')
      target.up = true
    },
  }
  return target
}

function reconnector(t: TestContext, targets: () => Target[], onFailure = () => {}): Reconnector {
  const made = new Reconnector(targets, { firstRetryMs: 20, lastRetryMs: 200, onFailure })
  t.after(() => made.stop())
  return made
}

test('what is not connected is tried until it is, with pauses that grow', async (t) => {
  const target = fake('a', (tries) => tries === 5)
  let failures = 0
  const connections = reconnector(
    t,
    () => [target],
    () => failures++,
  )
  connections.look()
  await until(() => target.up)
  const pauses = target.tries.slice(1).map((ms, nth) => ms - target.tries[nth]!)
  assert.ok(pauses[3]! > pauses[0]! * 3, pauses.join())
  assert.is(failures, 1)
  await sleep(100)
  assert.is(target.tries.length, 5)
})

test('a look in between does not shorten a pause', async (t) => {
  const target = fake('a', () => false)
  const connections = reconnector(t, () => [target])
  for (let nth = 0; nth < 50; nth++) {
    connections.look()
    await sleep(2)
  }
  assert.ok(target.tries.length < 6, String(target.tries.length))
})

test('a connection that breaks later is tried at once', async (t) => {
  const target = fake('a', () => true)
  const connections = reconnector(t, () => [target])
  connections.look()
  await until(() => target.up)
  target.up = false
  connections.look()
  await until(() => target.up)
  assert.is(target.tries.length, 2)
})

test('only a few are tried at once, and all in the end', async (t) => {
  let most = 0
  let now = 0
  const targets = Array.from({ length: 12 }, (_, nth) => {
    const target = fake(String(nth), () => true)
    const connect = target.connect
    target.connect = async (signal) => {
      most = Math.max(most, ++now)
      await sleep(5)
      await connect(signal)
      now--
    }
    return target
  })
  reconnector(t, () => targets).look()
  await until(() => targets.every(({ up }) => up))
  assert.is(most, MAX_RECONNECTS)
})

test('stopping ends what is under way', async () => {
  const connections = new Reconnector(() => [
    {
      name: 'a',
      isConnected: () => false,
      connect: (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    },
  ])
  connections.look()
  await connections.stop()
})
