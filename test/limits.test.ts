import * as assert from 'uvu/assert'
import { limitsAsWritten, limitsText } from '../build/limits.ts'
import { test } from './harness.ts'

test('docs/limits.md lists every limit of the source (npm run limits writes it anew)', () => {
  assert.is(limitsAsWritten(), limitsText())
})
