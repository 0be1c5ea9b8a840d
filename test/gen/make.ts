/**
 * Writes a generated image directory, or with `--snapshots n` a chain of them as `<dir>/v1`, `<dir>/v2`, ...
 * `node test/gen/make.ts <dir> [--seed 1] [--size-mb 5] [--word-size 64|32] [--segments 1] [--name Ants] [--snapshots n]`
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { chainStep } from './chain.ts'
import { copyDirectory, imageDirectory, nextSnapshot } from './directory.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    'size-mb': { type: 'string', default: '5' },
    'sources-mb': { type: 'string' },
    'word-size': { type: 'string', default: '64' },
    segments: { type: 'string', default: '1' },
    name: { type: 'string', default: 'Ants' },
    snapshots: { type: 'string' },
  },
})
const target = positionals[0]
if (target === undefined) throw new Error('say where to: node test/gen/make.ts <dir>')

const MB = 1_000_000
const sizeBytes = Number(values['size-mb']) * MB
const sources = values['sources-mb']
const options = {
  seed: Number(values.seed),
  sizeBytes,
  wordSize: values['word-size'] === '32' ? (4 as const) : (8 as const),
  segments: Number(values.segments),
  name: values.name,
  ...(sources === undefined ? {} : { sourcesBytes: Number(sources) * MB }),
}
const count = values.snapshots === undefined ? 1 : Number(values.snapshots)
let directory = imageDirectory(values.snapshots === undefined ? target : join(target, 'v1'), options)
console.log(`${directory.path}: ${directory.image.bytes.length} bytes, ${directory.image.heap.orderCount} objects`)
for (let at = 1; at < count; at++) {
  const { work, edit } = chainStep(at - 1, sizeBytes)
  directory = nextSnapshot(copyDirectory(directory, join(target, `v${at + 1}`)), edit)
  console.log(`${directory.path}: ${directory.image.bytes.length} bytes (${work})`)
}
