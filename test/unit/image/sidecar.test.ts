import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import { newImageId, nextImageId } from '../../../src/glas/image-id.ts'
import { isCopied, readSidecar, writeSidecar } from '../../../src/image/sidecar.ts'
import { test } from '../../harness.ts'
import { failure, temporaryDirectory } from './fixture.ts'

const RECORD = CID.parse('bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')
const sidecar = {
  glasId: '0123456789abcdef0123456789abcdef',
  imageId: newImageId(),
  record: RECORD,
  version: [0, 1, 7],
} as const

test('what is written is read back, with the real path of the directory', async (t) => {
  const directory = temporaryDirectory(t)
  const link = join(temporaryDirectory(t), 'link')
  symlinkSync(directory, link)
  await writeSidecar(link, sidecar)
  const read = await readSidecar(directory)
  assert.is(read?.record.toString(), RECORD.toString())
  assert.equal({ ...read, record: null }, { ...sidecar, record: null, path: await realpath(directory) })
})

test('it is a STON map that Pharo reads, and is replaced as a whole', async (t) => {
  const directory = temporaryDirectory(t)
  await writeSidecar(directory, { ...sidecar, imageId: nextImageId(sidecar.imageId) })
  await writeSidecar(directory, { ...sidecar, version: [1, 0, 0] })
  const text = readFileSync(join(directory, 'pintglas.ston'), 'utf8')
  assert.match(text, /^\{/)
  assert.match(text, `'glas-id' : '${sidecar.glasId}'`)
  assert.match(text, "'version' : '1.0.0'")
})

test('a directory without one has none', async (t) => {
  assert.is(await readSidecar(temporaryDirectory(t)), null)
})

test('a copy of the directory is recognised', async (t) => {
  const directory = join(temporaryDirectory(t), 'original')
  const copy = join(temporaryDirectory(t), 'copy')
  mkdirSync(directory)
  await writeSidecar(directory, sidecar)
  cpSync(directory, copy, { recursive: true })
  const read = await readSidecar(copy)
  assert.ok(read !== null)
  assert.is(await isCopied(directory, read), false)
  assert.is(await isCopied(copy, read), true)
})

test('one that is damaged, or too long, is an error that names the file and says what to do', async (t) => {
  const directory = temporaryDirectory(t)
  const file = join(directory, 'pintglas.ston')
  await writeSidecar(directory, sidecar)
  const good = readFileSync(file, 'utf8')
  const bad = [
    '',
    '{',
    'nil',
    '[]',
    good.replace('glas-id', 'other'),
    good.replace('0.1.7', '0.1'),
    good.replace('bafy', 'x'),
  ]
  for (const text of bad) {
    writeFileSync(file, text)
    const error = await failure('BadSton', () => readSidecar(directory))
    assert.match(error.message, file)
    assert.match(error.message, 'Remove it')
  }
  writeFileSync(file, 'x'.repeat(200_000))
  await failure('LimitExceeded', () => readSidecar(directory))
})
