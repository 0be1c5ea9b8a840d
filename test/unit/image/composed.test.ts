import { utimesSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { readImage } from '../../../src/image/read-image.ts'
import { describeImage } from '../../../src/spur/header.ts'
import { test } from '../../harness.ts'
import { collect, type Files, failure, scanOf, temporaryDirectory, writeFiles } from './fixture.ts'

const header = (dataSize: number) =>
  `SpurImageHeaderStruct {\n\t#dataSize : ${dataSize},\n\t#imageFormat : 68021,\n\t#imageVersion : 130\n}\n`
const metadata = (dataSize: number) =>
  `ComposedMetadataStruct {\n\t#startAddress : 4096,\n\t#dataSize : ${dataSize}\n}\n`

const WHOLE: Files = {
  'header.ston': header(40),
  'seg0.ston': metadata(16),
  'seg0.data': 'x'.repeat(16),
  'seg1.ston': metadata(16),
  'seg1.data': 'y'.repeat(16),
  'permSpace.ston': metadata(8),
  'permSpace.data': 'z'.repeat(8),
}

/** Reads `Sim.image/` made of `files`, all of them an hour old, and gives the format and what was read. */
async function read(directory: string, files: Files) {
  writeFiles(join(directory, 'Sim.image'), files)
  const hourAgo = Date.now() / 1000 - 3600
  for (const name of Object.keys(files)) utimesSync(join(directory, 'Sim.image', name), hourAgo, hourAgo)
  const bytes = new Map<string, string>()
  const format = await readImage(await scanOf(directory), describeImage, async ({ path }, { chunks }) => {
    bytes.set(path, Buffer.concat(await collect(chunks)).toString())
  })
  return { format, bytes }
}

test('an image in the composed format is read with all its parts, and its format is known', async (t) => {
  const { format, bytes } = await read(temporaryDirectory(t), WHOLE)
  assert.equal(format, { number: 68021, wordSizeBytes: 8, imageVersion: 130 })
  assert.is(bytes.get('Sim.image/seg1.data'), 'y'.repeat(16))
  assert.is(bytes.size, Object.keys(WHOLE).length)
})

test('a part that is missing, too short or not readable makes it BadImage', async (t) => {
  const { 'seg1.ston': _meta, 'seg1.data': _data, ...oneSegment } = WHOLE
  const { 'seg0.data': _first, ...noData } = WHOLE
  const broken = [
    oneSegment,
    noData,
    { ...WHOLE, 'seg1.data': 'y' },
    { ...WHOLE, 'header.ston': 'SpurImageHeaderStruct {' },
    { ...WHOLE, 'header.ston': 'SpurImageHeaderStruct { #dataSize : -1 }' },
    { ...WHOLE, 'seg0.ston': `[${'['.repeat(70_000)}` },
  ]
  for (const files of broken) {
    const directory = temporaryDirectory(t)
    const error = await failure('BadImage', () => read(directory, files))
    assert.match(error.message, 'not complete')
  }
})
