/** Work on blocks that is done in threads: decompressing, hashing, and writing what came of it. Synchronous throughout. */
import { hash } from 'node:crypto'
import { closeSync, fchmodSync, fsyncSync, futimesSync, openSync, writeSync } from 'node:fs'
import { type ErrorCode, GlasError } from '../glas/errors.ts'
import { CREATE_FLAGS } from '../image/stage.ts'
import { decodeStoredSync, type StoredBlock } from '../stock/codec.ts'

/** A block as it is kept, and the SHA-256 that its bytes must have. */
export interface KeptBlock extends StoredBlock {
  digest: Uint8Array
}

/** A whole small file, to be made where there is none. */
export interface FileToMake {
  path: string
  blocks: KeptBlock[]
  mode: number
  /** As `futimes` takes it. */
  time: string
  sync: boolean
}

export type BlockJob =
  | { kind: 'verify'; block: KeptBlock }
  | { kind: 'write'; block: KeptBlock; fd: number; position: number }
  | { kind: 'make'; files: FileToMake[] }

/** `errno` is that of a system error, such as ENOSPC. */
export type BlockJobResult =
  | { kind: 'done' }
  | { kind: 'failed'; code: ErrorCode; message: string; errno: string | undefined }

export function doBlockJob(job: BlockJob): BlockJobResult {
  try {
    if (job.kind === 'verify') unpack(job.block)
    else if (job.kind === 'write') writeAll(job.fd, unpack(job.block), job.position)
    else for (const file of job.files) makeFile(file)
    return { kind: 'done' }
  } catch (error) {
    if (error instanceof GlasError)
      return { kind: 'failed', code: error.code, message: error.message, errno: undefined }
    const { code: errno, message } = error as NodeJS.ErrnoException
    return { kind: 'failed', code: 'Internal', message, errno }
  }
}

function unpack(block: KeptBlock): Uint8Array {
  const bytes = decodeStoredSync(block)
  if (hash('sha256', bytes, 'buffer').equals(block.digest)) return bytes
  throw new GlasError('BlockMismatch', 'A block has another hash than its name says.')
}

function makeFile({ path, blocks, mode, time, sync }: FileToMake): void {
  const fd = openSync(path, CREATE_FLAGS, 0o600)
  try {
    let position = 0
    for (const block of blocks) {
      writeAll(fd, unpack(block), position)
      position += block.rawLength
    }
    fchmodSync(fd, mode)
    futimesSync(fd, time, time)
    if (sync) fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done)
  }
}
