/** What each snapshot of a chain adds to a store, whole directories: the history of a real image, remade. */
import { join } from 'node:path'
import type { Bench, Scenario } from '../bench.ts'
import { chainOfSnapshots } from '../inputs.ts'
import { RANDOM } from '../steps.ts'
import { PintGlas } from '../tools/pintglas.ts'
import { stores } from '../tools/store.ts'

export const chain: Scenario = {
  name: 'chain',
  about: 'snapshot after snapshot goes into a store',
  isChain: true,
  maxRounds: 1,
  async open(bench: Bench): Promise<() => Promise<void>> {
    const folder = join(bench.folder, 'chain')
    const contenders = stores(['restic', 'borg', 'casync'], folder, bench.skip)
    contenders.push(
      new PintGlas(join(folder, 'no-deltas'), { tool: 'pintglas without deltas', config: { maxDeltaImageBytes: '0' } }),
    )
    for (const store of contenders) await store.init()
    return async () => {
      const { chainBytes, chainSnapshots } = bench.sizes
      let version = 0
      for (const { work, path, randomBytes } of chainOfSnapshots(join(folder, 'Ants'), chainBytes, chainSnapshots)) {
        version += 1
        if (randomBytes > 0) bench.report(`v${version}: ${work}`, RANDOM, { seconds: 0, bytes: randomBytes })
        for (const store of contenders) bench.report(`v${version}: ${work}`, store.tool, await store.add(path))
      }
    }
  },
}
