import { noise } from '@chainsafe/libp2p-noise'
import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import { type UnixFS, unixfs } from '@helia/unixfs'
import * as dagPb from '@ipld/dag-pb'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createHeliaLight } from 'helia'
import { UnixFS as UnixFsMessage } from 'ipfs-unixfs'
import type { CID } from 'multiformats/cid'
import { cidOf, DAG_PB_CODE } from '../src/stock/cid.ts'
import type { TestContext } from './harness.ts'

/** Any other IPFS program: a helia with Bitswap and a store of its own, on loopback; stopped when the test ends. */
export async function newIpfsNode(t: TestContext) {
  const helia = withBitswap(
    withLibp2pLight(createHeliaLight(), {
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify() },
    }),
  )
  await helia.start()
  t.after(() => helia.stop())
  const get = async (cid: CID, timeoutMs: number): Promise<string> => {
    let text = ''
    for await (const part of helia.blockstore.get(cid, { signal: AbortSignal.timeout(timeoutMs) })) {
      text += Buffer.from(part).toString()
    }
    return text
  }
  /** Puts a dag-pb node that @helia/unixfs would not make. */
  const putNode = async (message: UnixFsMessage, links: dagPb.PBLink[] = []): Promise<CID> => {
    const bytes = dagPb.encode({ Data: message.marshal(), Links: links })
    const cid = cidOf(DAG_PB_CODE, bytes)
    await helia.blockstore.put(cid, bytes)
    return cid
  }
  return {
    helia,
    get,
    putNode,
    fs: unixfs(helia),
    /** With the peer id, as people copy it from `ipfs id`. */
    address: (): string => helia.libp2p.getMultiaddrs()[0]?.toString() ?? '',
    symlink: (target: string) => putNode(new UnixFsMessage({ type: 'symlink', data: Buffer.from(target) })),
  }
}

export type IpfsNode = Awaited<ReturnType<typeof newIpfsNode>>

/** A directory of these things, by name. */
export async function directoryOf(fs: UnixFS, entries: Record<string, CID>): Promise<CID> {
  let directory = await fs.addDirectory()
  for (const [name, cid] of Object.entries(entries)) directory = await fs.cp(cid, directory, name)
  return directory
}
