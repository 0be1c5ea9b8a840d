import { test } from '../harness.ts'

test('leaves a rejection behind', async () => {
  void Promise.reject(new Error('nobody waits for me'))
  await new Promise((resolve) => setTimeout(resolve, 20))
})
