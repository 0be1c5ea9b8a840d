import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { NO_KUBO } from '../../kubo/kubo.ts'
import type { Bench } from '../bench.ts'
import type { LineShape } from '../line.ts'
import { direct, overLines } from '../route.ts'
import { CasyncMover } from './move-casync.ts'
import { KuboMover } from './move-kubo.ts'
import { PintGlasMover } from './move-pintglas.ts'
import { RsyncMover } from './move-rsync.ts'
import type { Mover, MoverOptions } from './mover.ts'
import { isInstalled } from './store.ts'

const MOVERS: Record<string, { make: new (options: MoverOptions) => Mover; missing: () => string | undefined }> = {
  pintglas: { make: PintGlasMover, missing: () => undefined },
  kubo: { make: KuboMover, missing: () => NO_KUBO },
  rsync: { make: RsyncMover, missing: () => (isInstalled('rsync') ? undefined : 'not installed') },
  casync: { make: CasyncMover, missing: () => (isInstalled('casync') ? undefined : 'not installed') },
}

/**
 * These tools, each opened with a folder below `folder` and a route of its own; closed at the end of the scenario. What is
 * missing is skipped.
 */
export async function openMovers(
  bench: Bench,
  tools: string[],
  { folder, shape }: { folder: string; shape: LineShape | undefined },
): Promise<Mover[]> {
  const movers: Mover[] = []
  for (const tool of tools) {
    const { make: MoverOf, missing } = MOVERS[tool]!
    const reason = missing()
    if (reason !== undefined) {
      bench.skip(tool, reason)
      continue
    }
    const own = join(folder, tool)
    mkdirSync(own, { recursive: true })
    const route = shape === undefined ? direct : await overLines(join(folder, `${tool}-route`), shape)
    bench.after(() => route.close())
    const mover = new MoverOf({ folder: own, route })
    bench.after(() => mover.close())
    await mover.open()
    movers.push(mover)
  }
  return movers
}
