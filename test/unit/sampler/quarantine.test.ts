import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Quarantine } from '../../../src/sampler/quarantine.ts'
import { parseTapMessage } from '../../../src/sampler/tap-message.ts'
import { test } from '../../harness.ts'
import { newFolder } from '../../home-peer.ts'

const message = parseTapMessage(
  JSON.stringify({ action: 'beam', host: 'h', path: '/p', name: 'A <b>🍺', imageId: 'a'.repeat(40) }),
)
const GIB = 1024 ** 3

test('what a crash has left half done is removed, what was kept is there, and damaged notes harm nobody', async (t) => {
  const folder = newFolder(t)
  const first = await Quarantine.open(folder, () => {})
  const zip = join(newFolder(t), 'beam.zip')
  writeFileSync(zip, 'bytes')
  const kept = await first.add(message, zip, { from: '203.0.113.5', arrived: first.expect('203.0.113.5', 5) })
  const note = readFileSync(join(folder, `${kept.id}.json`), 'utf8')
  writeFileSync(join(folder, `${'1'.repeat(16)}.zip`), 'its note was not written')
  writeFileSync(join(folder, `${'2'.repeat(16)}.json`), note) // its zip is gone
  writeFileSync(join(folder, `${'3'.repeat(16)}.json`), '{"host":')
  writeFileSync(join(folder, `${'3'.repeat(16)}.zip`), 'x')
  writeFileSync(join(folder, `${'4'.repeat(16)}.json.77-ab.new`), note)
  const again = await Quarantine.open(folder, () => {})
  assert.equal(again.list(), [kept])
  assert.equal(readdirSync(folder).sort(), [`${kept.id}.json`, `${kept.id}.zip`])
  assert.is(readFileSync(again.get(kept.id).zip, 'utf8'), 'bytes')
  await again.remove(kept.id)
  assert.equal(readdirSync(folder), [])
})

test('bytes and snapshots that are still on their way count against the bounds', async (t) => {
  const quarantine = await Quarantine.open(newFolder(t), () => {})
  const isFull = (from: string, bytes: number) => {
    try {
      quarantine.expect(from, bytes)()
      return false
    } catch (error) {
      assert.is((error as { code: string }).code, 'LimitExceeded')
      return true
    }
  }
  const arrived = quarantine.expect('10.0.0.1', 7 * GIB)
  assert.equal([isFull('10.0.0.2', 2 * GIB), isFull('10.0.0.2', GIB)], [true, false])
  arrived()
  assert.is(isFull('10.0.0.2', 2 * GIB), false)
  const coming = Array.from({ length: 8 }, () => quarantine.expect('10.0.0.1', 1))
  assert.equal([isFull('10.0.0.1', 1), isFull('10.0.0.2', 1)], [true, false])
  for (let count = 0; count < 24; count++) quarantine.expect(`10.0.1.${count}`, 1)
  assert.is(isFull('10.0.0.2', 1), true)
  for (const done of coming) done()
  assert.is(isFull('10.0.0.2', 1), false)
})

test('snapshots that arrive all at once keep to the bounds, and one is accepted by one alone', async (t) => {
  const quarantine = await Quarantine.open(newFolder(t), () => {})
  const folder = newFolder(t)
  const arrive = async (at: number) => {
    const zip = join(folder, `${at}.zip`)
    writeFileSync(zip, 'bytes')
    return quarantine.add(message, zip, { from: '10.0.0.1', arrived: () => {} })
  }
  const results = await Promise.allSettled(Array.from({ length: 40 }, (_, at) => arrive(at)))
  assert.is(results.filter(({ status }) => status === 'fulfilled').length, 8)
  const [first] = quarantine.list()
  const { release } = quarantine.hold(first!.id)
  assert.throws(() => quarantine.hold(first!.id), /being accepted/)
  assert.match(String(await quarantine.remove(first!.id).catch((error) => error)), 'being accepted')
  release()
  await quarantine.remove(first!.id)
  assert.is(quarantine.list().length, 7)
})
