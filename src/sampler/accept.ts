import type { PushResult } from '../beam/push-result.ts'
import { parseImageId } from '../glas/image-id.ts'
import type { Beams } from './beams.ts'
import type { Quarantine } from './quarantine.ts'

/** Makes a version of a snapshot that waits, as if it had come with a token. What fails leaves it where it is. */
export async function acceptQuarantined(
  { quarantine, beams }: { quarantine: Quarantine; beams: Beams },
  { id, allowSecrets }: { id: string; allowSecrets: boolean },
): Promise<PushResult> {
  const { item, zip, release } = quarantine.hold(id)
  const { host, path, name, imageId } = item
  const from = { action: 'beam' as const, host, path, name, imageId: parseImageId(imageId), isOwn: false }
  const made = await beams.accept(from, zip, { allowSecrets }).finally(release)
  await quarantine.remove(id)
  return made
}
