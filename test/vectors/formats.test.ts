import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { decodeCertificate, decodeRemoval } from '../../src/glas/certificate.ts'
import { decodeEntry } from '../../src/glas/entry.ts'
import { isGlasError } from '../../src/glas/errors.ts'
import { toHex } from '../../src/glas/keys.ts'
import { decodeRecord, encodeRecord } from '../../src/glas/record.ts'
import { decodeMessage, encodeMessage } from '../../src/index/messages.ts'
import { test } from '../harness.ts'
import { refused, vectors } from './nouns.ts'

const DOCUMENTS = ['formats.md', 'protocols-index.md']

/** The blocks that begin with three backticks and `vector <name>`, without their line ends. */
function shown(): Map<string, string> {
  const found = new Map<string, string>()
  for (const document of DOCUMENTS) {
    const text = readFileSync(new URL(`../../docs/${document}`, import.meta.url), 'utf8')
    for (const [, name = '', body = ''] of text.matchAll(/^```vector ([a-z0-9-]+)\n([^`]*)^```$/gm)) {
      assert.not(found.has(name), `"${name}" stands twice`)
      found.set(name, body.replace(/\s/g, ''))
    }
  }
  return found
}

const documented = shown()
const bytesOf = (name: string) => Uint8Array.from(Buffer.from(documented.get(name) ?? '', 'hex'))

test('every fixed example of the documents is what the code makes, byte for byte, and none is missing', () => {
  const made = new Map([...vectors(), ...[...refused()].map(([name, { bytes }]) => [name, toHex(bytes)] as const)])
  for (const [name, value] of made) assert.is(documented.get(name), value, name)
  assert.equal([...documented.keys()].sort(), [...made.keys()].sort())
})

test('the examples can be read, from the documents alone, and written again', () => {
  for (const name of ['record', 'first-record', 'record-of-a-tap']) {
    assert.equal(Uint8Array.from(encodeRecord(decodeRecord(bytesOf(name))).bytes), bytesOf(name))
    assert.is(String(encodeRecord(decodeRecord(bytesOf(name))).cid), documented.get(`${name}-cid`))
  }
  const entries = [...documented.keys()].filter((name) => documented.has(`${name}-id`) && name !== 'certificate')
  assert.is(entries.length, 8)
  for (const name of entries) assert.is(toHex(decodeEntry(bytesOf(name)).id), documented.get(`${name}-id`))
  assert.is(toHex(decodeCertificate(bytesOf('certificate')).id), documented.get('certificate-id'))
  assert.is(decodeRemoval(bytesOf('removal')).body.swarm, documented.get('swarm-id'))
  for (const name of [...documented.keys()].filter((one) => one.startsWith('message-'))) {
    assert.equal(Uint8Array.from(encodeMessage(decodeMessage(bytesOf(name)))), bytesOf(name))
  }
})

test('the examples of what is refused are refused, by their codes', () => {
  for (const [name, { code }] of refused()) {
    assert.throws(
      () => decodeEntry(bytesOf(name)),
      (error: unknown) => isGlasError(error) && error.code === code,
    )
  }
})
