/** First push, push again unchanged, push after one snapshot's worth of work: stores that begin empty in every round. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench, Scenario } from '../bench.ts'
import { becomes, twoSnapshots } from '../inputs.ts'
import { type Store, stores } from '../tools/store.ts'

const PEERS = ['restic', 'borg', 'casync', 'kubo']

export const push: Scenario = {
  name: 'push',
  about: 'an image directory goes into a store',
  async open(bench: Bench): Promise<() => Promise<void>> {
    const folder = join(bench.folder, 'push')
    const { v1, v2 } = twoSnapshots(folder, bench.sizes.imageBytes)
    const source = join(folder, 'source')
    return () => round(bench, { v1, v2, source, stores: join(folder, 'stores') })
  },
}

async function round(bench: Bench, paths: Record<'v1' | 'v2' | 'source' | 'stores', string>): Promise<void> {
  const contenders = stores(PEERS, paths.stores, bench.skip)
  for (const store of contenders) await store.init()
  becomes(paths.source, paths.v1)
  await addAll(bench, 'first push', contenders, paths.source)
  await addAll(bench, 'push unchanged', contenders, paths.source)
  becomes(paths.source, paths.v2)
  await addAll(bench, 'push after a small edit and a restart', contenders, paths.source)
  for (const path of [paths.source, paths.stores]) rmSync(path, { recursive: true })
}

async function addAll(bench: Bench, what: string, contenders: Store[], source: string): Promise<void> {
  for (const store of contenders) bench.report(what, store.tool, await store.add(source))
}
