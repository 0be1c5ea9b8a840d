import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { realFiles } from '../src/disk/files.ts'
import { type KeyPair, newKeyPair, type PublicKey, toHex } from '../src/glas/keys.ts'
import { type Address, addressText, parseAddress } from '../src/net/address.ts'
import { openPeer, type Peer, type PeerOptions } from '../src/net/peer.ts'
import type { TestContext } from './harness.ts'

/** A home with a real peer on loopback, and what its ports were told. */
export interface TestHome {
  peer: Peer
  folder: string
  keyPair: KeyPair
  name: string
  /** Texts of the entries that came by gossip. */
  heard: string[]
  /** `code` of each violation, and by whom. */
  violations: Array<{ code: string; peerKey: string }>
  notices: string[]
  /** Grants that were asked for: glas-id and grantee. */
  granted: string[]
  /** Public blocks by CID. */
  publicBlocks: Map<string, Uint8Array>
}

export type HomeOptions = Partial<Pick<PeerOptions, 'listen' | 'allowOnly' | 'ssh' | 'mdns'>> & {
  folder?: string
  keyPair?: KeyPair
}

/** Opens and starts one; it is closed, and its folder gone, when the test ends. */
export async function newHome(t: TestContext, name: string, options: HomeOptions = {}): Promise<TestHome> {
  const folder = options.folder ?? newFolder(t)
  const keyPair = options.keyPair ?? newKeyPair()
  const publicBlocks = new Map<string, Uint8Array>()
  const told = { heard: [] as string[], violations: [] as TestHome['violations'], notices: [] as string[] }
  const granted: string[] = []
  const peer = await openPeer(
    {
      files: realFiles,
      folder,
      identity: { peer: keyPair, owner: keyPair.publicKey, name },
      listen: options.listen ?? [anyPort()],
      ...(options.allowOnly === undefined ? {} : { allowOnly: options.allowOnly }),
      ...(options.ssh === undefined ? {} : { ssh: options.ssh }),
    },
    {
      blocks: {
        has: async (cid: CID) => publicBlocks.has(cid.toString()),
        get: async (cid: CID) => publicBlocks.get(cid.toString()),
      },
      signGrant: async (glasId, grantee) => {
        granted.push(`${glasId} ${toHex(grantee)}`)
        return Buffer.from(`grant ${granted.length}`)
      },
      receive: {
        entry: async (bytes) => {
          const text = Buffer.from(bytes).toString()
          if (text.startsWith('bad')) throw new Error(text)
          told.heard.push(text)
          return 'forward'
        },
        claim: async () => 'drop',
        taps: async () => 'drop',
      },
      onViolation: (peerKey: PublicKey, error) =>
        void told.violations.push({ code: error.code, peerKey: toHex(peerKey) }),
      onNotice: (error) => void told.notices.push(error.message),
    },
  )
  t.after(() => peer.close())
  await peer.prepare()
  peer.start()
  return { peer, folder, keyPair, name, granted, publicBlocks, ...told }
}

/** A folder of its own, gone when the test ends. */
export function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'pintglas-test-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export const anyPort = (): Address => parseAddress('127.0.0.1:0')

/** `host:port#peerId`, as people give it to each other. */
export const addressOf = (home: TestHome): string => addressText(home.peer.addresses()[0]!)

export const memberNames = (home: TestHome): string => {
  const members = home.peer.swarm.membership.members()
  return members
    .map(({ name }) => name)
    .sort()
    .join(' ')
}

/** `inviter` lets `joiner` in. */
export async function letIn(inviter: TestHome, joiner: TestHome): Promise<void> {
  await joiner.peer.join(await inviter.peer.invite({ mayInvite: true }))
}

export const isUpWith = (home: TestHome, other: TestHome): boolean =>
  home.peer.node.members.isUp(other.keyPair.publicKey)
