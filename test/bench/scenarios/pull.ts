/** A directory comes to a peer on the same machine: one that has nothing, and one that has the version before. */
import { join } from 'node:path'
import type { Bench, Scenario } from '../bench.ts'
import { becomes, twoSnapshots, withoutSidecar } from '../inputs.ts'
import type { Mover } from '../tools/mover.ts'
import { openMovers } from '../tools/movers.ts'

export const pull: Scenario = {
  name: 'pull',
  about: 'an image directory comes from another peer of the same machine',
  async open(bench: Bench): Promise<() => Promise<void>> {
    const folder = join(bench.folder, 'pull')
    const { v1, v2 } = twoSnapshots(folder, bench.sizes.imageBytes)
    const movers = await openMovers(bench, ['pintglas', 'kubo', 'rsync'], { folder, shape: undefined })
    await offerBoth(movers, { v1, v2, source: join(folder, 'source') })
    return async () => {
      await receiveAll(bench, movers, 'pull into an empty peer', { version: 1, has: 0 })
      await receiveAll(bench, movers, 'pull by a peer that has the version before', { version: 2, has: 1 })
    }
  },
}

/** Two versions of one directory, one after the other. */
export async function offerBoth(movers: Mover[], paths: Record<'v1' | 'v2' | 'source', string>): Promise<void> {
  for (const version of [paths.v1, paths.v2]) {
    becomes(paths.source, version)
    for (const mover of movers) await mover.offer(paths.source)
    withoutSidecar(paths.source)
  }
}

export async function receiveAll(
  bench: Bench,
  movers: Mover[],
  what: string,
  { version, has }: { version: number; has: number },
): Promise<void> {
  for (const mover of movers) bench.report(what, mover.tool, await mover.receive(version, has))
}
