import type { StoredBlock as WireBlock } from '../net/block-messages.ts'
import { CODEC_RAW, CODEC_ZSTD, type StoredBlock } from '../stock/codec.ts'

/** A block goes over the wire as it lies in the stock: not compressed again, checked by the stock that takes it. */
export function toWire({ codec, rawLength, stored }: StoredBlock): WireBlock {
  return { codec: codec === CODEC_ZSTD ? 'zstd' : 'raw', rawLength, bytes: stored }
}

export function fromWire({ codec, rawLength, bytes }: WireBlock): StoredBlock {
  return { codec: codec === 'zstd' ? CODEC_ZSTD : CODEC_RAW, rawLength, stored: bytes }
}
