import type { Entry } from '../glas/entry.ts'
import { GlasError } from '../glas/errors.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'

/** Index entries of our own: written down first, then told to others. Failing to tell them is a warning, not a loss. */
export async function publish(
  parts: Pick<Parts, 'index' | 'running'>,
  entries: Entry[],
  { onMessage }: Pick<CallOptions, 'onMessage'>,
): Promise<void> {
  const results = await parts.index.add(
    entries.map(({ bytes }) => bytes),
    'here',
  )
  for (const result of results) {
    if (result.outcome === 'refused') throw new GlasError(result.code, result.message)
  }
  try {
    for (const { bytes } of entries) await parts.running()?.announce(bytes)
  } catch (error) {
    onMessage(`The others could not be told yet (${(error as Error).message}); they will hear of it later.`)
  }
}
