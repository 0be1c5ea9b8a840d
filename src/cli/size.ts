import { GlasError } from '../glas/errors.ts'

const UNITS: Record<string, number> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 }

/** Bytes of `500M` or `20G`; BadUsage, naming the option, for anything else. */
export function parseSize(option: string, text: string): number {
  const match = /^(\d{1,12})([KMGT]?)$/i.exec(text)
  if (match === null) throw new GlasError('BadUsage', `--${option} takes a size such as 500M or 20G, not "${text}".`)
  return Number(match[1]) * (UNITS[(match[2] ?? '').toUpperCase()] ?? 1)
}
