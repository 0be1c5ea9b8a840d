import { test } from '../harness.ts'

test('ends the process', () => process.exit(0))
