import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Spool } from '../../../src/sampler/spool.ts'
import { type TestContext, test } from '../../harness.ts'
import { newFolder } from '../../home-peer.ts'
import { codeOf } from '../../loopback.ts'

const KIB = 1024
const MIB = 1024 * KIB

test('transfers at the same time never hope for the same room, and leave free what has to stay free', async (t) => {
  const folder = newFolder(t)
  const { bavail, bsize } = statfsSync(folder)
  const freeBytes = bavail * bsize
  const spool = await Spool.open(join(folder, 'spool'), freeBytes - 100 * MIB)
  const [one, two] = [await spool.place(), await spool.place()]
  await one.reserve(60 * MIB)
  assert.is(await codeOf(two.reserve(60 * MIB)), 'DiskFull')
  await two.release()
  await one.release()
  const three = await spool.place()
  await three.reserve(60 * MIB)
  await three.release()
  assert.equal(readdirSync(join(folder, 'spool')), [])
})

test('what a killed daemon left is removed at the start', async (t) => {
  const folder = join(newFolder(t), 'spool')
  mkdirSync(join(folder, 'beam-x'), { recursive: true })
  writeFileSync(join(folder, 'beam-x', 'beam.zip'), 'half')
  const spool = await Spool.open(folder)
  assert.equal(readdirSync(folder), [])
  const place = await spool.place()
  assert.ok(existsSync(place.folder))
  await place.release()
  await place.release()
  assert.not.ok(existsSync(place.folder))
})

test(
  'a small disk refuses what does not fit before it is written',
  async (t) => {
    const folder = smallDisk(t)
    const spool = await Spool.open(join(folder, 'spool'), MIB)
    const place = await spool.place()
    assert.is(await codeOf(place.reserve(20 * MIB)), 'DiskFull')
    await place.release()
    const next = await spool.place()
    await next.reserve(2 * MIB)
    await next.release()
  },
  { skip: canMount() ? undefined : 'a small disk needs the right to mount one' },
)

function canMount(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0
}

function smallDisk(t: TestContext): string {
  const folder = newFolder(t)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder])
  t.after(() => execFileSync('umount', [folder]))
  return folder
}
