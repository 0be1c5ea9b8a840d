/** A second reader of Spur heaps, slow and plain, to check the generator and the project's own reader by. */
export interface WalkedObject {
  /** Address of the header: its oop. */
  oop: number
  /** File offset of the header. */
  offset: number
  classIndex: number
  format: number
  hash: number
  slots: number
  /** Bytes with overflow word and header. */
  bytes: number
}

export interface WalkedImage {
  wordSize: 4 | 8
  base: number
  specialObjects: number
  segments: number
  objects: WalkedObject[]
  word(offset: number): number
}

/** Throws where the heap does not end exactly at the bridge of its last segment, and that at the end of the file. */
export function walkImage(bytes: Uint8Array): WalkedImage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const wordSize = (view.getUint32(0, true) & ~512) === 68021 ? 8 : 4
  const word = (offset: number) =>
    wordSize === 4 ? view.getUint32(offset, true) : Number(view.getBigUint64(offset, true) & 0xffff_ffff_ffff_ffffn)
  const [base, specialObjects, firstSize] = wordSize === 8 ? [16, 24, 72] : [12, 16, 48]
  const image = { wordSize, base: word(base), specialObjects: word(specialObjects), segments: 0, word } as const
  const objects: WalkedObject[] = []
  let start = view.getUint32(4, true)
  let address = image.base
  let segments = 0
  for (let size = word(firstSize); size > 0; segments++) {
    const bridge = start + size - 16
    let at = start
    while (at < bridge) {
      const object = objectAt(view, at, address + at - start, wordSize)
      objects.push(object)
      at += object.bytes
    }
    if (at !== bridge) throw new Error(`objects end at ${at}, the bridge is at ${bridge}`)
    const span = view.getUint8(bridge + 7) === 255 ? Number(view.getBigUint64(bridge, true) & 0xff_ffff_ffff_ffffn) : 0
    address += size + span * wordSize
    start += size
    size = Number(view.getBigUint64(bridge + 8, true))
  }
  if (start !== bytes.length) throw new Error(`segments end at ${start}, the file at ${bytes.length}`)
  return { ...image, segments, objects }
}

function objectAt(view: DataView, start: number, startAddress: number, wordSize: number): WalkedObject {
  const overflow = view.getUint8(start + 7) === 255
  const offset = overflow ? start + 8 : start
  const high = view.getUint32(offset + 4, true)
  const low = view.getUint32(offset, true)
  const slots = overflow ? view.getUint32(start, true) : high >>> 24
  const body = Math.max(8, Math.ceil((slots * wordSize) / 8) * 8)
  return {
    oop: startAddress + offset - start,
    offset,
    classIndex: low & 0x3fffff,
    format: (low >>> 24) & 31,
    hash: high & 0x3fffff,
    slots,
    bytes: offset - start + 8 + body,
  }
}
