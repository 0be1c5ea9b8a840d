import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { test } from '../harness.ts'
import { openHomeHere, plainPush } from '../home-parts.ts'
import { bad, good } from './process.ts'
import { scene } from './scene.ts'

test('a policy says why each version stays or goes, and then lets go exactly those', async (t) => {
  const { home, ants } = scene(t)
  const here = await openHomeHere(t, home)
  for (let at = 1; at <= 5; at++) {
    appendFileSync(join(ants, 'Ants.changes'), `"work ${at}"!`)
    await here.call('push', plainPush(ants), here.options)
  }
  await here.call('pin', { reference: 'Ants@0.0.2' }, here.options)
  await here.close()
  await good(t, home, 'tag', 'Ants@0.0.1', 'paper')
  const policy = ['forget', '--policy', '--keep-last', '1', '--keep-tag', 'paper']
  const dry = await good(t, home, ...policy, '--dry-run')
  const [glas] = dry.glases
  const decisions = glas.versions.map(({ version, stays, reasons }: Record<string, unknown>) => [
    version,
    stays,
    reasons,
  ])
  assert.equal(decisions, [
    ['0.0.5', true, ['last']],
    ['0.0.4', false, []],
    ['0.0.3', false, []],
    ['0.0.2', true, ['pinned by hand']],
    ['0.0.1', true, ['tag paper']],
  ])
  const before = (await good(t, home, 'log', 'Ants')).versions
  assert.ok(before.every(({ retracted, here: isHere }: Record<string, boolean>) => !retracted && isHere))
  assert.equal((await good(t, home, ...policy)).glases, dry.glases)
  const after = (await good(t, home, 'log', 'Ants')).versions
  const gone = after.filter(({ retracted }: { retracted: boolean }) => retracted)
  assert.equal(
    gone.map(({ version, here: isHere }: Record<string, unknown>) => [version, isHere]),
    [
      ['0.0.4', false],
      ['0.0.3', false],
    ],
  )
  assert.ok((await good(t, home, 'gc')).removedBlocks > 0)
  assert.equal((await good(t, home, 'check')).findings, [])
  assert.equal((await good(t, home, ...policy)).glases[0].versions.length, 3)
})

test('a policy here alone retracts nothing, and options that make no sense are refused', async (t) => {
  const { home, ants } = scene(t)
  for (let at = 1; at <= 2; at++) {
    appendFileSync(join(ants, 'Ants.changes'), `"work ${at}"!`)
    await good(t, home, 'push', ants)
  }
  await good(t, home, 'forget', 'Ants', '--policy', '--keep-last', '1', '--here')
  const { versions } = await good(t, home, 'log', 'Ants')
  assert.equal(
    versions.map(({ here, retracted }: Record<string, boolean>) => [here, retracted]),
    [
      [true, false],
      [false, false],
    ],
  )
  const wrong = [
    ['forget'],
    ['forget', 'Ants', '--keep-last', '1'],
    ['forget', 'Ants', '--dry-run'],
    ['forget', '--policy'],
    ['forget', '--policy', '--keep-last', '0'],
    ['forget', '--policy', '--keep-last', 'all'],
    ['forget', '--policy', '--keep-tag', 'latest'],
  ]
  for (const args of wrong) assert.is((await bad(t, home, ...args)).code, 'BadUsage', args.join(' '))
})
