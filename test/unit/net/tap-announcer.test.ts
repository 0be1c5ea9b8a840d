import * as assert from 'uvu/assert'
import { newKeyPair } from '../../../src/glas/keys.ts'
import { type AnnouncedTap, decodeAnnouncement } from '../../../src/net/tap-announcement.ts'
import { TapAnnouncer } from '../../../src/net/tap-announcer.ts'
import { test } from '../../harness.ts'
import { until } from '../../loopback.ts'

const ANTS = { id: '0102030405060708', name: 'Ants' }

/** What is told of `taps`, which the test changes. */
function announcing() {
  const taps: AnnouncedTap[] = []
  const told: Array<{ sequence: number; names: string }> = []
  const announcer = new TapAnnouncer({
    key: newKeyPair(),
    taps: () => taps,
    publish: async (bytes) => {
      const { body } = decodeAnnouncement(bytes)
      told.push({ sequence: body.sequence, names: body.taps.map(({ name }) => name).join() })
    },
  })
  return { taps, told, announcer }
}

test('a home where nothing runs says nothing; one where something did says so when it has gone', async () => {
  const { taps, told, announcer } = announcing()
  announcer.look()
  assert.is(announcer.current(), undefined)
  taps.push(ANTS)
  announcer.look()
  await until(() => told.length === 1)
  announcer.look()
  taps.pop()
  announcer.look()
  await until(() => told.length === 2)
  assert.equal(
    told.map(({ names }) => names),
    ['Ants', ''],
  )
  assert.ok(told[1]!.sequence > told[0]!.sequence)
  await announcer.stop()
  assert.is(told.length, 2)
})

test('whoever stops takes back what was told last, also when a change was not told yet', async () => {
  for (const isGone of [false, true]) {
    const { taps, told, announcer } = announcing()
    taps.push(ANTS)
    announcer.look()
    await until(() => told.length === 1)
    if (isGone) {
      taps.pop()
      announcer.look()
    }
    await announcer.stop()
    assert.equal(
      told.map(({ names }) => names),
      ['Ants', ''],
    )
  }
})
