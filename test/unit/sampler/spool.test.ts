import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Spool } from '../../../src/sampler/spool.ts'
import { NO_SMALL_DISK, smallDisk } from '../../disk/small-disk.ts'
import { test } from '../../harness.ts'
import { newFolder } from '../../home-peer.ts'
import { codeOf } from '../../loopback.ts'

const MIB = 1024 * 1024

test(
  'transfers at the same time never hope for the same room, and leave free what has to stay free',
  async (t) => {
    const folder = join(smallDisk(t, 8), 'spool')
    const spool = await Spool.open(folder, MIB)
    const [one, two] = [await spool.place(), await spool.place()]
    await one.reserve(4 * MIB)
    assert.is(await codeOf(two.reserve(4 * MIB)), 'DiskFull')
    await two.release()
    await one.release()
    const three = await spool.place()
    await three.reserve(4 * MIB)
    await three.release()
    assert.equal(readdirSync(folder), [])
  },
  { skip: NO_SMALL_DISK },
)

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
    const folder = smallDisk(t, 8)
    const spool = await Spool.open(join(folder, 'spool'), MIB)
    const place = await spool.place()
    assert.is(await codeOf(place.reserve(20 * MIB)), 'DiskFull')
    await place.release()
    const next = await spool.place()
    await next.reserve(2 * MIB)
    await next.release()
  },
  { skip: NO_SMALL_DISK },
)
