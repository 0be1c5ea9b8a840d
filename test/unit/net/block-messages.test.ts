import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import { toGlasError } from '../../../src/glas/errors.ts'
import { cidOf, DAG_CBOR_CODEC, DAG_PB_CODEC, RAW_CODEC } from '../../../src/glas/hash.ts'
import { toHex } from '../../../src/glas/keys.ts'
import {
  type BlockAnswer,
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  MAX_BLOCK_BYTES,
  MAX_CIDS_PER_REQUEST,
} from '../../../src/net/block-messages.ts'
import { test } from '../../harness.ts'

const cids = fc
  .tuple(fc.constantFrom(RAW_CODEC, DAG_PB_CODEC, DAG_CBOR_CODEC), fc.uint8Array())
  .map(([codec, bytes]) => cidOf(codec, bytes))
const join = (parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts))
const failure = (work: () => unknown): string => {
  try {
    work()
    return 'none'
  } catch (error) {
    return toGlasError(error).code
  }
}

test('a request says the same after it was sent', () => {
  fc.assert(
    fc.property(fc.array(cids, { minLength: 1, maxLength: MAX_CIDS_PER_REQUEST }), (list) => {
      assert.equal(decodeRequest(encodeRequest(list)).map(String), list.map(String))
    }),
    { seed: 1 },
  )
})

test('an answer says the same after it was sent', () => {
  const found = fc
    .tuple(fc.constantFrom('raw' as const, 'zstd' as const), fc.uint8Array(), fc.nat(MAX_BLOCK_BYTES))
    .map(([codec, bytes, longer]): BlockAnswer => {
      return { status: 'found', codec, rawLength: codec === 'raw' ? bytes.byteLength : longer, bytes }
    })
  const none = fc.constantFrom('missing' as const, 'refused' as const, 'failed' as const).map((status) => ({ status }))
  fc.assert(
    fc.property(fc.oneof(found, none), (answer) => assert.equal(decodeAnswer(join(encodeAnswer(answer))), answer)),
    { seed: 2 },
  )
})

test('the messages are the bytes that the documents show', () => {
  const cid = CID.parse('bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e')
  const digest = 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9'
  assert.is(toHex(encodeRequest([cid])), `01551220${digest}`)
  const bytes = new TextEncoder().encode('hello world')
  const answer = encodeAnswer({ status: 'found', codec: 'raw', rawLength: 11, bytes })
  assert.is(toHex(join(answer)), '000000000b68656c6c6f20776f726c64')
  assert.is(toHex(join(encodeAnswer({ status: 'missing' }))), '0200000000')
  assert.is(toHex(join(encodeAnswer({ status: 'refused' }))), '0300000000')
  assert.is(toHex(join(encodeAnswer({ status: 'failed' }))), '0400000000')
})

test('other CIDs than version 1 with SHA-256, and more than a request may hold, are refused', () => {
  const cid = cidOf(RAW_CODEC, new Uint8Array())
  const v0 = CID.parse('QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n')
  assert.is(
    failure(() => encodeRequest([v0])),
    'UnknownFormat',
  )
  assert.is(
    failure(() => encodeRequest([])),
    'Internal',
  )
  assert.is(
    failure(() => decodeRequest(new Uint8Array())),
    'BadMessage',
  )
  assert.is(
    failure(() => decodeRequest(new Uint8Array(35))),
    'BadMessage',
  )
  assert.is(
    failure(() => decodeRequest(new Uint8Array(36))),
    'BadMessage',
  )
  const many = join(Array(MAX_CIDS_PER_REQUEST + 1).fill(cid.bytes))
  assert.is(
    failure(() => decodeRequest(many)),
    'LimitExceeded',
  )
})

test('answers that contradict themselves or are too large are refused', () => {
  const answer = (...bytes: number[]) => Uint8Array.from(bytes)
  assert.is(
    failure(() => decodeAnswer(answer())),
    'BadMessage',
  )
  assert.is(
    failure(() => decodeAnswer(answer(0, 0, 0, 0))),
    'BadMessage',
  )
  assert.is(
    failure(() => decodeAnswer(answer(5, 0, 0, 0, 0))),
    'BadMessage',
  )
  assert.is(
    failure(() => decodeAnswer(answer(0, 0, 0, 0, 1))),
    'BadMessage',
  )
  assert.is(
    failure(() => decodeAnswer(answer(0, 0, 0, 0, 0, 9))),
    'BadMessage',
  )
  assert.is(
    failure(() => decodeAnswer(answer(2, 0, 0, 0, 0, 9))),
    'BadMessage',
  )
  assert.is(
    failure(() => decodeAnswer(answer(1, 0, 0x20, 0, 1, 9))),
    'LimitExceeded',
  )
  assert.is(
    failure(() => decodeAnswer(new Uint8Array(6 + MAX_BLOCK_BYTES).fill(0))),
    'LimitExceeded',
  )
})
