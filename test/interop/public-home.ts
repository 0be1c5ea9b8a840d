/** A home of which some versions are given to everybody, for IPFS programs to fetch from. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { realFiles } from '../../src/disk/files.ts'
import { newKeyPair } from '../../src/glas/keys.ts'
import { homeFolder } from '../../src/home/folder.ts'
import { toMultiaddr } from '../../src/net/address.ts'
import { openPeer } from '../../src/net/peer.ts'
import { openPintGlas } from '../../src/open.ts'
import type { TestContext } from '../harness.ts'
import { anyPort } from '../home-peer.ts'

const PUSH = {
  step: 'patch',
  force: false,
  dryRun: false,
  allowSecrets: false,
  location: true,
  copies: 0,
  public: false,
} as const

/** A home in this process, with what it keeps in `folder`/home. */
export async function newPublicHome(t: TestContext, folder: string) {
  const options = { signal: t.signal, offline: true, onProgress: () => {}, onMessage: () => {} }
  const pintglas = await openPintGlas(homeFolder(join(folder, 'home')), { access: 'writing', isDaemon: false, options })
  t.after(() => pintglas.close())
  const { stock } = pintglas.parts
  return {
    parts: pintglas.parts,
    stock,
    push: (path: string) => pintglas.call('push', { ...PUSH, to: [], path }, options),
    /** Serves the blocks below these records, and no others, to whoever dials the address that is given back. */
    async publish(...records: string[]): Promise<string> {
      const open = new Set<string>()
      for await (const cid of stock.blocksOf(records.map((text) => CID.parse(text)))) open.add(cid.toString())
      const key = newKeyPair()
      const peerFolder = join(folder, 'peer')
      mkdirSync(peerFolder)
      const peer = await openPeer(
        {
          files: realFiles,
          folder: peerFolder,
          identity: { peer: key, owner: key.publicKey, name: 'public' },
          listen: [anyPort()],
        },
        {
          blocks: {
            has: async (cid) => open.has(cid.toString()),
            get: async (cid) => (open.has(cid.toString()) ? stock.get(cid) : undefined),
          },
          signGrant: async () => new Uint8Array(),
          receive: { entry: async () => 'drop', claim: async () => 'drop', taps: async () => 'drop' },
          onViolation: () => {},
          onNotice: () => {},
        },
      )
      t.after(() => peer.close())
      await peer.prepare()
      peer.start()
      return peer.addresses().map(toMultiaddr)[0]?.toString() ?? ''
    },
  }
}
