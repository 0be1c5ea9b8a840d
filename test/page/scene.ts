/** A small world to look at: a laptop with a few glases, images that run, and a cluster node that keeps copies. */
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { good, startDaemon } from '../cli/process.ts'
import { chainStep } from '../gen/chain.ts'
import { copyDirectory, type ImageDirectory, imageDirectory, nextSnapshot } from '../gen/directory.ts'
import type { TestContext } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { WaitingTap } from '../tap/original-tap.ts'
import { type SamplerProcess, startSampler } from '../tap/sampler-process.ts'

const MB = 1_000_000
const HOUR_MS = 3_600_000
const LOOK_EVERY_MS = 300

type Push = (path: string) => Promise<{ record: string }>

/** Work in one image directory; each step is pushed as a version, so many hours ago. */
class Work {
  readonly #push: Push
  directory: ImageDirectory
  #step = 0

  constructor(push: Push, directory: ImageDirectory) {
    this.#push = push
    this.directory = directory
  }

  async save(hoursAgo: number): Promise<string> {
    const { edit } = chainStep(1 + (this.#step % 3), 42 * MB)
    if (this.#step++ > 0) this.directory = nextSnapshot(this.directory, { ...edit, seed: this.#step, newObjects: 400 })
    const moment = new Date(Date.now() - hoursAgo * HOUR_MS)
    for (const name of readdirSync(this.directory.path)) utimesSync(join(this.directory.path, name), moment, moment)
    return (await this.#push(this.directory.path)).record
  }
}

export interface Scene {
  sampler: SamplerProcess
  folder: string
}

/** `hasPeer` starts a second daemon, which copies everything. */
export async function newScene(t: TestContext, { hasPeer = false } = {}): Promise<Scene> {
  const folder = newFolder(t)
  const home = join(folder, 'home')
  mkdirSync(home)
  writeFileSync(join(home, 'config.json'), JSON.stringify({ http: '127.0.0.1:0', name: 'laptop', listen: ['127.0.0.1:0'] }))
  const sampler = await startSampler(t, home)
  const push = async (path: string) => good(t, home, 'push', path)
  if (hasPeer) await addPeer(t, folder, sampler)
  await pushAnts(t, home, { folder, push })
  for (const [name, saves] of [['Traffic', 4], ['Epidemic', 2], ['Größe <b>&amp; 🐜', 1]] as const) {
    const work = new Work(push, imageDirectory(join(folder, name), { seed: name.length, sizeBytes: 4 * MB, name }))
    for (let save = saves; save > 0; save--) await work.save(save * 26 + name.length)
  }
  while (hasPeer && !(await hasCopies(t, home))) await sleep(LOOK_EVERY_MS, undefined, { signal: t.signal })
  return { sampler, folder }
}

async function hasCopies(t: TestContext, home: string): Promise<boolean> {
  const { copies } = await good(t, home, 'status', 'Ants')
  return copies > 1
}

/** A line of work with a fork, tags and notes. */
async function pushAnts(t: TestContext, home: string, { folder, push }: { folder: string; push: Push }) {
  const work = new Work(push, imageDirectory(join(folder, 'Ants'), { seed: 3, sizeBytes: 6 * MB, name: 'Ants' }))
  await work.save(190)
  await work.save(165)
  const third = await work.save(140)
  await good(t, home, 'pull', `Ants@${third}`, join(folder, 'Ants-fork'))
  const fork = new Work(push, copyDirectory(work.directory, join(folder, 'scratch')))
  fork.directory = { ...fork.directory, path: join(folder, 'Ants-fork') }
  await work.save(96)
  await fork.save(90)
  await work.save(71)
  await fork.save(50)
  await work.save(27)
  await work.save(3)
  await good(t, home, 'tag', 'Ants@0.0.3', 'before-the-flood')
  await good(t, home, 'tag', 'Ants@0.0.8', 'paper')
  await good(t, home, 'note', 'Ants@0.0.8', 'Ran with 10,000 agents; pheromone decay 0.04')
  await good(t, home, 'note', 'Ants@0.0.5', 'What if they could swim?')
}

async function addPeer(t: TestContext, folder: string, { home }: SamplerProcess): Promise<void> {
  const other = join(folder, 'cluster')
  mkdirSync(other)
  writeFileSync(join(other, 'config.json'), JSON.stringify({ http: 'off', name: 'cluster', listen: ['127.0.0.1:0'] }))
  await startDaemon(t, other)
  const { invitation } = await good(t, home, 'invite')
  await good(t, other, 'join', invitation)
  await good(t, other, 'follow', 'laptop', '--keep', '3')
}

/** An image that runs and waits to be asked. */
export async function runImage(
  { sampler, folder }: Scene,
  name: string,
  onRequest: () => void = () => {},
): Promise<WaitingTap> {
  const record = { host: hostname(), path: join(folder, name), name, imageId: Buffer.from(name.padEnd(20, '.').slice(0, 20), 'latin1').toString('hex') }
  return WaitingTap.start(sampler.url, record, onRequest)
}
