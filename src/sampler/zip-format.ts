/** The parts of a zip whose files are stored as they are: so its length is known before anything is read. */

/** Sizes and offsets have 32 bits, counts 16. The longer form is not read by the zip of Pharo, which these are for. */
export const MAX_ZIP_BYTES = 2 ** 32 - 1
/** As above. */
export const MAX_ZIP_FILES = 2 ** 16 - 1

export interface ZipFile {
  /** From the top folder on; a directory ends with a slash. */
  path: string
  sizeBytes: number
  /** Permission bits. */
  mode: number
  mtimeSec: number
}

/** The header before each file, without the name. */
const LOCAL_BYTES = 30
/** A line of the directory, without the name. */
const CENTRAL_BYTES = 46
/** What comes after the directory. */
const END_BYTES = 22
const VERSION = 20
/** Modes are Unix's. */
const MADE_BY = (3 << 8) | VERSION
/** Names are UTF-8. */
const FLAGS = 1 << 11
const REGULAR_FILE = 0o100000
const DIRECTORY = 0o040000

export function localHeaderBytes({ path }: ZipFile): number {
  return LOCAL_BYTES + Buffer.byteLength(path)
}

export function directoryBytes(files: readonly ZipFile[]): number {
  return files.reduce((sum, { path }) => sum + CENTRAL_BYTES + Buffer.byteLength(path), END_BYTES)
}

export function encodeLocalHeader(file: ZipFile, crc: number): Buffer {
  const name = Buffer.from(file.path)
  const header = Buffer.alloc(LOCAL_BYTES)
  header.writeUInt32LE(0x04034b50, 0)
  writeCommon(header, 4, file, crc)
  return Buffer.concat([header, name])
}

export function encodeDirectoryEntry(file: ZipFile, crc: number, offsetBytes: number): Buffer {
  const name = Buffer.from(file.path)
  const header = Buffer.alloc(CENTRAL_BYTES)
  header.writeUInt32LE(0x02014b50, 0)
  header.writeUInt16LE(MADE_BY, 4)
  writeCommon(header, 6, file, crc)
  const kind = file.path.endsWith('/') ? DIRECTORY : REGULAR_FILE
  header.writeUInt32LE(((kind | file.mode) << 16) >>> 0, 38)
  header.writeUInt32LE(offsetBytes, 42)
  return Buffer.concat([header, name])
}

export function encodeEnd(files: number, directory: { offsetBytes: number; sizeBytes: number }): Buffer {
  const end = Buffer.alloc(END_BYTES)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(files, 8)
  end.writeUInt16LE(files, 10)
  end.writeUInt32LE(directory.sizeBytes, 12)
  end.writeUInt32LE(directory.offsetBytes, 16)
  return end
}

/** Version, flags, method (stored), time, CRC, both sizes and the length of the name: the same in both headers. */
function writeCommon(header: Buffer, at: number, { path, sizeBytes, mtimeSec }: ZipFile, crc: number): void {
  const { date, time } = dosTime(mtimeSec)
  header.writeUInt16LE(VERSION, at)
  header.writeUInt16LE(FLAGS, at + 2)
  header.writeUInt16LE(time, at + 6)
  header.writeUInt16LE(date, at + 8)
  header.writeUInt32LE(crc, at + 10)
  header.writeUInt32LE(sizeBytes, at + 14)
  header.writeUInt32LE(sizeBytes, at + 18)
  header.writeUInt16LE(Buffer.byteLength(path), at + 22)
}

/** Local time in steps of two seconds, from 1980 to 2107. */
function dosTime(mtimeSec: number): { date: number; time: number } {
  const at = new Date(mtimeSec * 1000)
  const year = Math.min(Math.max(at.getFullYear() - 1980, 0), 127)
  return {
    date: (year << 9) | ((at.getMonth() + 1) << 5) | at.getDate(),
    time: (at.getHours() << 11) | (at.getMinutes() << 5) | (at.getSeconds() >> 1),
  }
}
