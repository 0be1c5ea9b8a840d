import { GlasError, isGlasError } from '../glas/errors.ts'
import { peerIdText } from '../glas/keys.ts'
import type { NetworkPorts } from '../net/network.ts'
import { checkBlock } from '../stock/cid.ts'
import { decodeStored } from '../stock/codec.ts'
import { linksOf } from '../stock/links.ts'
import { deltaShelf } from './give-deltas.ts'
import { newGrant } from './grants.ts'
import { hold } from './hold.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'
import { publish } from './publish.ts'
import { sampleOf } from './sample.ts'
import { sharedTaps } from './shared-taps.ts'
import { fromWire, toWire } from './wire-block.ts'

/** What the network may ask of this home, and nothing else of stock and index gets to it. */
export function networkPorts(parts: Parts, options: Pick<CallOptions, 'signal' | 'onMessage'>): NetworkPorts {
  const { stock, index } = parts
  return {
    shelf: {
      stored: async (cid) => {
        const block = await unlessMissing(() => stock.getStored(cid))
        return block === undefined ? undefined : toWire(block)
      },
      mayServe: (peerKey) => parts.running()?.peer.node.members.isMember(peerKey) ?? false,
    },
    coldBytes: (cid) => stock.deltas.coldBytes(cid),
    deltas: deltaShelf(parts, options),
    publicBlocks: NOTHING_IS_PUBLIC,
    index: {
      session: (role) => index.session(role),
      add: (entries, from) => index.add(entries, peerIdText(from)),
    },
    receiveEntry: async (bytes, from) => {
      const [result] = await index.add([bytes], peerIdText(from))
      if (result?.outcome === 'refused') throw new GlasError(result.code, result.message)
      return result?.outcome === 'added' ? 'forward' : 'drop'
    },
    holding: {
      held: async () => stock.pins().map(({ cid }) => cid),
      block: (cid) => unlessMissing(() => stock.get(cid)),
      sample: (record, count) => sampleOf(stock, record, count),
      linksOf,
      unpack: async (cid, block) => {
        const bytes = await decodeStored(fromWire(block))
        checkBlock(cid, bytes)
        return bytes
      },
      hold: (record, from, { signal, onProgress }) => {
        const progress: CallOptions['onProgress'] = ({ doneBytes, totalBytes = 0 }) =>
          onProgress?.(doneBytes, totalBytes)
        const { onMessage } = options
        return hold(parts, record, from, {
          signal: signal ?? options.signal,
          offline: false,
          onProgress: progress,
          onMessage,
        })
      },
    },
    taps: sharedTaps(parts),
    signGrant: async (glasId, grantee) => {
      const entry = newGrant(parts.home, grantee, glasId)
      await publish(parts, [entry], options)
      return entry.bytes
    },
    onNotice: (error) => options.onMessage(error.message),
  }
}

/** What strangers get, over Bitswap too. No glas can be made public before its heap was searched for secrets. */
const NOTHING_IS_PUBLIC: NetworkPorts['publicBlocks'] = {
  has: async () => false,
  get: async () => undefined,
}

async function unlessMissing<Value>(read: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await read()
  } catch (error) {
    if (isGlasError(error, 'BlockMissing')) return undefined
    throw error
  }
}
