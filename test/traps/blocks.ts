import { test } from '../harness.ts'

test('spins for ever', () => {
  for (;;);
})
