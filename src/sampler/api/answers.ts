/** What the parts of the sampler know, in the words of the API. */
import type { Static } from 'typebox'
import { toGlasError } from '../../glas/errors.ts'
import type { Caller } from '../caller.ts'
import type { Transfer } from '../transfers.ts'
import type { CallerAnswer, ErrorAnswer, TransferAnswer } from './schemas.ts'

export function shownError(thrown: unknown): Static<typeof ErrorAnswer> {
  const { code, message, retryable, data } = toGlasError(thrown)
  return { error: { code, message, retryable, data } }
}

export function shownTransfer(transfer: Transfer): Static<typeof TransferAnswer> {
  const { id, kind, label, glasId, tap, state, phase, made, error } = transfer
  return {
    id,
    kind,
    label,
    'glas-id': glasId ?? null,
    tap,
    state,
    phase,
    'done-bytes': transfer.doneBytes,
    'total-bytes': transfer.totalBytes ?? null,
    'bytes-per-second': Math.round(transfer.bytesPerSecond),
    'started-at': transfer.startedAt.toISOString(),
    made:
      made === undefined
        ? null
        : { 'glas-id': made.glasId, version: made.version, record: made.record, 'image-name': made.name },
    error: error === undefined ? null : { code: error.code, message: error.message },
  }
}

export function shownCaller({ name, role, glases }: Caller): Static<typeof CallerAnswer> {
  return { name, role, glases: glases === undefined ? null : [...glases] }
}
