import { test } from '../harness.ts'

test('waits for ever', () => new Promise(() => setInterval(() => {}, 1000)), { limitMs: 200 })
