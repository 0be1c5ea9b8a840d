import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { currentHolder } from '../../../src/disk/lock.ts'
import { parseReference } from '../../../src/glas/reference.ts'
import { openIndex, readIndex } from '../../../src/index/names.ts'
import { errorCode, temporaryFolder } from '../../disk/fixture.ts'
import { LossyFiles, PowerOff, seeded } from '../../disk/lossy-files.ts'
import { test } from '../../harness.ts'
import { granteeOf, ownWriter, recordOf } from './fixture.ts'
import { snapshotOf } from './snapshot.ts'

const ann = ownWriter('ann')
const laptop = granteeOf(ann, 'laptop')
const version = (n: number) => ann.version(n, [0, 0, n], recordOf(`${n}`)).bytes

/** A process that is no more: whoever comes next finds its lock. */
const GONE = { ...currentHolder(), pid: 2 ** 30, started: 'long ago' }

test('what was added is there after the index was closed and opened again', async (t) => {
  const folder = join(await temporaryFolder(t), 'index')
  const index = await openIndex(folder)
  await index.add([ann.granted.bytes, version(1), version(2)], 'here')
  const before = snapshotOf(index.view)
  await index.close()
  const again = await openIndex(folder)
  t.after(() => again.close())
  assert.equal(snapshotOf(again.view), before)
  assert.is(again.resolve(parseReference('model'), () => true).glasId, ann.glasId)
})

test('a reader sees what was acknowledged, beside a live writer, and cannot write', async (t) => {
  const folder = join(await temporaryFolder(t), 'index')
  assert.is((await readIndex(folder)).set.size, 0, 'nothing there yet')
  const writer = await openIndex(folder)
  t.after(() => writer.close())
  await writer.add([ann.granted.bytes, version(1)], 'here')
  const reader = await readIndex(folder)
  assert.equal(snapshotOf(reader.view), snapshotOf(writer.view))
  assert.is(await errorCode(() => reader.add([version(2)], 'here')), 'Internal')
})

test('there is one writer at a time', async (t) => {
  const folder = join(await temporaryFolder(t), 'index')
  const writer = await openIndex(folder)
  t.after(() => writer.close())
  assert.is(await errorCode(() => openIndex(folder)), 'StoreLocked')
})

test('many adds at once are all acknowledged, and the listeners hear of each entry once, when it lasts', async (t) => {
  const folder = join(await temporaryFolder(t), 'index')
  const index = await openIndex(folder)
  t.after(() => index.close())
  let heard = 0
  const stop = index.listen((entries) => (heard += entries.length))
  await Promise.all(
    [ann.granted.bytes, ...[1, 2, 3, 4, 5, 5, 5].map(version)].map((bytes) => index.add([bytes], 'here')),
  )
  assert.is(heard, 6)
  assert.is((await readIndex(folder)).set.size, 6)
  stop()
  await index.add([version(6)], 'here')
  assert.is(heard, 6)
})

test('refused entries do not reach the journal', async (t) => {
  const folder = join(await temporaryFolder(t), 'index')
  const index = await openIndex(folder)
  t.after(() => index.close())
  const results = await index.add([new Uint8Array(5), version(1), version(1)], 'somebody')
  assert.equal(
    results.map(({ outcome }) => outcome),
    ['refused', 'added', 'known'],
  )
  assert.is((await readIndex(folder)).set.size, 1)
})

test('the next version builds on the latest one, knows its forks, and takes a number and sequence of its own', async (t) => {
  const index = await openIndex(join(await temporaryFolder(t), 'index'))
  t.after(() => index.close())
  assert.equal(index.headOf(ann.glasId), { parent: undefined, heads: [], highest: undefined, sequence: 1 })
  const fork = laptop.version(2, [0, 0, 1], recordOf('fork')).bytes
  await index.add([ann.granted.bytes, laptop.granted.bytes, version(1), fork], 'here')
  const head = index.headOf(ann.glasId)
  assert.equal(head.parent?.record, recordOf('1'))
  assert.is(head.heads.length, 2)
  assert.equal([head.highest, head.sequence], [[0, 0, 1], 3])
  await index.add([ann.version(3, [0, 0, 2], recordOf('2')).bytes, ann.retract(4, recordOf('2')).bytes], 'here')
  const after = index.headOf(ann.glasId)
  assert.equal([after.parent?.record, after.highest, after.sequence], [recordOf('1'), [0, 0, 2], 5])
})

test('a version that was shown is announced when a fork has come under it', async (t) => {
  const folder = join(await temporaryFolder(t), 'index')
  const index = await openIndex(folder)
  await index.add([ann.granted.bytes, version(1)], 'here')
  assert.is(index.show(ann.glasId, [0, 0, 1]), undefined)
  await index.close()
  const again = await openIndex(folder)
  t.after(() => again.close())
  await again.add([laptop.granted.bytes, laptop.version(9, [0, 0, 1], recordOf('fork')).bytes], 'peer')
  assert.equal(again.show(ann.glasId, [0, 0, 1])?.fresh, [recordOf('fork')])
})

test('logs of very many writers are put together, and nothing is lost by it', async (t) => {
  const folder = join(await temporaryFolder(t), 'index')
  for (let n = 1; n <= 67; n++) {
    const index = await openIndex(folder)
    await index.add([version(n)], 'here')
    await index.close()
  }
  const index = await openIndex(folder)
  t.after(() => index.close())
  assert.is(index.set.size, 67)
  assert.ok((await readdir(join(folder, 'entries'))).length < 10)
})

test('a damaged journal is an error with the file’s name, not a shorter history', async (t) => {
  const folder = join(await temporaryFolder(t), 'index')
  const index = await openIndex(folder)
  await index.add([ann.granted.bytes, version(1), version(2)], 'here')
  await index.close()
  const [name = ''] = await readdir(join(folder, 'entries'))
  const path = join(folder, 'entries', name)
  const bytes = await readFile(path)
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1
  await writeFile(path, bytes)
  assert.is(await errorCode(() => openIndex(folder)), 'BadPack')
  assert.is(await errorCode(() => readIndex(folder)), 'BadPack')
})

test('after a power failure at any step, what was acknowledged is there', async () => {
  for (let step = 1; step <= 60; step += 3) {
    let files = new LossyFiles()
    let acknowledged = 0
    files.failAtStep = step
    try {
      const index = await openIndex('/home/index', { files, holder: GONE })
      for (const [n, bytes] of [ann.granted.bytes, version(1), version(2), version(3)].entries()) {
        await index.add([bytes], 'here')
        acknowledged = n + 1
      }
    } catch (error) {
      assert.instance(error, PowerOff)
    }
    files = files.powerFailure(seeded(step))
    const index = await openIndex('/home/index', { files })
    assert.ok(index.set.size >= acknowledged, `${index.set.size} of ${acknowledged} entries after step ${step}`)
    await index.close()
  }
})

test('10,000 versions are opened in about half a second of processor time', async (t) => {
  const folder = join(await temporaryFolder(t), 'index')
  const index = await openIndex(folder)
  const entries = [ann.granted.bytes, ...Array.from({ length: 10_000 }, (_, n) => version(n + 1))]
  for (let from = 0; from < entries.length; from += 500) await index.add(entries.slice(from, from + 500), 'here')
  await index.close()
  const before = process.cpuUsage() // not the clock: the machine has others to serve
  const again = await openIndex(folder)
  t.after(() => again.close())
  const latest = again.view.glas(ann.glasId)?.latest
  const { user, system } = process.cpuUsage(before)
  const tookMs = (user + system) / 1000
  console.log(`opened 10,001 entries in ${Math.round(tookMs)} ms of processor time`)
  assert.equal(latest?.version, [0, 0, 10_000])
  assert.ok(tookMs < 1500, `${tookMs} ms`)
})
