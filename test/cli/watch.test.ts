import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { imageDirectory, nextSnapshot } from '../gen/directory.ts'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { until } from '../loopback.ts'
import { good, start } from './process.ts'

const PUSH_LIMIT_MS = 20_000

test('a watched directory is pushed at once and after each save, and not for anything else', async (t) => {
  const home = newFolder(t)
  const folder = newFolder(t)
  const image = imageDirectory(join(folder, 'Ants'), { seed: 1, sizeBytes: 500_000, name: 'Ants' })
  const { child, done } = start(t, home, ['watch', image.path])
  let printed = ''
  child.stdout?.on('data', (text: string) => {
    printed += text
  })
  const versions = () => [...printed.matchAll(/"version":"([\d.]+)"/g)].map(([, version]) => version)
  await until(() => versions().length === 1, PUSH_LIMIT_MS)
  writeFileSync(join(image.path, 'notes.txt'), 'no save')
  cpSync(image.path, join(folder, 'copy'), { recursive: true })
  nextSnapshot(image, { seed: 2, changesBytes: 1000 })
  await until(() => versions().length === 2, PUSH_LIMIT_MS)
  assert.equal(versions(), ['0.0.1', '0.0.2'])
  child.kill('SIGINT')
  assert.is((await done).exit, 130)
  assert.is((await good(t, home, 'log', 'Ants')).versions.length, 2)
})
