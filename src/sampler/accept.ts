import type { PushResult } from '../beam/push-result.ts'
import { parseImageId } from '../glas/image-id.ts'
import type { Beams } from './beams.ts'
import type { Quarantine } from './quarantine.ts'

/** Makes a version of a snapshot that waits, as if it had come with a token. What fails leaves it where it is. */
export async function acceptQuarantined(
  { quarantine, beams }: { quarantine: Quarantine; beams: Beams },
  { id, allowSecrets }: { id: string; allowSecrets: boolean },
): Promise<PushResult> {
  const { item, zip } = quarantine.get(id)
  const { host, path, name, imageId } = item
  const made = await beams.accept({ action: 'beam', host, path, name, imageId: parseImageId(imageId) }, zip, {
    allowSecrets,
  })
  await quarantine.remove(id)
  return made
}
