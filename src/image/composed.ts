/**
 * Images in the composed format: a directory `X.image` with `header.ston`, and for each segment `segN.ston` beside
 * `segN.data`; `permSpace` likewise. What the VM writes (ComposedImageWriter in pharo-vm) is valid STON.
 */
import { readFile, stat } from 'node:fs/promises'
import { GlasError } from '../glas/errors.ts'
import type { ImageFormat } from '../glas/record.ts'
import { fieldsOf, numberOf } from '../ston/model.ts'
import { readSton } from '../ston/reader.ts'
import { nameOf } from './entry.ts'
import { COMPOSED_HEADER } from './locate.ts'
import type { ScannedEntry } from './scan.ts'

/** Each is a dozen lines. */
const MAX_METADATA_BYTES = 64 * 1024
/** Segments are some megabytes at least; this many would be more than any machine's memory. */
const MAX_SEGMENTS = 4096

const WORD_SIZE_OF_FORMAT: Record<number, 4 | 8> = { 6521: 4, 7033: 4, 68021: 8, 68533: 8 }

/**
 * The format that `header.ston` names, null when it is none we know. Throws BadImage when a part is missing, shorter
 * than its metadata says, or not readable: what a caller takes for a save in progress when the files are young.
 */
export async function describeComposed(entries: readonly ScannedEntry[]): Promise<ImageFormat | null> {
  const byName = new Map(entries.map((entry) => [nameOf(entry.path), entry]))
  const header = await numbersIn(byName, COMPOSED_HEADER)
  let presentBytes = await checkPart(byName, 'permSpace')
  for (let segment = 0; segment < MAX_SEGMENTS && byName.has(`seg${segment}.ston`); segment++) {
    presentBytes += await checkPart(byName, `seg${segment}`)
  }
  const expectedBytes = header('dataSize')
  if (presentBytes < expectedBytes) throw damaged(`its segments hold ${presentBytes} of ${expectedBytes} bytes`)
  const number = header('imageFormat')
  const wordSizeBytes = WORD_SIZE_OF_FORMAT[number]
  return wordSizeBytes === undefined ? null : { number, wordSizeBytes, imageVersion: header('imageVersion') }
}

/** Bytes of the part; 0 when the image has no such part. */
async function checkPart(byName: ReadonlyMap<string, ScannedEntry>, part: string): Promise<number> {
  if (!byName.has(`${part}.ston`)) return 0
  const expectedBytes = (await numbersIn(byName, `${part}.ston`))('dataSize')
  const data = byName.get(`${part}.data`)
  const sizeBytes = data === undefined ? 0 : (await stat(data.absolutePath)).size
  if (sizeBytes < expectedBytes) throw damaged(`${part}.data has ${sizeBytes} of ${expectedBytes} bytes`)
  return sizeBytes
}

async function numbersIn(byName: ReadonlyMap<string, ScannedEntry>, name: string): Promise<(field: string) => number> {
  const entry = byName.get(name)
  if (entry === undefined || entry.sizeBytes > MAX_METADATA_BYTES) throw damaged(`${name} is missing or too long`)
  let fields: ReturnType<typeof fieldsOf>
  try {
    fields = fieldsOf(readSton(await readFile(entry.absolutePath, 'utf8')))
  } catch (cause) {
    throw damaged(`${name} is not readable`, cause)
  }
  return (field) => {
    const number = numberOf(fields?.get(field) ?? null)
    if (!Number.isSafeInteger(number) || Number(number) < 0) throw damaged(`${name} has no usable ${field}`)
    return Number(number)
  }
}

function damaged(what: string, cause?: unknown): GlasError {
  return new GlasError('BadImage', `The image is not complete: ${what}. Save it again, or take an older copy.`, {
    cause,
  })
}
