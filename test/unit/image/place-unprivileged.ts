/** Run by place.test.ts as a user without special rights: places a tree with closed directories, twice. */
import { join } from 'node:path'
import { placeTree } from '../../../src/image/place.ts'
import { sketchedTree } from './fixture.ts'

const [home = ''] = process.argv.slice(2)
const tree = sketchedTree([
  { path: '', mode: 0o555 },
  { path: 'closed', mode: 0o555 },
  { path: 'closed/inner', mode: 0 },
  { path: 'closed/inner/secret.txt', bytes: 'x', mode: 0 },
  { path: 'closed/Sim.image', bytes: 'image', mode: 0o444 },
])
await placeTree(tree, join(home, 'Sim'))
await placeTree(tree, join(home, 'Sim'), { replace: 'delete old' })
