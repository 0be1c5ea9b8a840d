import { readFileSync } from 'node:fs'

/** Put in by the bundler; the sources read package.json instead. */
declare const PINTGLAS_VERSION: string | undefined

export function programVersion(): string {
  if (typeof PINTGLAS_VERSION === 'string') return PINTGLAS_VERSION
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
