import { appendFileSync, copyFileSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { BlockThreads } from '../../src/beam/block-threads.ts'
import type { Parts } from '../../src/beam/parts.ts'
import { push } from '../../src/beam/push.ts'
import { Records } from '../../src/beam/records.ts'
import type { LockHolder } from '../../src/disk/lock.ts'
import { GlasError, isGlasError } from '../../src/glas/errors.ts'
import { homeFolder } from '../../src/home/folder.ts'
import { openHome } from '../../src/home/home.ts'
import { openIndex, readIndex } from '../../src/index/names.ts'
import { openSwarm } from '../../src/net/home-swarm.ts'
import { IN_MEMORY } from '../../src/stock/catalogue.ts'
import { openStock } from '../../src/stock/open.ts'
import { LossyFiles, PowerOff, seeded } from '../disk/lossy-files.ts'
import { imageDirectory } from '../gen/directory.ts'
import { type TestContext, test } from '../harness.ts'
import { plainPush } from '../home-parts.ts'
import { newFolder } from '../home-peer.ts'

const STOCK = '/home/stock'
const INDEX = '/home/index'

/** An image directory and the keys on the real disk; stock and index go where they can be lost. */
async function scene(t: TestContext) {
  const folder = newFolder(t)
  const { path } = imageDirectory(join(folder, 'ants'), { seed: 3, sizeBytes: 200_000, name: 'Ants' })
  const home = await openHome(homeFolder(join(folder, 'home')))
  const identity = { peer: home.peer, owner: home.owner.publicKey, name: 'ann' }
  const swarm = await openSwarm(home.folder.swarm, identity)
  return { path, home, swarm, sidecar: join(path, 'pintglas.ston'), options: quiet(t) }
}

const quiet = (t: TestContext) => ({ signal: t.signal, offline: false, onProgress: () => {}, onMessage: () => {} })

type Scene = Awaited<ReturnType<typeof scene>>

let lives = 0

/** Some hundred pushes, one after the other. */
const SLOW = { limitMs: 300_000 }

/** One life of a machine: from opening stock and index to the end of a push, or of the power. The record, or null. */
async function pushOn(files: LossyFiles, { path, home, swarm, options }: Scene): Promise<string | null> {
  const holder: LockHolder = { host: 'here', pid: process.pid, started: `life ${++lives}`, pidNamespace: null }
  const closing: Array<() => Promise<void>> = []
  try {
    const index = await openIndex(INDEX, { files, holder })
    closing.push(() => index.close())
    const stock = await openStock(STOCK, { writable: true, files, holder, cataloguePath: IN_MEMORY })
    closing.push(() => stock.close())
    const network = () => {
      throw new GlasError('NotAllowed', 'There is no network in this test.')
    }
    const records = new Records(stock)
    const threads = new BlockThreads()
    closing.push(() => threads.close())
    const parts: Parts = {
      home,
      swarm,
      index,
      stock,
      threads,
      records,
      isDaemon: false,
      isPublic: () => false,
      network,
      running: () => undefined,
    }
    return (await push(parts, plainPush(path), options)).record
  } catch (error) {
    const isPowerOff = error instanceof PowerOff || (isGlasError(error) && error.cause instanceof PowerOff)
    if (!isPowerOff) throw error
    return null
  } finally {
    for (const close of closing.reverse()) await close().catch(() => {})
  }
}

/** What the index names, and what the stock keeps; nothing that is named or kept may be incomplete. */
async function survivors(files: LossyFiles, where: string): Promise<Set<string>> {
  const index = await readIndex(INDEX, { files })
  const stock = await openStock(STOCK, { writable: false, files, cataloguePath: IN_MEMORY })
  assert.equal(await stock.check(), [], `${where}: all that is pinned is whole`)
  const pinned = new Set(stock.pins().map(({ cid }) => String(cid)))
  const named = index.view.glases().flatMap((glas) => glas.versions().flatMap(({ published }) => published))
  for (const { record } of named) assert.ok(pinned.has(String(record)), `${where}: ${record} is named and not there`)
  await stock.close()
  await index.close()
  return new Set(named.map(({ record }) => String(record)))
}

/** Cuts the power at every step of a second push in turn; `seed` decides what of the unsynced survives. */
async function cutAtEachStep(before: LossyFiles, first: string, at: Scene, seed: number): Promise<number> {
  const kept = `${at.sidecar}.kept`
  for (let step = 1; ; step++) {
    const random = seeded(seed * 10_000 + step)
    const where = `seed ${seed}, step ${step}`
    copyFileSync(kept, at.sidecar)
    const files = before.powerFailure(() => 1) // an own copy of a disk that has everything synced
    files.failAtStep = step
    const second = await pushOn(files, at)
    const isOver = files.steps < step
    const disk = files.powerFailure(random)
    const named = await survivors(disk, where)
    assert.ok(named.has(first), `${where}: the version before is lost`)
    if (second !== null) assert.ok(named.has(second), `${where}: an acknowledged version is lost`)
    const again = await pushOn(disk, at)
    assert.ok((await survivors(disk, `${where}, again`)).has(String(again)), where)
    if (isOver) return step
  }
}

test(
  'the power fails between any two steps of a push: what was acknowledged is there, and nothing is half there',
  async (t) => {
    const at = await scene(t)
    const disk = new LossyFiles()
    const first = await pushOn(disk, at)
    assert.ok(first !== null)
    copyFileSync(at.sidecar, `${at.sidecar}.kept`)
    appendFileSync(join(at.path, 'Ants.changes'), '"the work of a night"!')
    appendFileSync(join(at.path, '.pintglasignore'), '*.kept\n')
    for (const seed of [1, 2]) {
      const steps = await cutAtEachStep(disk, String(first), at, seed)
      assert.ok(steps > 20, `${steps} steps`)
    }
  },
  SLOW,
)

test(
  'the power fails between any two steps of the first push of a home: the home opens, and the push can be made',
  async (t) => {
    const at = await scene(t)
    for (let step = 1, isOver = false; !isOver; step++) {
      if (existsSync(at.sidecar)) rmSync(at.sidecar)
      const files = new LossyFiles()
      files.failAtStep = step
      const first = await pushOn(files, at)
      isOver = files.steps < step
      const disk = files.powerFailure(seeded(step))
      const named = await survivors(disk, `step ${step}`)
      if (first !== null) assert.ok(named.has(first), `step ${step}: an acknowledged version is lost`)
      const again = await pushOn(disk, at)
      assert.ok((await survivors(disk, `step ${step}, again`)).has(String(again)), `step ${step}`)
    }
  },
  SLOW,
)
