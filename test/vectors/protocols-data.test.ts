import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { GlasError } from '../../src/glas/errors.ts'
import { cidOf, DAG_CBOR_CODEC, DAG_PB_CODEC, RAW_CODEC } from '../../src/glas/hash.ts'
import { keyPairFromSeed, toHex } from '../../src/glas/keys.ts'
import { encodeAnswer, encodeRequest } from '../../src/net/block-messages.ts'
import { challengeHash } from '../../src/net/challenge.ts'
import { signClaim } from '../../src/net/claim.ts'
import { encodeDeltaAnswer, encodeDeltaRequest } from '../../src/net/delta-messages.ts'
import { encodeHolderAnswer, encodeHolderRequest } from '../../src/net/holder-messages.ts'
import { encodeRefusal } from '../../src/net/refusal.ts'
import { test } from '../harness.ts'

/** Every word of the document that is nothing but hex and no shorter than the shortest message. */
const shown = new Set(
  readFileSync(new URL('../../docs/protocols-data.md', import.meta.url), 'utf8').match(/\b[0-9a-f]{10,}\b/g),
)
const text = (words: string) => new TextEncoder().encode(words)
const block = text('hello world')
const key = keyPairFromSeed(new Uint8Array(32).fill(7))
const record = cidOf(DAG_CBOR_CODEC, text('record 1'))
const nonce = new Uint8Array(32).fill(9)
const cid = cidOf(RAW_CODEC, block)
const image = cidOf(DAG_PB_CODEC, text('image'))
const base = cidOf(DAG_PB_CODEC, text('base'))

test('the messages are, byte for byte, those that the document shows', () => {
  const shape = { sizeBytes: 99, leafBytes: 64, digests: new Uint8Array(64).fill(5) }
  const claim = signClaim({ peer: key.publicKey, sequence: 1_700_000_000_000, held: [record], dropped: [] }, key)
  const messages = {
    refusal: encodeRefusal(new GlasError('NotAllowed', 'No.')),
    request: encodeRequest([cid]),
    answer: Buffer.concat(encodeAnswer({ status: 'found', codec: 'raw', rawLength: block.byteLength, bytes: block })),
    missing: Buffer.concat(encodeAnswer({ status: 'missing' })),
    key: key.publicKey,
    claim: claim.bytes,
    'delta request': encodeDeltaRequest({ file: image, bases: [base], bytesPerSecond: 1_000_000, takesBase: true }),
    working: encodeDeltaAnswer({ kind: 'working' }),
    none: encodeDeltaAnswer({ kind: 'none', reason: 'the line is fast' }),
    delta: encodeDeltaAnswer({ kind: 'delta', file: image, base, ...shape, deltaBytes: 174 }),
    claims: encodeHolderRequest({ kind: 'claims' }),
    hold: encodeHolderRequest({ kind: 'hold', record }),
    challenge: encodeHolderRequest({ kind: 'challenge', record, nonce, blocks: [cid] }),
    progress: encodeHolderAnswer({ kind: 'progress', doneBytes: 1000, totalBytes: 65_536 }),
    hash: challengeHash(nonce, key.publicKey, block),
  }
  for (const [name, bytes] of Object.entries(messages)) assert.ok(shown.has(toHex(bytes)), `${name}: ${toHex(bytes)}`)
  assert.is(shown.size, Object.keys(messages).length)
})
