import { randomBytes } from 'node:crypto'
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { bad, good } from '../cli/process.ts'
import { NO_SMALL_DISK, smallDisk } from '../disk/small-disk.ts'
import { imageDirectory } from '../gen/directory.ts'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'

test(
  'a push to a disk that gets full fails as such; what was pushed before is whole, and the next one goes on',
  async (t) => {
    const home = newFolder(t)
    await good(t, home, 'config', 'stock', join(smallDisk(t, 24), 'stock'))
    const { path } = imageDirectory(join(newFolder(t), 'Ants'), { seed: 1, sizeBytes: 400_000, name: 'Ants' })
    await good(t, home, 'push', path)
    writeFileSync(join(path, 'results.bin'), randomBytes(30_000_000))
    const full = await bad(t, home, 'push', path)
    assert.equal([full.code, full.exit], ['DiskFull', 7])
    assert.equal((await good(t, home, 'check')).findings, [])
    const back = await good(t, home, 'pull', 'Ants@0.0.1', join(newFolder(t), 'back'))
    assert.ok(readFileSync(join(back.directory, 'Ants.image')).equals(readFileSync(join(path, 'Ants.image'))))
    rmSync(join(path, 'results.bin'))
    appendFileSync(join(path, 'Ants.changes'), '"more"!')
    await good(t, home, 'gc')
    assert.is((await good(t, home, 'push', path)).version, '0.0.2')
    assert.equal((await good(t, home, 'check')).findings, [])
  },
  { skip: NO_SMALL_DISK, limitMs: 120_000 },
)
