import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { multiaddr } from '@multiformats/multiaddr'
import { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import { fromHex } from '../../src/glas/keys.ts'
import { fetchBlocks } from '../../src/net/fetch-blocks.ts'
import { type TestContext, test } from '../harness.ts'
import { codeOf, newLoopbackNode } from '../loopback.ts'

const HOLDER = fileURLToPath(new URL('../bench/blocks.ts', import.meta.url))
const HELD_MB = 64

/** A holder of 64 MB of blocks in a process of its own, and a puller here that is connected to it. */
async function holderProcess(t: TestContext) {
  const holder = fork(HOLDER, ['hold', `${HELD_MB}`, `${1024 * 1024}`])
  t.after(() => holder.kill('SIGKILL'))
  const [offer] = (await once(holder, 'message')) as [{ address: string; peerKey: string; cids: string[] }]
  const node = await newLoopbackNode()
  t.after(() => node.libp2p.stop())
  await node.libp2p.dial(multiaddr(offer.address))
  const batches = [offer.cids.map((text) => CID.parse(text))]
  return { holder, fetch: () => fetchBlocks(node.libp2p, fromHex(offer.peerKey), batches) }
}

test('a holder that is killed in the middle of a fetch is noticed at once', async (t) => {
  const { holder, fetch } = await holderProcess(t)
  let fetched = 0
  const pull = async () => {
    for await (const block of fetch()) {
      if (block.status === 'found') fetched += 1
      if (fetched === 10) holder.kill('SIGKILL')
    }
  }
  assert.is(await codeOf(pull()), 'PeerUnreachable')
  assert.ok(fetched >= 10 && fetched < HELD_MB)
})

const skip = existsSync('/proc/self/status') ? undefined : 'memory of another process is read from /proc'

test(
  'pullers that stop taking cost a holder little memory',
  async (t) => {
    const { holder, fetch } = await holderProcess(t)
    const rssMb = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${holder.pid}/status`, 'utf8'))?.[1]) / 1024
    for await (const _ of fetch());
    const beforeMb = rssMb()
    const stalled = Array.from({ length: 4 }, () => fetch()[Symbol.asyncIterator]())
    await Promise.all(stalled.map((fetching) => fetching.next()))
    await sleep(1000)
    const grownMb = rssMb() - beforeMb
    assert.ok(grownMb < 40, `the holder grew by ${grownMb} MB`)
    await Promise.all(stalled.map((fetching) => fetching.return?.()))
  },
  { skip },
)
