/** Whatever a delta says: a refusal, or bytes of the length that the caller asked for, in bounded time and memory. */
import { zstdCompressSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import { isGlasError } from '../../src/glas/errors.ts'
import { decodeDelta } from '../../src/spur/decode.ts'
import { encodeDelta } from '../../src/spur/encode.ts'
import { nextImage } from '../gen/edit.ts'
import { generateImage } from '../gen/image.ts'
import { seededRandom } from '../gen/random.ts'
import { test } from '../harness.ts'
import { type RawDelta, rawDelta } from '../unit/spur/raw-delta.ts'

const MUTATIONS = 1500
const BASE_BYTES = 800
const NEXT_BYTES = 880
const base = new Uint8Array(BASE_BYTES).map((_, at) => at * 7)

/** The message of the refusal, or undefined where an image came out. */
function refusalOf(from: Uint8Array, delta: Uint8Array, nextBytes: number): string | undefined {
  try {
    assert.is(decodeDelta(from, delta, nextBytes).length, nextBytes)
    return undefined
  } catch (error) {
    if (!isGlasError(error, 'BadDelta')) throw error
    return error.message
  }
}

function example(wordSize: 4 | 8) {
  const image = generateImage({ seed: 2, sizeBytes: 130_000, wordSize, segments: 2 })
  const next = nextImage(image, { seed: 3, newObjects: 60, slideFrom: 0.2, restart: true, touchedSlots: 40 })
  const encoding = encodeDelta(image.bytes, next.bytes)
  if (encoding.kind === 'unfit') throw new Error(encoding.reason)
  return { base: image.bytes, next: next.bytes, delta: encoding.bytes }
}

for (const wordSize of [8, 4] as const) {
  test(`${wordSize * 8} bit: a delta cut off anywhere is refused`, () => {
    const { base: from, next, delta } = example(wordSize)
    for (let length = 0; length < delta.length; length += 1 + (length >> 6)) {
      assert.ok(refusalOf(from, delta.subarray(0, length), next.length), `${length} bytes of ${delta.length}`)
    }
  })

  test(`${wordSize * 8} bit: bytes changed anywhere give a refusal or an image of the right size`, () => {
    const { base: from, next, delta } = example(wordSize)
    const random = seededRandom(wordSize)
    for (let round = 0; round < MUTATIONS; round++) {
      const mutated = delta.slice()
      const changes = 1 + random.below(3)
      const within = random.chance(0.5) ? 60 : delta.length
      for (let at = 0; at < changes; at++) mutated[random.below(within)] = random.next()
      refusalOf(from, mutated, next.length)
    }
  })

  test(`${wordSize * 8} bit: another base of the same size gives a refusal or an image of the right size`, () => {
    const { base: from, next, delta } = example(wordSize)
    const random = seededRandom(wordSize)
    refusalOf(new Uint8Array(from.length), delta, next.length)
    refusalOf(new Uint8Array(from.length).fill(255), delta, next.length)
    refusalOf(
      from.map(() => random.next()),
      delta,
      next.length,
    )
  })
}

/** A right one: everything copied, ten units new, one word patched. */
const RIGHT: RawDelta = {
  baseBytes: BASE_BYTES,
  nextBytes: NEXT_BYTES,
  spans: [
    [0, 0, 50],
    [10, 0, 50],
  ],
  words: new Uint8Array(88).fill(1),
  patches: [[3, 1]],
}

const LIES: readonly (readonly [name: string, lie: Partial<RawDelta>, refusal: RegExp])[] = [
  ['another beginning', { head: [0, 0, 0, 0] }, /begin/],
  ['another version', { version: 2 }, /version/],
  ['words of 16 bytes', { wordSize: 16 }, /word size/],
  ['unknown flags', { flags: 4 }, /flags/],
  ['another base', { baseBytes: BASE_BYTES + 8 }, /another base/],
  ['a larger image', { nextBytes: 2 ** 50 }, /another size/],
  ['no segment', { nextSegments: [] }, /no segment/],
  ['a million segments', { nextSegments: Array.from({ length: 5000 }, () => [0, 1, 1]) }, /too many/],
  ['a segment behind the file', { baseSegments: [[0, 101, 512]] }, /ends behind/],
  ['an empty segment', { baseSegments: [[0, 0, 512]] }, /overlap in the file/],
  ['an address above 2^53', { nextSegments: [[0, 110, 2 ** 52]] }, /impossible address/],
  [
    'segments at one address',
    {
      nextSegments: [
        [0, 50, 512],
        [0, 60, 520],
      ],
    },
    /overlap in the address space/,
  ],
  ['more payload than half an image', { lengths: [88, 2 ** 40, 2] }, /sizes are impossible/],
  ['half a word', { lengths: [87, 6, 3] }, /sizes are impossible/],
  ['a payload that is longer than said', { lengths: [80, 6, 2] }, /cannot be unpacked/],
  ['a payload that is shorter than said', { lengths: [96, 6, 2] }, /another size/],
  ['no zstd', { frame: new Uint8Array(20) }, /cannot be unpacked/],
  ['a copy from before the base', { spans: [[10, -1, 100]] }, /out of range/],
  ['a copy from behind the base', { spans: [[10, 1, 100]] }, /out of range/],
  [
    'copies that are longer than the image',
    {
      spans: [
        [0, 0, 100],
        [0, -100, 100],
      ],
    },
    /out of range/,
  ],
  ['literals that are longer than the image', { spans: [[2 ** 45, 0, 2]] }, /out of range/],
  ['spans that end too early', { spans: [[0, 0, 100]] }, /do not make up/],
  ['no spans', { spans: [] }, /do not make up/],
  [
    'copies of one unit',
    {
      spans: [
        [10, 0, 1],
        [0, 0, 99],
      ],
    },
    /copies too little/,
  ],
  ['literals without words', { spans: [[60, 0, 50]] }, /too few words/],
  ['words that nobody takes', { patches: [] }, /too many words/],
  [
    'a patch of nothing',
    {
      patches: [
        [3, 0],
        [3, 1],
      ],
    },
    /out of range/,
  ],
  ['a patch behind the image', { patches: [[110, 1]] }, /out of range/],
  ['a patch far behind the image', { patches: [[2 ** 52, 1]] }, /out of range/],
  ['a patch that has no words', { patches: [[3, 2]] }, /out of range/],
  ['half a patch', { patches: [[3]] }, /patches end too early/],
]

test('a right delta made by hand is taken', () => {
  assert.is(refusalOf(base, rawDelta(RIGHT), NEXT_BYTES), undefined)
})

for (const [name, lie, refusal] of LIES) {
  test(`refused: ${name}`, () => {
    assert.match(refusalOf(base, rawDelta({ ...RIGHT, ...lie }), NEXT_BYTES) ?? 'not refused', refusal)
  })
}

test('refused: numbers that are longer than they need be, or have no end', () => {
  const right = rawDelta(RIGHT)
  for (const number of [
    [0x80, 0x00],
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
  ]) {
    const long = Uint8Array.from([...right.subarray(0, 7), ...number, ...right.subarray(9)])
    assert.match(refusalOf(base, long, NEXT_BYTES) ?? 'not refused', /no proper number/)
  }
})

test('refused: a small frame that unpacks to 256 MiB, without unpacking it', () => {
  const bomb = zstdCompressSync(new Uint8Array(2 ** 28))
  const before = process.memoryUsage().rss
  assert.ok(refusalOf(base, rawDelta({ ...RIGHT, frame: bomb }), NEXT_BYTES))
  assert.ok(refusalOf(base, rawDelta({ ...RIGHT, frame: bomb, lengths: [2 ** 30, 6, 2] }), NEXT_BYTES))
  assert.ok(process.memoryUsage().rss - before < 2 ** 26)
})
