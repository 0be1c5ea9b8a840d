/** Directories that only a real Kubo has, fetched by `pintglas import`. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { good } from '../cli/process.ts'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { NO_KUBO, newKubo } from '../kubo/kubo.ts'
import { plainTree } from './plain-tree.ts'

const NEEDS_KUBO = { skip: NO_KUBO, limitMs: 400_000 }
/** More blocks of 1 MiB than any window has, and files enough to shard their directory. */
const LARGE_BYTES = 120_000_000
const SMALL_FILES = 3000

/** One large file, thousands of small ones, a link, an empty directory, names that are hard to sort. */
function mixedTree(path: string, largeBytes: number, smallFiles: number): void {
  mkdirSync(join(path, 'small'), { recursive: true })
  mkdirSync(join(path, 'empty'))
  writeFileSync(join(path, 'Ants.image'), randomBytes(largeBytes))
  for (let n = 0; n < smallFiles; n++) {
    writeFileSync(join(path, 'small', `${'a long name to shard the directory '.repeat(3)}${n}.st`), `method ${n}`)
  }
  for (const name of ['Zebra', 'apple', 'Äpfel', '日本', '\u{1f98c}', '\uffee']) writeFileSync(join(path, name), name)
  symlinkSync('Ants.image', join(path, 'latest'))
}

for (const [size, largeBytes, smallFiles] of [
  ['small', 300_000, 10],
  ['large', LARGE_BYTES, SMALL_FILES],
] as const) {
  test(
    `a ${size} directory that only Kubo has comes whole, in blocks of either size`,
    async (t) => {
      const folder = newFolder(t)
      const kubo = await newKubo(t, folder)
      const source = join(folder, 'source')
      mixedTree(source, largeBytes, smallFiles)
      const from = await kubo.address()
      for (const [name, how] of [
        ['defaults', []],
        ['1 MiB', ['--cid-version=1', '--raw-leaves', '--chunker=size-1048576']],
      ] as const) {
        const cid = await kubo.text('add', '--recursive', '--quieter', '--pin=false', ...how, source)
        const target = join(folder, `imported ${name}`)
        const home = join(folder, `home ${name}`)
        const result = await good(t, home, 'import', cid, target, '--from', from)
        assert.is(result.files, smallFiles + 7)
        assert.equal(plainTree(target), plainTree(source))
      }
    },
    NEEDS_KUBO,
  )
}
