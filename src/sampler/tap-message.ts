import { GlasError, isGlasError } from '../glas/errors.ts'
import { type ImageId, newImageId, parseImageId } from '../glas/image-id.ts'
import { MAX_HOSTNAME_BYTES, MAX_IMAGE_NAME_BYTES, MAX_PATH_BYTES } from '../glas/limits.ts'
import { fieldsOf, type StonValue } from '../ston/model.ts'
import { readSton } from '../ston/reader.ts'

/** Names and an image-id of ten thousand snapshots. */
export const MAX_TAP_MESSAGE_BYTES = 128 * 1024

/** What a Tap is called: the three together are one Tap. */
export interface TapName {
  host: string
  /** The image directory, as the image's own system writes it. */
  path: string
  name: string
}

/** The first message of a Tap, which says who it is and what the connection is for. */
export interface TapMessage extends TapName {
  action: 'wait' | 'beam'
  imageId: ImageId
}

/**
 * STON, of which the JSON that Taps write is a part. Whoever waits has all three names; whoever beams may lack them. A
 * Tap without image-id gets a line of its own. Throws BadMessage, BadSton, LimitExceeded.
 */
export function parseTapMessage(text: string): TapMessage {
  const fields = fieldsOf(readSton(text))
  const action = fields?.get('action')
  if (fields === undefined || (action !== 'wait' && action !== 'beam')) throw bad('"action" is neither wait nor beam')
  const isNeeded = action === 'wait'
  return {
    action,
    host: name(fields, 'host', { maxBytes: MAX_HOSTNAME_BYTES, isNeeded }),
    path: name(fields, 'path', { maxBytes: MAX_PATH_BYTES, isNeeded }),
    name: name(fields, 'name', { maxBytes: MAX_IMAGE_NAME_BYTES, isNeeded }),
    imageId: imageIdOf(fields.get('imageId')),
  }
}

/** The body of `/upload`: `[host, path, name]`, or what a form sends. Undefined for anything else. */
export function parseTapName(text: string): TapName | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (!Array.isArray(value) || value.length !== 3 || !value.every((part) => typeof part === 'string'))
      return undefined
    const [host, path, name] = value as [string, string, string]
    return { host, path, name }
  } catch {
    const form = new URLSearchParams(text)
    const [host, path, name] = ['host', 'path', 'name'].map((key) => form.get(key))
    return host && path && name ? { host, path, name } : undefined
  }
}

function name(
  fields: Map<string, StonValue>,
  key: string,
  { maxBytes, isNeeded }: { maxBytes: number; isNeeded: boolean },
): string {
  const value = fields.get(key) ?? ''
  if (typeof value !== 'string' || (isNeeded && value === '')) throw bad(`it has no "${key}"`)
  if (Buffer.byteLength(value) > maxBytes || !value.isWellFormed()) throw bad(`"${key}" is too long`)
  return value
}

function imageIdOf(value: StonValue | undefined): ImageId {
  if (value === undefined || value === null) return newImageId()
  try {
    return parseImageId(typeof value === 'string' ? value : '')
  } catch (error) {
    throw isGlasError(error, 'LimitExceeded') ? error : bad('"imageId" is none')
  }
}

function bad(why: string): GlasError {
  return new GlasError('BadMessage', `The first message of a Tap is wrong: ${why}.`)
}
