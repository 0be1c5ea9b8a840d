import { CID } from 'multiformats/cid'
import { GlasError, isGlasError } from '../glas/errors.ts'
import type { TapsPort } from '../net/live.ts'
import type { Parts } from './parts.ts'
import { tapRightOf } from './tap-rights.ts'

/** What other members may know and ask of the images that run here. */
export function sharedTaps(parts: Pick<Parts, 'home' | 'taps'>): TapsPort {
  return {
    shared: () => (parts.home.config.shareTaps ? (parts.taps?.list() ?? []) : []),
    rightOf: (peerKey) => tapRightOf(parts.home, peerKey),
    snap: async (id, { signal, onPhase }) => {
      if (parts.taps === undefined) throw new GlasError('PeerNotFound', 'No image runs there.')
      try {
        const onTaking = () => onPhase('taking')
        const { record, outcome } = await parts.taps.snap(id, { signal, onTaking, allowSecrets: false })
        return { record: CID.parse(record), isNew: outcome === 'pushed' }
      } catch (error) {
        throw isGlasError(error, 'SecretFound') ? secretThere(error) : error
      }
    },
  }
}

/** Where the secret is, is for those who use that machine. */
function secretThere(cause: GlasError): GlasError {
  const message =
    'A secret was found in the snapshot, so it was not taken. It can be taken on the machine where the image runs: ' +
    'pintglas snap --secrets allow.'
  return new GlasError('SecretFound', message, { cause })
}
