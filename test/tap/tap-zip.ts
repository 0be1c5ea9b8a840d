/** Zips as the Tap of 2020 writes them, and ones that no Tap writes. */
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { crc32, deflateRawSync } from 'node:zlib'

/** What stands in the zip; each part may lie about itself. */
export interface PackedFile {
  name: string | Buffer
  content: Uint8Array
  /** Deflated unless told otherwise, and unless it is empty. */
  stored?: boolean
  flags?: number
  crc?: number
  /** As the directory at the end has it. */
  centralName?: string
  centralSize?: number
  /** Uses the data of the file before it again. */
  sharesData?: boolean
  /** With its sizes in 64 bits, in an extra field. */
  zip64?: boolean
  /** What the extra field of the directory adds to the true size. */
  centralMore?: number
  /** In the place of `content`, for what does not fit into memory. */
  pieces?: Iterable<Uint8Array>
  piecesBytes?: number
}

const NOON = new Date(2026, 0, 31, 12)

/** Version 2.0, sizes and CRC in the local header, creator Unix, names in UTF-8 without saying so. */
export function writeZip(path: string, files: Iterable<PackedFile>, moment = NOON): string {
  const fd = openSync(path, 'w')
  let at = 0
  const put = (parts: Iterable<Uint8Array>) => {
    for (const part of parts) {
      writeSync(fd, part)
      at += part.length
    }
  }
  const directory: Buffer[] = []
  let offset = 0
  for (const file of files) {
    const isStored = file.stored === true || file.content.length === 0
    const data = isStored ? file.content : deflateRawSync(file.content)
    const contentBytes = file.piecesBytes ?? file.content.length
    const common = (size: number) => {
      const header = Buffer.alloc(22)
      header.writeUInt16LE(20, 0)
      header.writeUInt16LE(file.flags ?? 0, 2)
      header.writeUInt16LE(isStored ? 0 : 8, 4)
      header.writeUInt16LE((moment.getHours() << 11) | (moment.getMinutes() << 5), 6)
      header.writeUInt16LE(((moment.getFullYear() - 1980) << 9) | ((moment.getMonth() + 1) << 5) | moment.getDate(), 8)
      header.writeUInt32LE(file.crc ?? crc32(file.content), 10)
      header.writeUInt32LE(file.zip64 ? ALL_ONES : (file.piecesBytes ?? data.length), 14)
      header.writeUInt32LE(file.zip64 ? ALL_ONES : size, 18)
      return header
    }
    const name = Buffer.from(file.name)
    const extra = file.zip64 ? longSizes(contentBytes, data.length) : Buffer.alloc(0)
    if (!file.sharesData) {
      offset = at
      put([Buffer.from('PK\x03\x04'), common(contentBytes), lengths(name.length, extra.length), name, extra])
      put(file.pieces ?? [data])
    }
    const centralName = Buffer.from(file.centralName ?? name)
    const centralExtra = file.zip64 ? longSizes(contentBytes + (file.centralMore ?? 0), data.length) : extra
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE((0o100666 << 16) >>> 0, 6)
    tail.writeUInt32LE(offset, 10)
    const head = [Buffer.from('PK\x01\x02'), Buffer.from([20, 3]), common(file.centralSize ?? contentBytes)]
    directory.push(
      Buffer.concat([...head, lengths(centralName.length, centralExtra.length), tail, centralName, centralExtra]),
    )
  }
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(directory.length & 0xffff, 8)
  end.writeUInt16LE(directory.length & 0xffff, 10)
  end.writeUInt32LE(
    directory.reduce((sum, { length }) => sum + length, 0),
    12,
  )
  end.writeUInt32LE(at, 16)
  put([...directory, end])
  closeSync(fd)
  return path
}

const ALL_ONES = 2 ** 32 - 1

function longSizes(contentBytes: number, dataBytes: number): Buffer {
  const field = Buffer.alloc(20)
  field.writeUInt16LE(1, 0)
  field.writeUInt16LE(16, 2)
  field.writeBigUInt64LE(BigInt(contentBytes), 4)
  field.writeBigUInt64LE(BigInt(dataBytes), 12)
  return field
}

function lengths(name: number, extra: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt16LE(name, 0)
  bytes.writeUInt16LE(extra, 2)
  return bytes
}

/** The zip of a generated image directory, in the order of a Tap: image, changes, sources, then what is local. */
export function zipOfDirectory(zipPath: string, directory: string, name: string, moment = NOON): string {
  const all = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  const local = all.filter((path) => path.startsWith('pharo-local/') && statSync(join(directory, path)).isFile())
  const sources = all.filter((path) => path.endsWith('.sources') && !path.includes('/'))
  const files = [`${name}.image`, `${name}.changes`, ...sources, 'meta-inf.ston', 'pharo.version', ...local]
  return writeZip(
    zipPath,
    files.map((file) => ({ name: `${name}/${file}`, content: readFileSync(join(directory, file)) })),
    moment,
  )
}

const BLOCK_BYTES = 1 << 20

/** A zip with an image of so many bytes that no compression makes smaller, written in pieces; it is no Spur image. */
export function writeLargeZip(path: string, name: string, sizeBytes: number): string {
  const block = randomBytes(BLOCK_BYTES)
  const pieces = function* () {
    for (let at = 0; at < sizeBytes; at += BLOCK_BYTES) {
      block.writeUInt32LE(at, 64)
      block.writeUInt32LE(at, BLOCK_BYTES / 2)
      yield block.subarray(0, Math.min(BLOCK_BYTES, sizeBytes - at))
    }
  }
  let crc = 0
  for (const piece of pieces()) crc = crc32(piece, crc)
  const image = { name: `${name}/${name}.image`, content: new Uint8Array(0), stored: true, crc }
  return writeZip(path, [{ ...image, pieces: pieces(), piecesBytes: sizeBytes }])
}
