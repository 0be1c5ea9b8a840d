import { GlasError, isGlasError } from '../glas/errors.ts'
import { parseReference } from '../glas/reference.ts'
import { type Annotated, retract } from './annotate.ts'
import { findGlas, findVersion } from './lookup.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'

export interface Forgotten extends Annotated {
  /** Told to everyone; false when it belongs to somebody else, and was only let go here. */
  retracted: boolean
}

/**
 * Lets a version go: no longer pinned here, and retracted for everyone where this home may. Other peers keep their
 * copies until their own rules let them go; what was published cannot be called back.
 */
export async function forget(
  parts: Parts,
  { reference, here }: { reference: string; here: boolean },
  options: CallOptions,
): Promise<Forgotten> {
  requireVersion(parts, reference)
  const found = findVersion(parts, reference, options)
  let told: Annotated | undefined
  try {
    if (!here) told = await retract(parts, `${found.glasId}@${found.record}`, options)
  } catch (error) {
    if (!isGlasError(error, 'NotAllowed')) throw error
    options.onMessage(`${(error as Error).message} It is only let go here.`)
  }
  await parts.stock.unpin(found.record)
  await parts.stock.commit()
  parts.running()?.claim([], [found.record])
  const { imageName, version } = found.published.entry.body
  return {
    'glas-id': found.glasId,
    'image-name': imageName,
    version: version.join('.'),
    record: String(found.record),
    retracted: told !== undefined,
  }
}

/** A name alone means the latest version where something is shown; here it could also be meant as all of them. */
function requireVersion(parts: Parts, reference: string): void {
  if (parseReference(reference).selector.kind !== 'latest' || reference.endsWith('@latest')) return
  const { imageName, versions } = standingOf(parts, reference)
  if (versions <= 1) return
  const message = `"${imageName}" has ${versions} versions. Say which one goes, such as \`${imageName}@latest\`.`
  throw new GlasError('InvalidReference', message, { data: { versions } })
}

function standingOf(parts: Parts, reference: string): { imageName: string; versions: number } {
  const glas = findGlas(parts, reference)
  return { imageName: glas.imageName, versions: glas.versions().filter(({ isRetracted }) => !isRetracted).length }
}
