/** Small image directories on the real disk, and trees that exist in memory alone. */
import {
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import { type ErrorCode, GlasError } from '../../../src/glas/errors.ts'
import type { TreeEntry } from '../../../src/image/entry.ts'
import { locateImage } from '../../../src/image/locate.ts'
import type { Tree } from '../../../src/image/place.ts'
import { removeTree } from '../../../src/image/placing.ts'
import { withFile } from '../../../src/image/read.ts'
import { type Scan, scanDirectory } from '../../../src/image/scan.ts'
import type { TestContext } from '../../harness.ts'

export const SPUR_DATA_BYTES = 4096

/** A 64-bit Spur header and as much data as it announces; no VM would start it, but its file is complete. */
export function tinyImage(fill = 0): Buffer {
  const bytes = Buffer.alloc(128 + SPUR_DATA_BYTES, fill)
  bytes.fill(0, 0, 128)
  bytes.writeUInt32LE(68021, 0)
  bytes.writeUInt32LE(128, 4)
  bytes.writeBigUInt64LE(BigInt(SPUR_DATA_BYTES), 8)
  bytes.writeBigUInt64LE(0x10000000000n, 16)
  bytes.writeBigUInt64LE(0x10000000100n, 24)
  bytes.writeUInt16LE(120, 70)
  bytes.writeBigUInt64LE(BigInt(SPUR_DATA_BYTES), 72)
  return bytes
}

export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'pintglas-image-'))
  t.after(() => removeTree(directory))
  return directory
}

export type Files = Record<string, string | Uint8Array>

/** Writes `files`; a path that ends in `/` is an empty directory. */
export function writeFiles(directory: string, files: Files): void {
  for (const [path, content] of Object.entries(files)) {
    const absolute = join(directory, path)
    mkdirSync(path.endsWith('/') ? absolute : dirname(absolute), { recursive: true })
    if (!path.endsWith('/')) writeFileSync(absolute, content)
  }
}

/** Gives everything a time of whole microseconds: Node sets none that are finer, so finer ones cannot be compared. */
export function setPlainTimes(directory: string): void {
  const seconds = 1_700_000_000.123456
  for (const path of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    lutimesSync(join(directory, path), seconds, seconds)
  }
  lutimesSync(directory, seconds, seconds)
}

/** A directory with `Sim.image`, `Sim.changes`, a `.sources` file, and `files` besides. */
export function imageDirectory(t: TestContext, files: Files = {}): string {
  const directory = join(temporaryDirectory(t), 'Sim')
  const usual = { 'Sim.image': tinyImage(), 'Sim.changes': '----QUIT----!', 'Pharo12.0-64bit-abcdef0.sources': 'x' }
  writeFiles(directory, { ...usual, ...files })
  return directory
}

export async function scanOf(path: string): Promise<Scan> {
  return scanDirectory(await locateImage(path))
}

/** Whatever a scan found, as a tree to place: read from the disk again. */
export function treeOf(scan: Scan): Tree {
  const sources = new Map(scan.entries.map((entry) => [entry.path, entry]))
  return {
    async *entries() {
      yield scan.root
      yield* scan.entries
    },
    async *content({ path }) {
      const source = sources.get(path)
      if (source === undefined) throw new Error(`no such file: ${path}`)
      yield await withFile(source, async (file) => Buffer.concat(await collect(file.chunks)))
    },
  }
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

type Sketch = Partial<TreeEntry> & { path: string; bytes?: string }

/** A tree in memory: `bytes` makes a file, `target` a link, neither a directory. Nothing is checked. */
export function sketchedTree(sketches: Sketch[]): Tree {
  const contents = new Map(sketches.map(({ path, bytes }) => [path, Buffer.from(bytes ?? '')]))
  return {
    async *entries() {
      for (const { bytes, ...sketch } of sketches) {
        const kind = bytes !== undefined ? 'file' : sketch.target === undefined ? 'directory' : 'symlink'
        const sizeBytes = Buffer.byteLength(bytes ?? '')
        const mode = kind === 'directory' ? 0o755 : 0o644
        yield { kind, sizeBytes, mode, mtimeSec: 1_700_000_000, mtimeNsec: 0, target: null, ...sketch }
      }
    },
    async *content({ path }) {
      yield contents.get(path) ?? Buffer.alloc(0)
    },
  }
}

/** Everything below `directory` with what a round trip must keep, by path. */
export function listing(directory: string): Map<string, string> {
  const lines = new Map<string, string>()
  const visit = (path: string) => {
    const absolute = join(directory, path)
    const stats = lstatSync(absolute, { bigint: true })
    // Node sets times to a fraction of a microsecond.
    const time = (stats.mtimeNs + 500n) / 1000n
    const mode = (stats.mode & 0o7777n).toString(8)
    if (stats.isSymbolicLink()) lines.set(path, `link ${readlinkSync(absolute)} ${time}`)
    else if (stats.isFile()) lines.set(path, `file ${mode} ${time} ${readFileSync(absolute, 'base64')}`)
    else {
      lines.set(path, `directory ${mode} ${time}`)
      for (const name of readdirSync(absolute)) visit(join(path, name))
    }
  }
  visit('')
  return lines
}

/** The GlasError that `action` ends with; fails when it ends well, or with another code. */
export async function failure(code: ErrorCode, action: () => unknown): Promise<GlasError> {
  try {
    await action()
  } catch (error) {
    if (error instanceof GlasError && error.code === code) return error
    throw error
  }
  return assert.unreachable(`did not fail with ${code}`) as never
}
