import { noise } from '@chainsafe/libp2p-noise'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { Libp2p } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { type KeyPair, newKeyPair } from '../src/glas/keys.ts'
import type { TestContext } from './harness.ts'

/** A real libp2p node on loopback: TCP, Noise, Yamux and nothing else. */
export interface LoopbackNode {
  libp2p: Libp2p
  keyPair: KeyPair
}

export async function newLoopbackNode(keyPair: KeyPair = newKeyPair()): Promise<LoopbackNode> {
  const libp2p = await createLibp2p({
    privateKey: privateKeyFromRaw(Buffer.concat([keyPair.seed, keyPair.publicKey])),
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  })
  return { libp2p, keyPair }
}

/** `count` nodes, the first of which has dialled all others; stopped when the test ends. */
export async function connectedNodes(t: TestContext, count = 2): Promise<LoopbackNode[]> {
  const nodes = await Promise.all(Array.from({ length: count }, () => newLoopbackNode()))
  t.after(() => Promise.all(nodes.map(({ libp2p }) => libp2p.stop())))
  for (const { libp2p } of nodes.slice(1)) await nodes[0]!.libp2p.dial(libp2p.getMultiaddrs())
  return nodes
}
