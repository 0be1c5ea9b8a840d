import { constants, copyFileSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { cloneImage } from '../../../src/image/clone.ts'
import { locateImage } from '../../../src/image/locate.ts'
import { scanDirectory } from '../../../src/image/scan.ts'
import { imageDirectory } from '../../gen/directory.ts'
import { type TestContext, test } from '../../harness.ts'
import { newFolder } from '../../home-peer.ts'

async function scene(t: TestContext) {
  const folder = newFolder(t)
  const { path } = imageDirectory(join(folder, 'ants'), { seed: 1, sizeBytes: 400_000, name: 'Ants' })
  const image = join(path, 'Ants.image')
  utimesSync(image, 1_700_000_000, 1_700_000_000)
  return { folder: newFolder(t), image, scan: await scanDirectory(await locateImage(path)) }
}

function withoutReflinks(): string | undefined {
  const folder = process.env.TMPDIR ?? '/tmp'
  const [from, to] = [join(folder, `pintglas-${process.pid}-a`), join(folder, `pintglas-${process.pid}-b`)]
  try {
    writeFileSync(from, 'x')
    copyFileSync(from, to, constants.COPYFILE_FICLONE_FORCE)
    return undefined
  } catch {
    return 'no file system that shares blocks between files here'
  }
}

test(
  'an image that rests is cloned, and read from the clone with its own times',
  async (t) => {
    const { folder, image, scan } = await scene(t)
    const clone = await cloneImage(scan, folder)
    const [entry] = clone?.scan.entries ?? []
    assert.is(entry?.keepsAttributes, true)
    assert.is(entry?.mtimeSec, 1_700_000_000)
    assert.ok(readFileSync(entry?.absolutePath ?? '').equals(readFileSync(image)))
    writeFileSync(image, 'saved anew')
    assert.is.not(readFileSync(entry?.absolutePath ?? '', 'latin1'), 'saved anew')
    await clone?.remove()
    assert.equal(readdirSync(folder), [])
  },
  { skip: withoutReflinks() },
)

test('an image that may be being saved is not cloned, nor one that cannot be, and nothing is left of trying', async (t) => {
  const { folder, image, scan } = await scene(t)
  assert.is(await cloneImage(scan, '/proc'), undefined)
  utimesSync(image, Date.now() / 1000, Date.now() / 1000)
  assert.is(await cloneImage(scan, folder), undefined)
  assert.equal(readdirSync(folder), [])
})
