import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { type Share, ShareOut } from '../../../src/beam/share-out.ts'
import { newKeyPair } from '../../../src/glas/keys.ts'
import { cidOf, RAW_CODE, walkKey } from '../../../src/stock/cid.ts'
import type { Wants } from '../../../src/stock/wants.ts'
import { test } from '../../harness.ts'

const PEERS = 3
const KEYS = Array.from({ length: PEERS }, () => newKeyPair().publicKey)
const CIDS = Array.from({ length: 60 }, (_, n) => cidOf(RAW_CODE, Buffer.from(`block ${n}`)))

/** A queue of blocks as `Wants` has it: each is given out once, unless it is given back. */
function queueOf(cids: typeof CIDS): Pick<Wants, 'next' | 'giveBack'> {
  const left = [...cids]
  return { next: async (max) => left.splice(0, max), giveBack: (cid) => void left.push(cid) }
}

/** What a share asks for from now on, taken without waiting. */
function listen(share: Share) {
  const asked: Array<(typeof CIDS)[number]> = []
  void (async () => {
    for await (const cids of share.batches()) asked.push(...cids)
  })()
  return asked
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('whoever has which blocks, each block that somebody has is sent once, and nobody is asked twice for one', async () => {
  const has = fc.array(fc.array(fc.boolean(), { minLength: PEERS, maxLength: PEERS }), { minLength: 1, maxLength: 60 })
  const leaves = fc.integer({ min: 0, max: 40 })
  await fc.assert(
    fc.asyncProperty(has, leaves, async (holders, leaveAfter) => {
      const cids = CIDS.slice(0, holders.length)
      const isHeld = (at: number, peer: number) => holders[at]?.[peer] === true
      const shares = new ShareOut(queueOf(cids) as Wants)
      const works = KEYS.map((key, peer) => ({ peer, share: shares.join(key), told: 0, isGone: false }))
      const asked = works.map(({ share }) => listen(share))
      const sent: string[] = []
      for (let round = 0; round < 500; round++) {
        await shares.deal()
        await turn()
        for (const work of works) {
          const cid = work.isGone ? undefined : asked[work.peer]![work.told]
          if (cid === undefined) continue
          work.told++
          const found = isHeld(cids.indexOf(cid), work.peer)
          work.share.answered(cid, found ? 100_000 : undefined)
          if (found) sent.push(walkKey(cid))
          else shares.lacks(work.share, cid)
        }
        const first = works[0]!
        if (round === leaveAfter && !first.isGone) {
          first.isGone = true
          shares.leave(first.share)
        }
      }
      assert.is(new Set(sent).size, sent.length, 'a block was sent twice')
      for (const [at, cid] of cids.entries()) {
        if (isHeld(at, 1) || isHeld(at, 2))
          assert.ok(sent.includes(walkKey(cid)), 'a block that somebody has never came')
      }
      for (const list of asked)
        assert.is(new Set(list.map(walkKey)).size, list.length, 'one was asked twice for a block')
      for (const { share } of works) share.end()
    }),
    { numRuns: 40 },
  )
})
