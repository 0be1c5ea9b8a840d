import { setTimeout as sleep } from 'node:timers/promises'
import { noise } from '@chainsafe/libp2p-noise'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { Libp2p } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { type GlasError, toGlasError } from '../src/glas/errors.ts'
import { type KeyPair, newKeyPair, type PublicKey, sameBytes } from '../src/glas/keys.ts'
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
  for (const { libp2p } of nodes.slice(1)) {
    await nodes[0]!.libp2p.dial(libp2p.getMultiaddrs())
    await until(() => libp2p.getConnections().length > 0)
  }
  return nodes
}

/** A guard that lets everybody in but the listed strangers, and remembers what was reported, as `code` per peer. */
export function recordingGuard(strangers: LoopbackNode[] = []) {
  const violations: string[] = []
  const failures: string[] = []
  return {
    violations,
    failures,
    allow: (peerKey: PublicKey) => !strangers.some(({ keyPair }) => sameBytes(keyPair.publicKey, peerKey)),
    onViolation: (_peer: PublicKey, error: GlasError) => void violations.push(error.code),
    onFailure: (_peer: PublicKey, error: GlasError) => void failures.push(error.code),
  }
}

/** The code of the GlasError that `work` fails with; `none` when it does not fail. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'none'
  } catch (error) {
    return toGlasError(error).code
  }
}

/** Waits until `isSo`, looking every few milliseconds; gives up after `limitMs`. */
export async function until(isSo: () => boolean, limitMs = 20_000): Promise<void> {
  const endMs = performance.now() + limitMs
  while (!isSo()) {
    if (performance.now() > endMs) throw new Error(`still not so after ${limitMs} ms: ${isSo}`)
    await sleep(5)
  }
}
