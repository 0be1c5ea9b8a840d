import { randomBytes } from 'node:crypto'
import { GlasError } from './errors.ts'
import { sha256 } from './hash.ts'
import { MAX_IMAGE_ID_SEGMENTS } from './limits.ts'

/** Lineage label of an image: 40 hex, then `-xxxx` for each snapshot taken. A prefix on `-` is an ancestor. */
export type ImageId = string

const ROOT = /^[0-9a-f]{40}$/
const SEGMENT = /^[0-9a-f]{4}$/

export function parseImageId(text: string): ImageId {
  const [root = '', ...segments] = text.split('-', MAX_IMAGE_ID_SEGMENTS + 2)
  if (!ROOT.test(root) || !segments.every((segment) => SEGMENT.test(segment))) {
    throw new GlasError('InvalidName', 'An image-id is 40 hex digits, then a dash and 4 hex digits per snapshot.')
  }
  if (segments.length > MAX_IMAGE_ID_SEGMENTS) {
    throw new GlasError('LimitExceeded', `The image-id has more than ${MAX_IMAGE_ID_SEGMENTS} segments.`, {
      data: { limit: MAX_IMAGE_ID_SEGMENTS, unit: 'segments' },
    })
  }
  return text
}

export function newImageId(): ImageId {
  return randomBytes(20).toString('hex')
}

/** The image-id of the next snapshot of the same image. */
export function nextImageId(imageId: ImageId): ImageId {
  return parseImageId(`${imageId}-${randomBytes(2).toString('hex')}`)
}

export function rootOf(imageId: ImageId): string {
  return imageId.slice(0, 40)
}

/** Snapshots taken since the root: 0 for a fresh one. */
export function depthOf(imageId: ImageId): number {
  return (imageId.length - 40) / 5
}

export function isAncestor(ancestor: ImageId, imageId: ImageId): boolean {
  return imageId.startsWith(`${ancestor}-`)
}

export function imageIdHash(imageId: ImageId): Uint8Array {
  return sha256(Buffer.from(imageId))
}
