/** The directories that are pushed and pulled. */
import {
  closeSync,
  copyFileSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { chainStep } from '../gen/chain.ts'
import { copyDirectory, type ImageDirectory, imageDirectory, nextSnapshot } from '../gen/directory.ts'

export const NAME = 'Ants'
/** What the generator makes at once. Larger images are it again and again, each time as at another address. */
const GENERATED_BYTES = 200_000_000
/** A small edit after a restart: the step of the chain where the whole heap moves. */
const SMALL_EDIT = 8
const FILES_PER_FOLDER = 200

/** `folder`/v1 and `folder`/v2, one snapshot's worth of work later. */
export function twoSnapshots(folder: string, sizeBytes: number): { v1: string; v2: string } {
  mkdirSync(folder, { recursive: true })
  const first = imageDirectory(join(folder, 'v1'), { seed: 1, sizeBytes, name: NAME })
  const second = nextSnapshot(copyDirectory(first, join(folder, 'v2')), chainStep(SMALL_EDIT, sizeBytes).edit)
  return { v1: first.path, v2: second.path }
}

/** Gives the chain's next snapshot each time, in one directory that changes in place, what was done, and how many random
 * bytes came: nobody can make them smaller. */
export function* chainOfSnapshots(
  path: string,
  sizeBytes: number,
  count: number,
): Generator<{ work: string; path: string; randomBytes: number }> {
  let directory: ImageDirectory = imageDirectory(path, { seed: 1, sizeBytes, name: NAME })
  yield { work: 'first', path, randomBytes: 0 }
  for (let at = 1; at < count; at++) {
    const { work, edit } = chainStep(at - 1, sizeBytes)
    directory = nextSnapshot(directory, edit)
    yield { work, path, randomBytes: edit.randomBytes ?? 0 }
  }
}

/** Makes `target` equal to `source` as a save would: files that differ are written again in place, others not touched. */
export function becomes(target: string, source: string): void {
  mkdirSync(target, { recursive: true })
  for (const path of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
    const [from, to] = [join(source, path), join(target, path)]
    const [wanted, there] = [lstatSync(from), lstatSync(to, { throwIfNoEntry: false })]
    if (there?.size === wanted.size && there.mtimeMs === wanted.mtimeMs) continue
    if (wanted.isDirectory()) mkdirSync(to, { recursive: true })
    else if (wanted.isSymbolicLink()) {
      rmSync(to, { force: true })
      symlinkSync(readlinkSync(from), to)
    } else copyFileSync(from, to)
    lutimesSync(to, wanted.atime, wanted.mtime)
  }
}

/** An image directory of any size. Beyond what the generator makes, the file only looks like an image's heap. */
export function largeDirectory(path: string, sizeBytes: number): string {
  imageDirectory(path, { seed: 1, sizeBytes: Math.min(sizeBytes, GENERATED_BYTES), name: NAME })
  const image = join(path, `${NAME}.image`)
  const generated = readFileSync(image)
  const words = new Uint32Array(generated.buffer, generated.byteOffset, Math.floor(generated.length / 4))
  const file = openSync(image, 'r+')
  let at = generated.length
  while (at < sizeBytes) {
    for (let word = 0; word < words.length; word += 2) if (words[word] !== 0) words[word]! += 0x0010_0000
    for (let done = 0; done < generated.length; )
      done += writeSync(file, generated, done, generated.length - done, at + done)
    at += generated.length
  }
  closeSync(file)
  truncateSync(image, Math.max(sizeBytes, generated.length))
  return path
}

/** A small image with so many small files of source beside it, in folders as git has them. */
export function manyFiles(path: string, count: number): string {
  imageDirectory(path, { seed: 1, sizeBytes: 3_000_000, name: NAME })
  for (let n = 0; n < count; n++) {
    const folder = join(path, 'sources', `Package-${Math.floor(n / FILES_PER_FOLDER)}`)
    if (n % FILES_PER_FOLDER === 0) mkdirSync(folder, { recursive: true })
    writeFileSync(
      join(folder, `Class${n}.class.st`),
      `Class { #name : 'Class${n}' }\n\n${'step\n\t^ agents size\n'.repeat(n % 50)}`,
    )
  }
  return path
}

/** The sidecar of PintGlas would be a file more for the others. */
export function withoutSidecar(path: string): void {
  rmSync(join(path, 'pintglas.ston'), { force: true })
}
