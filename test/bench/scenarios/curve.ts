/** How cost grows: images from small to very large, and ever more small files. One run each of push and of pull. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench, Scenario } from '../bench.ts'
import { largeDirectory, manyFiles, withoutSidecar } from '../inputs.ts'
import { direct } from '../route.ts'
import { PintGlasMover } from '../tools/move-pintglas.ts'
import { stores } from '../tools/store.ts'

const MB = 1_000_000

export const curve: Scenario = {
  name: 'curve',
  about: 'ever larger images, and ever more small files',
  maxRounds: 1,
  async open(bench: Bench): Promise<() => Promise<void>> {
    const folder = join(bench.folder, 'curve')
    return async () => {
      for (const sizeBytes of bench.sizes.curveBytes) {
        const source = largeDirectory(join(folder, 'Ants'), sizeBytes)
        await pushAndPull(bench, { folder, source }, `image of ${sizeBytes / MB} MB`)
      }
      for (const count of bench.sizes.curveFiles) {
        const source = manyFiles(join(folder, 'Ants'), count)
        await pushAndPull(bench, { folder, source }, `${count} small files`)
      }
    }
  },
}

async function pushAndPull(
  bench: Bench,
  { folder, source }: { folder: string; source: string },
  what: string,
): Promise<void> {
  const contenders = stores(['restic', 'borg'], join(folder, 'stores'), bench.skip)
  for (const store of contenders) {
    await store.init()
    bench.report(`${what}: push`, store.tool, await store.add(source))
  }
  rmSync(join(folder, 'stores'), { recursive: true })
  const mover = new PintGlasMover({ folder: join(folder, 'mover'), route: direct })
  await mover.open()
  try {
    await mover.offer(source)
    withoutSidecar(source)
    rmSync(source, { recursive: true }) // four gigabytes need not lie there three times
    bench.report(`${what}: pull`, mover.tool, await mover.receive(1, 0))
  } finally {
    await mover.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
