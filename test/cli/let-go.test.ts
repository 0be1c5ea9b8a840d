import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { test } from '../harness.ts'
import { good, treeOf } from './process.ts'
import { scene } from './scene.ts'

test('what was forgotten and is pushed again is a new version, which outlives gc', async (t) => {
  const { folder, home, ants } = scene(t)
  await good(t, home, 'push', ants)
  await good(t, home, 'forget', 'Ants')
  const again = await good(t, home, 'push', ants)
  assert.is(again.outcome, 'pushed')
  assert.is(again.version, '0.0.2')
  await good(t, home, 'gc')
  await good(t, home, '--offline', 'pull', 'Ants', join(folder, 'back'))
  assert.equal(treeOf(join(folder, 'back')), treeOf(ants))
})

test('what was unpinned and is pushed again without a change is kept from then on', async (t) => {
  const { folder, home, ants } = scene(t)
  await good(t, home, 'push', ants)
  await good(t, home, 'unpin', 'Ants', '--force')
  const again = await good(t, home, 'push', ants)
  assert.is(again.outcome, 'unchanged')
  assert.is(again.version, '0.0.1')
  await good(t, home, 'gc')
  await good(t, home, '--offline', 'pull', 'Ants', join(folder, 'back'))
  assert.equal(treeOf(join(folder, 'back')), treeOf(ants))
})
