import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import * as assert from 'uvu/assert'
import { ERROR_CODES, ERROR_KINDS, type ErrorCode, exitCodeOf, GlasError } from '../src/glas/errors.ts'
import { test } from './harness.ts'
import { violations } from './layers.ts'

test('imports point down only, and only net knows helia and libp2p', () => {
  assert.equal(violations(), [])
})

test('every error code has an exit code, and operating.md lists it with that exit code', () => {
  const operating = readFileSync(resolve(import.meta.dirname, '../docs/operating.md'), 'utf8')
  for (const [code, kind] of Object.entries(ERROR_CODES)) {
    const { exit } = ERROR_KINDS[kind]
    assert.is(exitCodeOf(new GlasError(code as ErrorCode, 'x')), exit)
    assert.match(operating, new RegExp(`\\| ${code} \\| ${exit} \\|`), `${code} is missing in docs/operating.md`)
  }
})
