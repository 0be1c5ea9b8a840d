import { join } from 'node:path'
import { imageDirectory } from '../gen/directory.ts'
import type { TestContext } from '../harness.ts'
import { newFolder } from '../home-peer.ts'

/** A folder with a home that is not there yet, and an image directory `ants`. */
export function scene(t: TestContext, options: { seed?: number; sizeBytes?: number } = {}) {
  const folder = newFolder(t)
  const image = imageDirectory(join(folder, 'ants'), { seed: 1, sizeBytes: 400_000, name: 'Ants', ...options })
  return { folder, home: join(folder, 'home'), ants: image.path, imageFile: join(image.path, 'Ants.image') }
}
