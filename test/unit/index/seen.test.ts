import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { realFiles } from '../../../src/disk/files.ts'
import { openSeen } from '../../../src/index/seen.ts'
import { temporaryFolder } from '../../disk/fixture.ts'
import { test } from '../../harness.ts'
import { ownWriter, recordOf } from './fixture.ts'

const { glasId } = ownWriter('ann')
const [one, two] = [recordOf('1'), recordOf('2')]

test('a version that is what it was says nothing; a new fork under it, and another meaning, are told', async (t) => {
  const path = join(await temporaryFolder(t), 'seen.json')
  const seen = await openSeen(realFiles, path)
  assert.is(seen.show(glasId, [0, 0, 1], [one]), undefined)
  assert.is(seen.show(glasId, [0, 0, 1], [one]), undefined)
  await seen.save()
  const later = await openSeen(realFiles, path)
  assert.equal(later.show(glasId, [0, 0, 1], [one, two]), {
    glasId,
    version: [0, 0, 1],
    before: one,
    now: one,
    fresh: [two],
  })
  assert.is(later.show(glasId, [0, 0, 1], [one, two]), undefined)
  assert.equal(later.show(glasId, [0, 0, 1], [two])?.now, two, 'the first one was retracted')
  assert.is(later.show(glasId, [0, 0, 2], [two]), undefined)
})

test('a file that cannot be read loses warnings, no more', async (t) => {
  const path = join(await temporaryFolder(t), 'seen.json')
  for (const text of ['', '{', '{"format":1,"seen":{"x":[1]}}', '{"format":1,"seen":{"x":["no cid"]}}', 'null']) {
    await writeFile(path, text)
    const seen = await openSeen(realFiles, path)
    assert.is(seen.show(glasId, [0, 0, 1], [one]), undefined)
  }
})

test('what was seen longest ago is forgotten before it fills the memory', async (t) => {
  const seen = await openSeen(realFiles, join(await temporaryFolder(t), 'seen.json'))
  for (let n = 0; n <= 20_000; n++) seen.show(glasId, [0, 0, n], [one])
  assert.is(seen.show(glasId, [0, 0, 0], [two]), undefined, 'forgotten')
  assert.ok(seen.show(glasId, [0, 0, 20_000], [two]), 'still known')
})
