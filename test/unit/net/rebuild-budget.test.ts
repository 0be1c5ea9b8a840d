import * as assert from 'uvu/assert'
import { cidOf, RAW_CODEC } from '../../../src/glas/hash.ts'
import { RebuildBudget } from '../../../src/net/rebuild-budget.ts'
import { test } from '../../harness.ts'

const GIB = 1024 ** 3
const [cold, warm] = ['cold', 'warm'].map((name) => cidOf(RAW_CODEC, Buffer.from(name))) as [never, never]
const [greedy, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]

test('a peer that has many images rebuilt waits; for blocks that cost nothing it does not, nor does another peer', async () => {
  const budget = new RebuildBudget(async (cid) => (cid === cold ? GIB : 0))
  const given: string[] = []
  const stored = async (cid: unknown) => {
    given.push(cid === cold ? 'cold' : 'warm')
    return undefined
  }
  const shelf = budget.over({ stored, mayServe: () => true })
  for (let at = 0; at < 2; at++) await shelf.stored(cold, greedy)
  let isOver = false
  const waiting = shelf.stored(cold, greedy).finally(() => {
    isOver = true
  })
  await shelf.stored(warm, greedy)
  await shelf.stored(cold, other)
  assert.is(isOver, false)
  assert.equal(given, ['cold', 'cold', 'warm', 'cold'])
  budget.stop()
  await assert.not.ok(await waiting.catch(() => undefined))
  assert.is(given.length, 4)
})
