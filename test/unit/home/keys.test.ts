import * as assert from 'uvu/assert'
import { isGlasError } from '../../../src/glas/errors.ts'
import { newKeyPair, sameBytes } from '../../../src/glas/keys.ts'
import { exportKey, importKey, keyFileText, parseKeyFile } from '../../../src/home/keys.ts'
import { test } from '../../harness.ts'

const isBadKey = (error: unknown) => isGlasError(error, 'BadKey')

test('an exported owner key comes back with its passphrase, and with no other', () => {
  const key = newKeyPair()
  const line = exportKey(key, 'correct horse')
  assert.ok(sameBytes(importKey(`  ${line}\n`, 'correct horse').seed, key.seed))
  assert.throws(() => importKey(line, 'correct horsf'), isBadKey)
})

test('an exported key that lost or changed a character is refused', () => {
  const line = exportKey(newKeyPair(), 'correct horse')
  assert.throws(() => importKey(line.slice(0, -1), 'correct horse'), isBadKey)
  const middle = line.length >> 1
  const changed = line.slice(0, middle) + (line[middle] === 'A' ? 'B' : 'A') + line.slice(middle + 1)
  assert.throws(() => importKey(changed, 'correct horse'), isBadKey)
  assert.throws(() => importKey('some other text', 'correct horse'), isBadKey)
})

test('a short passphrase is refused', () => {
  assert.throws(
    () => exportKey(newKeyPair(), 'short'),
    (error: unknown) => isGlasError(error, 'BadUsage'),
  )
})

test('a key file that is damaged is refused with its path', () => {
  const text = keyFileText(newKeyPair())
  assert.ok(parseKeyFile(text, 'x').seed)
  assert.throws(() => parseKeyFile(text.slice(0, 30), '/home/me/owner.key'), /owner\.key/)
  assert.throws(() => parseKeyFile('', 'x'), isBadKey)
})
