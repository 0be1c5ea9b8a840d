import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { locateImage } from '../../../src/image/locate.ts'
import { test } from '../../harness.ts'
import { failure, imageDirectory, temporaryDirectory, tinyImage, writeFiles } from './fixture.ts'

test('a directory with one image is that image', async (t) => {
  const directory = imageDirectory(t)
  assert.equal(await locateImage(directory), { directory, imageFile: 'Sim.image', imageName: 'Sim', composed: false })
})

test('the path of an image means that image, also beside others', async (t) => {
  const directory = imageDirectory(t, { 'Other.image': tinyImage() })
  assert.is((await locateImage(join(directory, 'Other.image'))).imageName, 'Other')
})

test('several images in one directory: the error names them all and asks for one', async (t) => {
  const directory = imageDirectory(t, { 'Other.image': tinyImage() })
  const error = await failure('BadUsage', () => locateImage(directory))
  assert.equal(error.data.candidates, ['Other.image', 'Sim.image'])
  assert.match(error.message, 'Other.image, Sim.image')
})

test('no image, no such path, a file of another name, a hidden .image: NotAnImage', async (t) => {
  const directory = temporaryDirectory(t)
  writeFiles(directory, { 'notes.txt': 'x', '.image': 'x', 'plain.image/': '' })
  for (const path of ['', 'missing', 'missing.image', 'notes.txt', '.image']) {
    await failure('NotAnImage', () => locateImage(join(directory, path)))
  }
})

test('a link called .image does not count beside the image it points to, and is refused by name', async (t) => {
  const directory = imageDirectory(t)
  symlinkSync('Sim.image', join(directory, 'Latest.image'))
  assert.is((await locateImage(directory)).imageName, 'Sim')
  const error = await failure('NotAnImage', () => locateImage(join(directory, 'Latest.image')))
  assert.match(error.message, 'symbolic link')
})

test('a directory in the composed format is an image; an ordinary directory of such a name is looked into', async (t) => {
  const directory = temporaryDirectory(t)
  writeFiles(directory, { 'Sim.image/header.ston': 'x', 'Folder.image/Inner.image': tinyImage() })
  assert.equal(await locateImage(directory), { directory, imageFile: 'Sim.image', imageName: 'Sim', composed: true })
  assert.is((await locateImage(join(directory, 'Sim.image'))).composed, true)
  assert.is((await locateImage(join(directory, 'Folder.image'))).imageName, 'Inner')
})
