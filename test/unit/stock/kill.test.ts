import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { openStock } from '../../../src/stock/open.ts'
import { temporaryFolder } from '../../disk/fixture.ts'
import { seeded } from '../../disk/lossy-files.ts'
import { test } from '../../harness.ts'

const SCRIBBLER = join(import.meta.dirname, 'scribbler.ts')
const KILLS = 20
/** Several rounds of pushes and sweeps of the scribbler. */
const MAX_LIFE_MS = 150

/** Starts a writer, kills it at a random moment, and applies what it said to the set of pinned versions. */
async function killOne(folder: string, seed: number, pinned: Set<string>): Promise<void> {
  const child = spawn(process.execPath, [SCRIBBLER, folder, String(seed)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said += text
  })
  await once(child.stdout, 'data')
  await sleep(seeded(seed)() * MAX_LIFE_MS)
  child.kill('SIGKILL')
  await once(child, 'close')
  for (const line of said.split('\n').slice(0, -1)) {
    const [what, cid = ''] = line.split(' ')
    if (what === 'pinned') pinned.add(cid)
    if (what === 'unpinning') pinned.delete(cid)
  }
}

test(`${KILLS} writers killed at random moments, one after the other, lose nothing that they acknowledged`, async (t) => {
  const folder = await temporaryFolder(t)
  const pinned = new Set<string>()
  for (let seed = 1; seed <= KILLS; seed++) {
    await killOne(folder, seed, pinned)
    const stock = await openStock(folder, { writable: seed % 2 === 0 })
    const found = stock.pins().map((pin) => String(pin.cid))
    for (const cid of pinned) assert.ok(found.includes(cid), `seed ${seed}: ${cid} is gone`)
    assert.equal(await stock.check(), [], `seed ${seed}`)
    if (seed % 4 === 0) {
      await stock.gc()
      assert.equal(await stock.check(), [], `seed ${seed}, after a sweep`)
    }
    await stock.close()
  }
  assert.ok(pinned.size > 0)
})
