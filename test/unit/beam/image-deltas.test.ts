import * as assert from 'uvu/assert'
import { imageDeltas } from '../../../src/beam/image-deltas.ts'
import { encodeAndCheck } from '../../../src/beam/image-jobs.ts'
import { cidOf, digestOf, RAW_CODE } from '../../../src/stock/cid.ts'
import { MAX_IMAGE_BYTES } from '../../../src/stock/image-deltas.ts'
import { errorCode } from '../../disk/fixture.ts'
import { test } from '../../harness.ts'
import { imageChain, SMALL_EDIT } from '../stock/delta-fixture.ts'

const LEAF_BYTES = 1024 * 1024
/** A thread that did the work itself would turn once or twice; how long a turn takes is measured by test/bench/reach.ts. */
const FEWEST_TURNS = 6

function shapeOf(bytes: Uint8Array) {
  const digests: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += LEAF_BYTES) {
    digests.push(digestOf(cidOf(RAW_CODE, bytes.subarray(at, at + LEAF_BYTES))))
  }
  return { sizeBytes: bytes.length, leafBytes: LEAF_BYTES, digests: Buffer.concat(digests) }
}

/** How often others had their turn while the work was done. */
async function turnsDuring<Result>(work: () => Promise<Result>): Promise<{ result: Result; turns: number }> {
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  try {
    const result = await work()
    return { result, turns }
  } finally {
    clearInterval(timer)
  }
}

test('threads make and apply the same deltas as the work done in place, and hold nobody up', async () => {
  const [base, image] = imageChain(1, [SMALL_EDIT], 12_000_000) as [Uint8Array, Uint8Array]
  const images = imageDeltas(MAX_IMAGE_BYTES)
  const here = encodeAndCheck({ base, image }, MAX_IMAGE_BYTES)
  const shape = shapeOf(image)
  const { result: there, turns } = await turnsDuring(() => images.encode({ base, image }))
  assert.ok(here.kind === 'delta' && there.kind === 'delta' && Buffer.from(here.bytes).equals(there.bytes))
  assert.ok(turns >= FEWEST_TURNS, `only ${turns} turns while a delta was made`)
  const rebuilding = await turnsDuring(() => images.rebuild({ base, delta: there.bytes, shape }))
  assert.ok(Buffer.from(rebuilding.result).equals(image))
  assert.ok(rebuilding.turns >= FEWEST_TURNS, `only ${rebuilding.turns} turns while an image was rebuilt`)
})

test('bytes that make another image, and work that is called off, end with an error', async () => {
  const [base, image, other] = imageChain(1, [SMALL_EDIT, SMALL_EDIT], 300_000) as [Uint8Array, Uint8Array, Uint8Array]
  const images = imageDeltas(MAX_IMAGE_BYTES)
  const encoded = await images.encode({ base, image })
  assert.ok(encoded.kind === 'delta')
  const job = { base, delta: encoded.bytes, shape: shapeOf(image) }
  assert.is(await errorCode(() => images.rebuild({ ...job, base: other })), 'BadDelta')
  assert.is(await errorCode(() => images.rebuild({ ...job, delta: encoded.bytes.subarray(9) })), 'BadDelta')
  assert.is(await errorCode(() => images.rebuild({ ...job, shape: shapeOf(other) })), 'BadDelta')
  const controller = new AbortController()
  const stopped = images.encode({ base, image }, controller.signal)
  controller.abort(new Error('stop'))
  assert.is(await errorCode(() => stopped), 'Error: stop')
  assert.is((await images.encode({ base, image })).kind, 'delta')
})

test('an image above the limit, or no image at all, is unfit', async () => {
  const [base, image] = imageChain(1, [SMALL_EDIT], 300_000) as [Uint8Array, Uint8Array]
  const small = await imageDeltas(100_000).encode({ base, image })
  assert.ok(small.kind === 'unfit' && /limit/.test(small.reason))
  const other = await imageDeltas(MAX_IMAGE_BYTES).encode({ base, image: Buffer.alloc(1000) })
  assert.ok(other.kind === 'unfit' && other.reason === 'not a Spur image')
})
