/** A small world to look at: a laptop with a few glases, images that run, and a cluster node that keeps copies. */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { good, startDaemon } from '../cli/process.ts'
import { chainStep } from '../gen/chain.ts'
import { copyDirectory, type ImageDirectory, imageDirectory, nextSnapshot } from '../gen/directory.ts'
import type { TestContext } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { until } from '../loopback.ts'
import { beam, type TapRecord, WaitingTap } from '../tap/original-tap.ts'
import { type SamplerProcess, startSampler } from '../tap/sampler-process.ts'
import { zipOfDirectory } from '../tap/tap-zip.ts'

const MB = 1_000_000
const HOUR_MS = 3_600_000
const LOOK_EVERY_MS = 300
const BEAM_LIMIT_MS = 60_000

export interface Scene {
  sampler: SamplerProcess
  folder: string
}

/** A daemon with nothing in it. `hasPeer` starts a second one, which copies the newest versions. */
export async function newScene(t: TestContext, { hasPeer = false, settings = {} } = {}): Promise<Scene> {
  const folder = newFolder(t)
  const home = join(folder, 'home')
  mkdirSync(home)
  const config = { http: '127.0.0.1:0', name: 'laptop', listen: ['127.0.0.1:0'], ...settings }
  writeFileSync(join(home, 'config.json'), JSON.stringify(config))
  const sampler = await startSampler(t, home)
  if (hasPeer) await addPeer(t, folder, home)
  return { sampler, folder }
}

/** One line of work in an image, which its Tap beams. */
export class Work {
  readonly #scene: Scene
  readonly #directory: ImageDirectory
  record: TapRecord
  #saves: number

  private constructor(scene: Scene, directory: ImageDirectory, record: TapRecord, saves: number) {
    this.#scene = scene
    this.#directory = directory
    this.record = record
    this.#saves = saves
  }

  static begin(scene: Scene, name: string, { host = 'laptop', path = `/home/ada/${name}`, sizeBytes = MB } = {}): Work {
    const seed = name.length
    const directory = imageDirectory(join(scene.folder, `work-${seed}-${Date.now()}`), { seed, sizeBytes, name })
    return new Work(scene, directory, { host, path, name, imageId: createHash('sha1').update(path).digest('hex') }, 0)
  }

  /** Saves the image, after some work where it was saved before, and sends it; resolves when it is a version. */
  async save(hoursAgo = 0): Promise<void> {
    const { sampler } = this.#scene
    const took = () => sampler.said().match(/^Took /gm)?.length ?? 0
    const before = took()
    const zip = this.prepare(hoursAgo)
    await beam(sampler.url, this.record, zip)
    await until(() => took() > before, BEAM_LIMIT_MS)
  }

  /** The zip of the next snapshot, and its image-id in `record`. */
  prepare(hoursAgo = 0): string {
    if (this.#saves++ > 0) {
      const { edit } = chainStep(1 + (this.#saves % 2), 42 * MB)
      const segment = createHash('sha1').update(`${this.record.path}${this.#saves}`).digest('hex').slice(0, 4)
      const seed = Number.parseInt(segment, 16)
      Object.assign(this.#directory, nextSnapshot(this.#directory, { ...edit, seed, newObjects: 400 }))
      this.record = { ...this.record, imageId: `${this.record.imageId}-${segment}` }
    }
    const { path, name } = this.#directory
    return zipOfDirectory(`${path}.zip`, path, name, new Date(Date.now() - hoursAgo * HOUR_MS))
  }

  /** The same image, run from a copy of its directory. */
  fork(path: string, host = 'laptop'): Work {
    const directory = copyDirectory(this.#directory, `${this.#directory.path}-fork-${Date.now()}`)
    return new Work(this.#scene, { ...directory }, { ...this.record, host, path }, this.#saves)
  }
}

/** A week of work: forks, tags, notes, names that hold markup. */
export async function fillScene(t: TestContext, scene: Scene): Promise<Work> {
  const { home } = scene.sampler
  const ants = Work.begin(scene, 'Ants', { sizeBytes: 6 * MB })
  await ants.save(190)
  await ants.save(165)
  await ants.save(140)
  const swimming = ants.fork('/scratch/ada/ants-swim', 'node042')
  await ants.save(96)
  await swimming.save(90)
  await ants.save(71)
  await swimming.save(50)
  const winged = swimming.fork('/scratch/ada/ants-wings', 'node017')
  await ants.save(49)
  await winged.save(44)
  await swimming.save(30)
  await ants.save(27)
  await ants.save(3)
  await good(t, home, 'tag', 'Ants@0.0.3', 'before-the-flood')
  await good(t, home, 'tag', 'Ants@0.0.12', 'paper')
  await good(t, home, 'note', 'Ants@0.0.12', 'Ran with 10,000 agents, pheromone decay 0.04')
  await good(t, home, 'note', 'Ants@0.0.5', 'What if they could swim?')
  await good(t, home, 'note', 'Ants@0.0.9', 'Wings. Gravity is wrong')
  const traffic = Work.begin(scene, 'Traffic', { sizeBytes: 4 * MB, host: 'login1' })
  for (const hours of [200, 150, 75, 26]) await traffic.save(hours)
  await good(t, home, 'tag', 'Traffic@0.0.3', 'jam-forms')
  await Work.begin(scene, 'Größe <b>&amp; 🐜', { path: '/home/ada/Größe <b>&amp; 🐜' }).save(60)
  return ants
}

/** Waits until another peer has proved that it holds the latest version. */
export async function untilCopied(t: TestContext, { sampler }: Scene, reference: string): Promise<void> {
  while ((await good(t, sampler.home, 'status', reference)).copies < 2) {
    await sleep(LOOK_EVERY_MS, undefined, { signal: t.signal })
  }
}

async function addPeer(t: TestContext, folder: string, home: string): Promise<void> {
  const other = join(folder, 'cluster')
  mkdirSync(other)
  writeFileSync(join(other, 'config.json'), JSON.stringify({ http: 'off', name: 'cluster', listen: ['127.0.0.1:0'] }))
  await startDaemon(t, other)
  const { invitation } = await good(t, home, 'invite')
  await good(t, other, 'join', invitation)
  await good(t, other, 'follow', 'laptop', '--keep', '5')
}

/** An image that runs and waits to be asked. */
export function runImage({ sampler }: Scene, record: TapRecord, onRequest = () => {}): Promise<WaitingTap> {
  return WaitingTap.start(sampler.url, record, onRequest)
}
