import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { test } from '../harness.ts'
import { bad, good, startDaemon } from './process.ts'
import { scene } from './scene.ts'

test('a daemon goes into the background as the very first verb, and makes the home for its user alone', async (t) => {
  const { home } = scene(t)
  const { pid } = await good(t, home, 'daemon', '--detach')
  t.after(() => good(t, home, 'daemon', 'stop').catch(() => {}))
  assert.is((await good(t, home, 'daemon', 'status')).pid, pid)
  assert.is(statSync(home).mode & 0o077, 0)
  assert.is(statSync(join(home, 'daemon.sock')).mode & 0o777, 0o600)
  await good(t, home, 'daemon', 'stop')
  assert.is((await bad(t, home, 'daemon', 'status')).code, 'NotRunning')
})

test('when `daemon stop` returns, the process is gone and another one can have the home at once', async (t) => {
  const { home } = scene(t)
  const child = await startDaemon(t, home)
  let ended = false
  child.once('exit', () => {
    ended = true
  })
  assert.is((await good(t, home, 'daemon', 'stop')).pid, child.pid)
  assert.ok(ended)
  assert.not.ok(existsSync(join(home, 'index', 'lock')))
})
