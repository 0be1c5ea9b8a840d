import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import { checkCid, DAG_CBOR_CODE, DAG_PB_CODE } from './cid.ts'
import { decodeNode } from './dag-node.ts'

/**
 * The blocks that a block links to, in order, repeated where it repeats them: none for raw, all links of dag-pb, all
 * CID values of dag-cbor (a parent record is bytes there, and not followed). Throws UnknownFormat for a block that
 * is not what its CID says.
 */
export function linksOf(cid: CID, bytes: Uint8Array): CID[] {
  if (cid.code === DAG_PB_CODE) return decodeNode(bytes).links.map((link) => link.cid)
  if (cid.code === DAG_CBOR_CODE) return cborLinks(cid, bytes)
  return []
}

function cborLinks(cid: CID, bytes: Uint8Array): CID[] {
  let value: unknown
  try {
    value = dagCbor.decode(bytes)
  } catch (error) {
    // Among them: too deep for the stack.
    throw new GlasError('UnknownFormat', `The block ${cid} is no dag-cbor: it cannot be read.`, { cause: error })
  }
  const links: CID[] = []
  const waiting: unknown[] = [value]
  while (waiting.length > 0) {
    const next = waiting.pop()
    const link = CID.asCID(next)
    if (link !== null) links.push(link)
    else if (typeof next === 'object' && next !== null && !ArrayBuffer.isView(next)) {
      for (const part of Object.values(next).reverse()) waiting.push(part)
    }
  }
  for (const link of links) checkCid(link)
  return links
}
