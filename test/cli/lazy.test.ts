import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import * as assert from 'uvu/assert'
import { imageDirectory } from '../gen/directory.ts'
import { test } from '../harness.ts'

const main = resolve(import.meta.dirname, '../../src/cli/main.ts')
const hook = join(import.meta.dirname, 'refuse-network.ts')

/** Some twenty processes, one after the other. */
const LIMIT = { limitMs: 300_000 }

test(
  'verbs that need no network never load libp2p or helia',
  (t) => {
    const work = mkdtempSync(join(tmpdir(), 'pintglas-lazy-'))
    t.after(() => rmSync(work, { recursive: true }))
    const { path } = imageDirectory(join(work, 'Ants'), { seed: 1, sizeBytes: 300_000 })
    const verbs = [
      ['--version'],
      ['ls'],
      ['id'],
      ['push', path],
      ['log', 'Ants'],
      ['show', 'Ants', '--files'],
      ['tag', 'Ants', 'good'],
      ['note', 'Ants', 'a note'],
      ['find', 'note'],
      ['members'],
      ['grant'],
      ['follow'],
      ['config'],
      ['check'],
      ['gc'],
      ['repack'],
      ['--offline', 'pull', 'Ants@good', join(work, 'back')],
      ['forget', 'Ants'],
    ]
    for (const verb of verbs) {
      const env = { ...process.env, PINTGLAS_HOME: join(work, 'home'), XDG_RUNTIME_DIR: '' }
      const { status, stderr } = spawnSync(process.execPath, ['--import', hook, main, ...verb], {
        env,
        encoding: 'utf8',
      })
      assert.is(status, 0, `pintglas ${verb.join(' ')}: ${stderr}`)
    }
  },
  LIMIT,
)

test('the hook of this test does notice the network', (t) => {
  const work = mkdtempSync(join(tmpdir(), 'pintglas-lazy-'))
  t.after(() => rmSync(work, { recursive: true }))
  const env = { ...process.env, PINTGLAS_HOME: join(work, 'home'), XDG_RUNTIME_DIR: '' }
  const { status, stderr } = spawnSync(process.execPath, ['--import', hook, main, 'peers'], { env, encoding: 'utf8' })
  assert.is(status, 7)
  assert.match(stderr, /loads /)
})
