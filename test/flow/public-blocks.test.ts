import { readdirSync } from 'node:fs'
import type { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import { cidOf, RAW_CODEC } from '../../src/glas/hash.ts'
import { fromMultiaddr, toMultiaddr } from '../../src/net/address.ts'
import { test } from '../harness.ts'
import { newHome } from '../home-peer.ts'
import { newIpfsNode } from '../ipfs-node.ts'
import { codeOf } from '../loopback.ts'

const block = (text: string): [CID, Uint8Array] => {
  const bytes = Buffer.from(text)
  return [cidOf(RAW_CODEC, bytes), bytes]
}

test('any IPFS program gets the blocks of public glases, and no others', async (t) => {
  const ann = await newHome(t, 'ann')
  const [open, bytes] = block('for everybody')
  const [closed] = block('for members')
  ann.publicBlocks.set(open.toString(), bytes)
  const ipfs = await newIpfsNode(t)
  await ipfs.helia.libp2p.dial(ann.peer.addresses().map(toMultiaddr))
  assert.is(await ipfs.get(open, 5_000), 'for everybody')
  assert.is.not(await codeOf(ipfs.get(closed, 500)), 'none')
})

test('a public block of somebody else comes over Bitswap and is left to the caller to store', async (t) => {
  const ann = await newHome(t, 'ann')
  const ipfs = await newIpfsNode(t)
  const [cid, bytes] = block('from the world')
  await ipfs.helia.blockstore.put(cid, bytes)
  const address = ipfs.helia.libp2p.getMultiaddrs().map(fromMultiaddr)[0]!
  await ann.peer.node.dial([address])
  const files = readdirSync(ann.folder).sort()
  const fetched = await ann.peer.node.fetchPublic(cid, { signal: AbortSignal.timeout(5_000) })
  assert.is(Buffer.from(fetched).toString(), 'from the world')
  assert.is(ann.publicBlocks.size, 0)
  assert.equal(readdirSync(ann.folder).sort(), files)
  const [missing] = block('nobody has this')
  assert.is(await codeOf(ann.peer.node.fetchPublic(missing, { signal: AbortSignal.timeout(300) })), 'TimedOut')
})

test('helia and libp2p keep nothing in the folder of the home', async (t) => {
  const ann = await newHome(t, 'ann')
  await ann.peer.connect(`127.0.0.1:${(await newHome(t, 'bob')).peer.addresses()[0]!.port}`)
  assert.equal(
    readdirSync(ann.folder).filter((name) => !['swarm.cbor', 'invites.cbor', 'addresses.cbor'].includes(name)),
    [],
  )
})
