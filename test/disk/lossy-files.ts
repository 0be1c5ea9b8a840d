/**
 * A file system in memory that forgets like a real one at a power failure: of the bytes that were not synced any
 * part may be there, torn at sector bounds or followed by zeros; of the names that were made, moved or removed since
 * the directory was synced any subset may be. Everything that was synced stays.
 */
import { basename, dirname } from 'node:path'
import type { DiskFile, FileLayer, FileStat, OpenMode } from '../../src/disk/files.ts'

const SECTOR_BYTES = 512

interface Write {
  offset: number
  bytes: Uint8Array
}

class Inode {
  live: Uint8Array
  synced: Uint8Array
  unsynced: Array<Write | { truncate: number }> = []
  modifiedMs = 0

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.live = bytes
    this.synced = bytes.slice()
  }
}

type NameChange = Array<[name: string, inode: Inode | Directory | undefined]>

class Directory {
  live = new Map<string, Inode | Directory>()
  synced = new Map<string, Inode | Directory>()
  unsynced: NameChange[] = []

  change(change: NameChange): void {
    apply(this.live, change)
    this.unsynced.push(change)
  }
}

function apply(names: Map<string, Inode | Directory>, change: NameChange): void {
  for (const [name, inode] of change) {
    if (inode === undefined) names.delete(name)
    else names.set(name, inode)
  }
}

export class PowerOff extends Error {
  constructor() {
    super('the power is off')
  }
}

/** Numbers in [0, 1), the same ones for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

export class LossyFiles implements FileLayer {
  #root: Directory
  #off = false
  /** Operations done so far. */
  steps = 0
  /** The power fails at this operation. */
  failAtStep = Number.POSITIVE_INFINITY
  #clockMs = 1_700_000_000_000

  constructor(root: Directory = new Directory()) {
    this.#root = root
  }

  /** What is there when the power comes back. This layer is dead from now on. */
  powerFailure(random: () => number): LossyFiles {
    this.#off = true
    const survivors = new Map<Inode, Inode>()
    return new LossyFiles(surviveDirectory(this.#root, random, survivors))
  }

  step(): void {
    if (this.#off || ++this.steps >= this.failAtStep) {
      this.#off = true
      throw new PowerOff()
    }
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    this.step()
    const directory = this.#directory(dirname(path))
    const found = directory.live.get(basename(path))
    if (found instanceof Directory) throw errno('EISDIR', path)
    if (mode === 'create') {
      if (found !== undefined) throw errno('EEXIST', path)
      const inode = new Inode()
      inode.modifiedMs = this.#clockMs++
      directory.change([[basename(path), inode]])
      return new LossyFile(this, inode)
    }
    if (found === undefined) throw errno('ENOENT', path)
    return new LossyFile(this, found)
  }

  async rename(from: string, to: string): Promise<void> {
    this.step()
    if (dirname(from) !== dirname(to)) throw new Error('renames stay within a directory here')
    const inode = this.#entry(from)
    this.#directory(dirname(from)).change([
      [basename(from), undefined],
      [basename(to), inode],
    ])
  }

  async link(existing: string, path: string): Promise<void> {
    this.step()
    const inode = this.#entry(existing)
    const directory = this.#directory(dirname(path))
    if (directory.live.has(basename(path))) throw errno('EEXIST', path)
    directory.change([[basename(path), inode]])
  }

  async unlink(path: string): Promise<void> {
    this.step()
    this.#entry(path)
    this.#directory(dirname(path)).change([[basename(path), undefined]])
  }

  async makeDirectory(path: string): Promise<void> {
    this.step()
    const parent = this.#directory(dirname(path))
    if (parent.live.has(basename(path))) throw errno('EEXIST', path)
    parent.change([[basename(path), new Directory()]])
  }

  async list(path: string): Promise<string[]> {
    this.step()
    return [...this.#directory(path).live.keys()]
  }

  async stat(path: string): Promise<FileStat | undefined> {
    this.step()
    try {
      const found = path === '/' ? this.#root : this.#entry(path)
      return found instanceof Directory
        ? { sizeBytes: 0, modifiedMs: 0 }
        : { sizeBytes: found.live.length, modifiedMs: found.modifiedMs }
    } catch {
      return undefined
    }
  }

  async syncDirectory(path: string): Promise<void> {
    this.step()
    const directory = this.#directory(path)
    directory.synced = new Map(directory.live)
    directory.unsynced = []
  }

  tick(): number {
    return this.#clockMs++
  }

  #directory(path: string): Directory {
    let directory = this.#root
    for (const part of path.split('/').filter((part) => part !== '')) {
      const next = directory.live.get(part)
      if (!(next instanceof Directory)) throw errno('ENOENT', path)
      directory = next
    }
    return directory
  }

  #entry(path: string): Inode | Directory {
    const found = this.#directory(dirname(path)).live.get(basename(path))
    if (found === undefined) throw errno('ENOENT', path)
    return found
  }
}

class LossyFile implements DiskFile {
  readonly #layer: LossyFiles
  readonly #inode: Inode

  constructor(layer: LossyFiles, inode: Inode) {
    this.#layer = layer
    this.#inode = inode
  }

  async read(into: Uint8Array, offsetBytes: number): Promise<number> {
    this.#layer.step()
    const part = this.#inode.live.subarray(offsetBytes, offsetBytes + into.length)
    into.set(part)
    return part.length
  }

  async write(pieces: readonly Uint8Array[], offsetBytes: number): Promise<void> {
    this.#layer.step()
    const write = { offset: offsetBytes, bytes: Uint8Array.from(Buffer.concat(pieces)) }
    this.#inode.live = written(this.#inode.live, write)
    this.#inode.unsynced.push(write)
    this.#inode.modifiedMs = this.#layer.tick()
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.#layer.step()
    this.#inode.live = resized(this.#inode.live, sizeBytes)
    this.#inode.unsynced.push({ truncate: sizeBytes })
  }

  async sync(): Promise<void> {
    this.#layer.step()
    this.#inode.synced = this.#inode.live.slice()
    this.#inode.unsynced = []
  }

  async sizeBytes(): Promise<number> {
    this.#layer.step()
    return this.#inode.live.length
  }

  async close(): Promise<void> {}
}

function resized(bytes: Uint8Array, size: number): Uint8Array {
  const result = new Uint8Array(size)
  result.set(bytes.subarray(0, size))
  return result
}

function written(bytes: Uint8Array, write: Write): Uint8Array {
  const result = resized(bytes, Math.max(bytes.length, write.offset + write.bytes.length))
  result.set(write.bytes, write.offset)
  return result
}

function surviveDirectory(directory: Directory, random: () => number, inodes: Map<Inode, Inode>): Directory {
  const names = new Map(directory.synced)
  for (const change of directory.unsynced) if (random() < 0.5) apply(names, change)
  const survivor = new Directory()
  for (const [name, entry] of names) {
    if (entry instanceof Directory) survivor.live.set(name, surviveDirectory(entry, random, inodes))
    else {
      const inode = inodes.get(entry) ?? new Inode(surviveBytes(entry, random))
      inode.modifiedMs = entry.modifiedMs
      inodes.set(entry, inode)
      survivor.live.set(name, inode)
    }
  }
  survivor.synced = new Map(survivor.live)
  return survivor
}

function surviveBytes(inode: Inode, random: () => number): Uint8Array {
  let bytes: Uint8Array = inode.synced.slice()
  for (const change of inode.unsynced) {
    const fate = random()
    if (fate < 0.4) continue
    if ('truncate' in change) bytes = resized(bytes, change.truncate)
    else if (fate < 0.7) bytes = written(bytes, change)
    else {
      const sectors = Math.floor((random() * change.bytes.length) / SECTOR_BYTES)
      const torn = resized(change.bytes.slice(0, sectors * SECTOR_BYTES), change.bytes.length)
      bytes = written(bytes, { offset: change.offset, bytes: torn })
    }
  }
  return bytes
}

function errno(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code, syscall: 'lossy' })
}
