/** Bytes at the socket when a peer that has a snapshot gets the next one: the same chain, both directions counted. */
import { join } from 'node:path'
import type { Bench, Scenario } from '../bench.ts'
import { chainOfSnapshots, withoutSidecar } from '../inputs.ts'
import { COUNTED } from '../line.ts'
import { whyNoLines } from '../route.ts'
import { RANDOM } from '../steps.ts'
import { openMovers } from '../tools/movers.ts'

export const wire: Scenario = {
  name: 'wire',
  about: 'the next snapshot comes to a peer that has the one before, all bytes counted',
  isChain: true,
  maxRounds: 1,
  async open(bench: Bench): Promise<() => Promise<void>> {
    const reason = whyNoLines()
    if (reason !== undefined) {
      bench.skip('wire', reason)
      return async () => {}
    }
    const folder = join(bench.folder, 'wire')
    const movers = await openMovers(bench, ['pintglas', 'rsync', 'casync'], { folder, shape: COUNTED })
    return async () => {
      const { chainBytes, chainSnapshots } = bench.sizes
      let version = 0
      for (const { work, path, randomBytes } of chainOfSnapshots(join(folder, 'Ants'), chainBytes, chainSnapshots)) {
        version += 1
        if (randomBytes > 0) bench.report(`v${version}: ${work}`, RANDOM, { seconds: 0, bytes: randomBytes })
        for (const mover of movers) {
          await mover.offer(path)
          withoutSidecar(path)
          bench.report(`v${version}: ${work}`, mover.tool, await mover.receive(version, version - 1))
        }
      }
    }
  },
}
