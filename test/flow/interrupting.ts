/** What the tests of crashes and interruptions have in common: a peer that is slow enough to be interrupted. */
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { folderIn, good } from '../cli/process.ts'
import { imageDirectory } from '../gen/directory.ts'
import { seededRandom } from '../gen/random.ts'
import type { TestContext } from '../harness.ts'
import { type OpenHome, openHomeHere, plainPush, slowDown } from '../home-parts.ts'

const RESULT_FILES = 200

/** An image directory with many small results beside the image: many blocks, so that there are many moments. */
export function ants(folder: string, seed: number): string {
  const { path } = imageDirectory(join(folder, 'ants'), { seed, sizeBytes: 1_000_000, name: 'Ants' })
  const results = folderIn(path, 'results')
  const random = seededRandom(seed)
  for (let n = 0; n < RESULT_FILES; n++) {
    writeFileSync(join(results, `run-${n}.csv`), Array.from({ length: 800 }, () => random.next()).join(','))
  }
  return path
}

export interface Holder extends OpenHome {
  directory: string
  reference: string
  newBytes: number
  /** CIDs that were asked of it so far. */
  asked: string[]
}

/** A peer with one version that takes 15 ms for a block, and a home `bob` that is a member of its swarm. */
export async function slowHolder(t: TestContext, folder: string, bob: string): Promise<Holder> {
  const directory = ants(folder, 7)
  const ann = await openHomeHere(t, join(folder, 'ann'))
  const pushed = await ann.call('push', plainPush(directory), ann.options)
  const asked: string[] = []
  slowDown(ann.parts.stock, 15, (cid) => void asked.push(String(cid)))
  const { invitation } = await ann.call(
    'invite',
    { hours: 1, mayInvite: false, grant: null, addresses: [] },
    ann.options,
  )
  await good(t, bob, 'join', invitation)
  const reference = `${pushed['glas-id']}@0.0.1`
  return { ...ann, directory, reference, newBytes: pushed['new-bytes'], asked }
}

/** Resolves when so many more blocks were asked for, or `over` has come. */
export async function untilAsked(holder: Holder, count: number, over: Promise<unknown>): Promise<void> {
  const before = holder.asked.length
  let isOver = false
  void over.then(() => {
    isOver = true
  })
  while (!isOver && holder.asked.length < before + count) await sleep(2)
}

export function sum(blocks: ReadonlyMap<string, number>): number {
  return [...blocks.values()].reduce((total, bytes) => total + bytes, 0)
}

/** Resolves when the packs of a home have grown to so many bytes. */
export async function untilStocked(home: string, sizeBytes: number, over: Promise<unknown>): Promise<void> {
  const packs = join(home, 'stock/packs')
  const size = () =>
    existsSync(packs) ? readdirSync(packs).reduce((total, name) => total + statSync(join(packs, name)).size, 0) : 0
  let isOver = false
  void over.then(() => {
    isOver = true
  })
  while (!isOver && size() < sizeBytes) await sleep(1)
}
