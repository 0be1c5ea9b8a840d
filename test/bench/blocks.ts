/**
 * The block exchange between two processes over loopback: a holder with 200 MB of random blocks of 1 MiB in memory, a
 * puller that hashes what it gets. Prints a head and one CSV row. Arguments: MB in all, bytes of a block.
 */
import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { multiaddr } from '@multiformats/multiaddr'
import { CID } from 'multiformats/cid'
import { cidOf, RAW_CODEC, sha256 } from '../../src/glas/hash.ts'
import { fromHex, sameBytes, toHex } from '../../src/glas/keys.ts'
import { fetchBlocks } from '../../src/net/fetch-blocks.ts'
import { serveBlocks } from '../../src/net/serve-blocks.ts'
import { newLoopbackNode } from '../loopback.ts'

/** What the holder tells the puller over the IPC channel. */
interface Offer {
  address: string
  peerKey: string
  cids: string[]
}

const guard = { allow: () => true, onViolation: fail, onFailure: fail }

function fail(_peer: Uint8Array, error: Error): void {
  throw error
}

async function hold(totalBytes: number, blockBytes: number): Promise<void> {
  const node = await newLoopbackNode()
  const blocks = new Map<string, Uint8Array>()
  for (let held = 0; held < totalBytes; held += blockBytes) {
    const bytes = randomBytes(blockBytes)
    blocks.set(cidOf(RAW_CODEC, bytes).toString(), bytes)
  }
  const stored = async (cid: CID) => {
    const bytes = blocks.get(cid.toString())
    return bytes && { codec: 'raw' as const, rawLength: bytes.byteLength, bytes }
  }
  await serveBlocks(node.libp2p, { stored, mayServe: () => true }, guard)
  const address = node.libp2p.getMultiaddrs()[0]?.toString() ?? ''
  const offer: Offer = { address, peerKey: toHex(node.keyPair.publicKey), cids: [...blocks.keys()] }
  process.send?.(offer)
}

async function pull(totalMb: string, blockBytes: string): Promise<void> {
  const holder = fork(fileURLToPath(import.meta.url), ['hold', totalMb, blockBytes])
  const [offer] = (await once(holder, 'message')) as [Offer]
  const node = await newLoopbackNode()
  await node.libp2p.dial(multiaddr(offer.address))
  const cids = offer.cids.map((text) => CID.parse(text))
  const startMs = performance.now()
  let bytes = 0
  for await (const block of fetchBlocks(node.libp2p, fromHex(offer.peerKey), [cids])) {
    if (block.status !== 'found' || !sameBytes(sha256(block.bytes), block.cid.multihash.digest))
      throw new Error('wrong')
    bytes += block.bytes.byteLength
  }
  const seconds = (performance.now() - startMs) / 1000
  const rssMb = process.memoryUsage().rss / 1e6
  console.log('bench,blocks,block_bytes,mb,seconds,mb_per_s,puller_rss_mb')
  const row = [cids.length, blockBytes, bytes / 1e6, seconds.toFixed(2), bytes / 1e6 / seconds, rssMb]
  console.log(['blocks', ...row.map((value) => (typeof value === 'number' ? Math.round(value) : value))].join(','))
  holder.kill()
  await node.libp2p.stop()
}

const [role = 'pull', totalMb = '200', blockBytes = `${1024 * 1024}`] = process.argv.slice(2)
if (role === 'hold') await hold(Number(totalMb) * 1e6, Number(blockBytes))
else await pull(totalMb, blockBytes)
