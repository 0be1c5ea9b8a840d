import type { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import type { BlockReader } from './dag-read.ts'

/** What positions in a delta frame can count, and more than one typed array should hold. */
const MAX_FILE_BYTES = 2 ** 32 - 1

/** A whole file in memory that threads can share. */
export async function readStored(blocks: BlockReader, root: CID): Promise<Uint8Array> {
  const { fileSize, readFile } = await import('./dag-read.ts')
  const expectedBytes = await fileSize(blocks, root)
  if (expectedBytes > MAX_FILE_BYTES) {
    throw new GlasError('LimitExceeded', `The image ${root} is too large to be read at once.`, {
      data: { limit: MAX_FILE_BYTES, value: expectedBytes, unit: 'bytes' },
    })
  }
  const bytes = new Uint8Array(new SharedArrayBuffer(expectedBytes))
  let at = 0
  for await (const piece of readFile(blocks, root, { expectedBytes })) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}
