import type { Command } from 'commander'
import { GlasError } from '../glas/errors.ts'
import { isRate, MAX_RATE_KIB, MIN_RATE_KIB } from '../home/config.ts'
import type { BandwidthLimits } from '../net/rate-limit.ts'

export interface LimitOptions {
  limitUpload?: string
  limitDownload?: string
}

/** The options of verbs that move blocks. */
export function addLimits(command: Command): Command {
  return command
    .option('--limit-upload <rate>', 'send at most so many KiB in a second to others')
    .option('--limit-download <rate>', 'get at most so many KiB in a second from others')
}

/** Undefined where none is given. BadUsage. */
export function limitsOf({ limitUpload, limitDownload }: LimitOptions): { limits?: BandwidthLimits } {
  if (limitUpload === undefined && limitDownload === undefined) return {}
  const uploadKib = rateOf('--limit-upload', limitUpload)
  return { limits: { uploadKib, downloadKib: rateOf('--limit-download', limitDownload) } }
}

function rateOf(option: string, text = '0'): number {
  const kib = Number(text)
  if (isRate(kib)) return kib
  const message = `${option} takes KiB in a second, from ${MIN_RATE_KIB} to ${MAX_RATE_KIB}, or 0 for no limit, not "${text}".`
  throw new GlasError('BadUsage', message)
}

/** The options again, for a process that is to have the same. */
export function limitWords({ limitUpload, limitDownload }: LimitOptions): string[] {
  return [
    ...(limitUpload === undefined ? [] : ['--limit-upload', limitUpload]),
    ...(limitDownload === undefined ? [] : ['--limit-download', limitDownload]),
  ]
}
