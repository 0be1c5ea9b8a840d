import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { cidOf, DAG_CBOR_CODEC } from '../../src/glas/hash.ts'
import { keyPairFromSeed, toHex } from '../../src/glas/keys.ts'
import { encodeLiveAnswer, encodeLiveRequest } from '../../src/net/live-messages.ts'
import { signAnnouncement } from '../../src/net/tap-announcement.ts'
import { test } from '../harness.ts'

const document = readFileSync(new URL('../../docs/protocols-live.md', import.meta.url), 'utf8')
/** Every word of the document that is nothing but hex and no shorter than the shortest message. */
const shown = new Set(document.match(/\b[0-9a-f]{20,}\b/g))
const key = keyPairFromSeed(new Uint8Array(32).fill(7))
const record = cidOf(DAG_CBOR_CODEC, new TextEncoder().encode('record 1'))
const id = '0102030405060708'

test('the messages are, byte for byte, those that the document shows', () => {
  const announced = { peer: key.publicKey, sequence: 1_700_000_000_000, taps: [{ id, name: 'Ants' }] }
  const messages = {
    key: key.publicKey,
    announced: signAnnouncement(announced, key).bytes,
    list: encodeLiveRequest({ kind: 'list' }),
    snap: encodeLiveRequest({ kind: 'snap', id }),
    announcement: encodeLiveAnswer({ kind: 'announcement', ageMs: 1000, announcement: new Uint8Array([1, 2]) }),
    right: encodeLiveAnswer({ kind: 'right', right: 'live', taps: 1 }),
    tap: encodeLiveAnswer({ kind: 'tap', id, name: 'Ants', host: 'sim7', path: '/ants' }),
    progress: encodeLiveAnswer({ kind: 'progress', phase: 'asked' }),
    taken: encodeLiveAnswer({ kind: 'taken', record, isNew: true }),
  }
  for (const [name, bytes] of Object.entries(messages)) assert.ok(shown.has(toHex(bytes)), `${name}: ${toHex(bytes)}`)
  assert.is(shown.size, Object.keys(messages).length)
  assert.ok(document.includes(String(record)))
})
