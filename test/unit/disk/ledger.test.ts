import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { FileLayer } from '../../../src/disk/files.ts'
import { realFiles } from '../../../src/disk/files.ts'
import { Journal, readJournal } from '../../../src/disk/journal.ts'
import type { Ledger } from '../../../src/disk/ledger.ts'
import { openLedger } from '../../../src/disk/ledger.ts'
import { encodeManifest, readManifest } from '../../../src/disk/manifest.ts'
import { collect, errorCode, temporaryFolder } from '../../disk/fixture.ts'
import { LossyFiles, PowerOff, seeded } from '../../disk/lossy-files.ts'
import type { TestContext } from '../../harness.ts'
import { test } from '../../harness.ts'

const open = (folder: string) => openLedger(realFiles, folder, ['notes'])

/** A journal that is closed when the test ends. */
function journalOf(t: TestContext, ledger: Ledger): Journal {
  const journal = new Journal(ledger, 'notes')
  t.after(() => journal.close())
  return journal
}

async function addNote(ledger: Ledger, journal: Journal, note: string): Promise<void> {
  await journal.append(Buffer.from(note))
  await journal.flush()
  await ledger.commit()
}

async function notesOf(journal: Journal): Promise<string[]> {
  return (await collect(journal.records())).map((note) => Buffer.from(note).toString())
}

test('what was committed is there for the next owner, each with an epoch of its own', async (t) => {
  const folder = await temporaryFolder(t)
  for (let round = 1; round <= 4; round++) {
    const ledger = await open(folder)
    assert.is(ledger.epoch, round)
    const journal = journalOf(t, ledger)
    assert.is((await notesOf(journal)).length, round - 1)
    await addNote(ledger, journal, `note ${round}`)
  }
  const manifest = await readManifest(realFiles, folder)
  assert.is((await collect(readJournal(realFiles, folder, manifest!, 'notes'))).length, 4)
  assert.equal(
    (await readdir(folder)).filter((name) => name.startsWith('manifest')),
    ['manifest.4'],
  )
})

test('an owner that was fenced gets StoreLocked at its commit and nothing of it is acknowledged', async (t) => {
  const folder = await temporaryFolder(t)
  const old = await open(folder)
  const oldJournal = journalOf(t, old)
  await addNote(old, oldJournal, 'before')
  const next = await open(folder)
  assert.is(await errorCode(() => addNote(old, oldJournal, 'too late')), 'StoreLocked')
  const journal = journalOf(t, next)
  await addNote(next, journal, 'after')
  assert.is(await errorCode(() => addNote(old, oldJournal, 'much too late')), 'StoreLocked')
  assert.equal(await notesOf(journalOf(t, await open(folder))), ['before', 'after'])
})

test('an owner that is fenced in the middle of a commit acknowledges nothing that the next one has not read', async (t) => {
  for (const moment of ['before', 'after'] as const) {
    const folder = await temporaryFolder(t)
    let takeOver: (() => Promise<void>) | undefined
    const rename: FileLayer['rename'] = async (from, to) => {
      const now = to.endsWith('manifest.1') ? takeOver : undefined
      if (now !== undefined) takeOver = undefined
      if (moment === 'before') await now?.()
      await realFiles.rename(from, to)
      if (moment === 'after') await now?.()
    }
    const old = await openLedger({ ...realFiles, rename }, folder, ['notes'])
    const oldJournal = journalOf(t, old)
    await addNote(old, oldJournal, 'first')
    let next: Ledger | undefined
    takeOver = async () => {
      next = await open(folder)
    }
    assert.is(await errorCode(() => addNote(old, oldJournal, 'second')), 'StoreLocked', moment)
    const notes = await notesOf(journalOf(t, next!))
    assert.equal(notes, moment === 'before' ? ['first'] : ['first', 'second'])
  }
})

test('of two that take over at the same time one wins', async (t) => {
  const folder = await temporaryFolder(t)
  const ledgers = await Promise.allSettled([open(folder), open(folder), open(folder), open(folder)])
  const winners: string[] = []
  for (const result of ledgers) {
    if (result.status === 'rejected') continue
    const journal = journalOf(t, result.value)
    const note = `epoch ${result.value.epoch}`
    if ((await errorCode(() => addNote(result.value, journal, note))) === undefined) winners.push(note)
  }
  assert.ok(winners.length <= 1)
  assert.equal(await notesOf(journalOf(t, await open(folder))), winners)
})

test('a claim that was never filled in does not hide what is below it', async (t) => {
  const folder = await temporaryFolder(t)
  const ledger = await open(folder)
  await addNote(ledger, journalOf(t, ledger), 'kept')
  await writeFile(join(folder, 'manifest.9'), encodeManifest({ epoch: 9, claim: true, files: new Map() }))
  assert.is((await readManifest(realFiles, folder))?.epoch, 1)
  const next = await open(folder)
  assert.is(next.epoch, 10)
  assert.equal(await notesOf(journalOf(t, next)), ['kept'])
})

test('the next owner clears what was not acknowledged: tails, stray files, half-written manifests', async (t) => {
  const folder = await temporaryFolder(t)
  const ledger = await open(folder)
  await addNote(ledger, journalOf(t, ledger), 'kept')
  const log = join(folder, 'notes/1-1.log')
  const acknowledged = await readFile(log)
  await writeFile(log, Buffer.concat([acknowledged, Buffer.alloc(100)]))
  await writeFile(join(folder, 'notes/1-7.log'), 'stray')
  await writeFile(join(folder, 'notes/mine.txt'), 'not ours')
  await writeFile(join(folder, 'manifest.1.4711-abc.new'), 'half')
  await open(folder)
  assert.is((await stat(log)).size, acknowledged.length)
  assert.equal((await readdir(join(folder, 'notes'))).sort(), ['1-1.log', 'mine.txt'])
  assert.equal((await readdir(folder)).sort(), ['manifest.2', 'notes'])
})

test('records that are appended at once, to a journal that has no log yet, are all kept', async (t) => {
  const folder = await temporaryFolder(t)
  const ledger = await open(folder)
  const journal = journalOf(t, ledger)
  const notes = Array.from({ length: 20 }, (_, i) => `note ${i}`)
  await Promise.all(notes.map((note) => addNote(ledger, journal, note)))
  assert.equal((await notesOf(journalOf(t, await open(folder)))).sort(), notes.sort())
})

test('a rewritten journal takes the place of all earlier logs, which are deleted', async (t) => {
  const folder = await temporaryFolder(t)
  for (const note of ['a', 'b', 'c']) {
    const ledger = await open(folder)
    await addNote(ledger, journalOf(t, ledger), note)
  }
  const ledger = await open(folder)
  const journal = journalOf(t, ledger)
  await journal.append(Buffer.from('d'))
  await journal.rewrite([Buffer.from('b'), Buffer.from('d')])
  await ledger.commit()
  await addNote(ledger, journal, 'e')
  assert.is(journal.fileCount, 1)
  assert.is((await readdir(join(folder, 'notes'))).length, 1)
  assert.equal(await notesOf(journalOf(t, await open(folder))), ['b', 'd', 'e'])
})

test('a damaged manifest is named', async (t) => {
  const folder = await temporaryFolder(t)
  await open(folder)
  const path = join(folder, 'manifest.1')
  const text = await readFile(path, 'utf8')
  await writeFile(path, text.replace('"epoch":1', '"epoch":2'))
  assert.is(await errorCode(() => readManifest(realFiles, folder)), 'BadPack')
  assert.is(await errorCode(() => open(folder)), 'BadPack')
})

/** Appends notes until the power fails; gives those that were acknowledged and the one that may or may not be. */
async function scribble(files: LossyFiles, round: number): Promise<{ sure: string[]; maybe: string[] }> {
  const sure: string[] = []
  let maybe: string[] = []
  try {
    const ledger = await openLedger(files, '/home/index', ['notes'])
    const journal = new Journal(ledger, 'notes')
    const kept = await notesOf(journal)
    for (let i = 0; i < 4; i++) {
      maybe = [`${round}.${i}a`, `${round}.${i}b`.padEnd(1500, 'x')]
      for (const note of maybe) await journal.append(Buffer.from(note))
      if (i === 2) await journal.rewrite([...kept, ...sure, ...maybe].map((note) => Buffer.from(note)))
      await journal.flush()
      await ledger.commit()
      sure.push(...maybe)
      maybe = []
    }
  } catch (error) {
    if (!(error instanceof PowerOff)) throw error
  }
  return { sure, maybe }
}

test('a power failure at any step loses nothing acknowledged and invents nothing', async () => {
  for (let step = 1; step < 140; step++) {
    const random = seeded(step)
    let files = new LossyFiles()
    let expected: string[] = []
    for (let round = 0; round < 3; round++) {
      files.failAtStep = Math.floor(step * (0.4 + random()))
      const { sure, maybe } = await scribble(files, round)
      files = files.powerFailure(random)
      const manifest = await readManifest(files, '/home/index')
      const found =
        manifest === undefined
          ? []
          : (await collect(readJournal(files, '/home/index', manifest, 'notes'))).map((note) =>
              Buffer.from(note).toString(),
            )
      const without = [...expected, ...sure]
      const either = found.length === without.length ? without : [...without, ...maybe]
      assert.equal(found, either, `step ${step}, round ${round}`)
      expected = found
    }
  }
})
