import { GlasError, isGlasError } from '../glas/errors.ts'
import { type ImageId, newImageId, parseImageId } from '../glas/image-id.ts'
import { MAX_HOSTNAME_BYTES, MAX_IMAGE_NAME_BYTES, MAX_PATH_BYTES } from '../glas/limits.ts'
import { fieldsOf, type StonValue } from '../ston/model.ts'
import { readSton } from '../ston/reader.ts'

/** Names and an image-id of ten thousand snapshots. */
export const MAX_TAP_MESSAGE_BYTES = 128 * 1024
/** An image's name and `.image`. */
const MAX_FILE_NAME_BYTES = 255

/** What a Tap is called: the three together are one Tap. */
export interface TapName {
  host: string
  /** The image directory, as the image's own system writes it. */
  path: string
  name: string
}

/** The first message of a Tap, which says who it is and what the connection is for. */
export interface TapMessage extends TapName {
  /** `hand` is a Tap of today that shares a disk with the daemon. */
  action: 'wait' | 'beam' | 'hand'
  imageId: ImageId
  /** How long the image stood still for the snapshot that it beams. */
  pauseMs?: number
}

/** What a Tap says when it has saved its image where the daemon told it to. */
export interface HandedFile {
  /** In the folder that it was given. */
  file: string
  pauseMs?: number
}

/** Longest pause that is believed: a day. */
const MAX_PAUSE_MS = 24 * 60 * 60 * 1000

/**
 * STON, of which the JSON that Taps write is a part. Whoever waits has all three names; whoever beams may lack them. A
 * Tap without image-id gets a line of its own. Throws BadMessage, BadSton, LimitExceeded.
 */
export function parseTapMessage(text: string): TapMessage {
  const fields = fieldsOf(readSton(text))
  const action = fields?.get('action')
  if (fields === undefined || (action !== 'wait' && action !== 'beam' && action !== 'hand')) {
    throw bad('"action" is neither wait, beam nor hand')
  }
  const isNeeded = action !== 'beam'
  return {
    action,
    host: name(fields, 'host', { maxBytes: MAX_HOSTNAME_BYTES, isNeeded }),
    path: name(fields, 'path', { maxBytes: MAX_PATH_BYTES, isNeeded }),
    name: name(fields, 'name', { maxBytes: MAX_IMAGE_NAME_BYTES, isNeeded }),
    imageId: imageIdOf(fields.get('imageId')),
    ...pauseOf(fields),
  }
}

/** Throws BadMessage, or FileError with what the Tap says when its image could not be saved. */
export function parseHandedFile(text: string): HandedFile {
  const fields = fieldsOf(readSton(text))
  const file = fields?.get('file')
  const error = fields?.get('error')
  if (typeof error === 'string') throw new GlasError('FileError', `The image could not save itself: ${error}`)
  if (fields === undefined || typeof file !== 'string') throw bad('it names no file')
  if (!/^[^/\\\0]+\.image$/.test(file) || Buffer.byteLength(file) > MAX_FILE_NAME_BYTES)
    throw bad('its file is no image')
  return { file, ...pauseOf(fields) }
}

/** Whether whoever sits at the image has said no. Anything else that a waiting Tap says means nothing. */
export function isRefusal(text: string): boolean {
  try {
    return fieldsOf(readSton(text))?.get('refused') === true
  } catch {
    return false
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

function pauseOf(fields: Map<string, StonValue>): { pauseMs?: number } {
  const value = fields.get('pauseMs')
  if (value === undefined || value === null) return {}
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > MAX_PAUSE_MS) {
    throw bad('"pauseMs" is no time')
  }
  return { pauseMs: value }
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
  return new GlasError('BadMessage', `A message of a Tap is wrong: ${why}.`)
}
