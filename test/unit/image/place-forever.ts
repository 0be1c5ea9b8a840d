/** Run by placing.test.ts, which kills it: replaces one directory by its next generation, over and over. */
import { placeTree } from '../../../src/image/place.ts'
import { sketchedTree } from './fixture.ts'

const [target = ''] = process.argv.slice(2)
const FILES = 20
for (let generation = 1; ; generation++) {
  const files = Array.from({ length: FILES }, (_, at) => ({ path: `d/${at}`, bytes: `${generation}` }))
  const tree = sketchedTree([{ path: 'd' }, ...files])
  await placeTree(tree, target, { replace: generation % 2 === 0 ? 'keep old' : 'delete old' })
  if (generation === 1) process.send?.('started')
}
