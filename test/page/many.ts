/** A home whose index knows very many versions: records and entries, without the images. */
import { createHash } from 'node:crypto'
import { type Publisher, publisherOf } from '../../src/beam/publisher.ts'
import { signEntry } from '../../src/glas/entry.ts'
import { cidOf, DAG_PB_CODEC, RAW_CODEC } from '../../src/glas/hash.ts'
import { depthOf, imageIdHash } from '../../src/glas/image-id.ts'
import { encodeRecord, type GlasRecord } from '../../src/glas/record.ts'
import type { Version } from '../../src/glas/version.ts'
import { homeFolder } from '../../src/home/folder.ts'
import { openPintGlas } from '../../src/open.ts'
import { seededRandom } from '../gen/random.ts'

/** Written down at once. */
const BATCH = 500
const MINUTE_MS = 60_000

interface Line {
  record: GlasRecord
  cid: ReturnType<typeof encodeRecord>['cid']
}

/** Writes `count` versions of `glases` glases: each has a trunk, and forks off it now and then. */
export async function writeMany(home: string, count: number, glases: number): Promise<void> {
  const options = { signal: new AbortController().signal, onMessage: () => {} }
  const pintglas = await openPintGlas(homeFolder(home), { access: 'writing', isDaemon: false, options })
  const { parts } = pintglas
  const random = seededRandom(11)
  try {
    for (let glas = 0; glas < glases; glas++) {
      const root = createHash('sha1').update(`many ${glas}`).digest('hex')
      const publisher = await publisherOf(parts, root, undefined, options)
      const lines: Line[] = []
      let waiting: Uint8Array[] = []
      for (let patch = 1; patch <= count / glases; patch++) {
        const before = patch === 1 ? undefined : random.chance(0.04) ? random.pick(lines) : lines.at(-1)
        const made = next({ publisher, root, glas, patch }, before)
        await parts.stock.put(made.cid, made.bytes)
        lines.push(made)
        if (lines.length > 8) lines.shift()
        waiting.push(entryOf(made, publisher, patch))
        if (waiting.length >= BATCH || patch + 1 > count / glases) {
          await parts.index.add(waiting, 'here')
          waiting = []
        }
      }
    }
    await parts.stock.commit()
  } finally {
    await pintglas.close()
  }

  function entryOf({ record, cid }: Line, publisher: Publisher, sequence: number): Uint8Array {
    const { version, imageId, imageName, sizeBytes, date } = record
    const hashed = { imageIdHash: imageIdHash(imageId), imageIdDepth: depthOf(imageId) }
    const body = { kind: 'version' as const, ...publisher, sequence, version, record: cid, ...hashed }
    return signEntry({ ...body, imageName, sizeBytes, date }, parts.home.peer).bytes
  }
}

interface Place {
  publisher: Publisher
  root: string
  glas: number
  patch: number
}

function next({ publisher, root, glas, patch }: Place, before: Line | undefined) {
  const segment = createHash('sha1').update(`${glas} ${patch}`).digest('hex').slice(0, 4)
  const moment = new Date(Date.UTC(2026, 0, 1) + (glas * 7 + patch * 11) * MINUTE_MS)
  const record: GlasRecord = {
    glasId: publisher.glasId,
    version: [0, 0, patch] as unknown as Version,
    hostname: `node${glas}`,
    path: `/scratch/ada/colony-${glas}`,
    imageName: `Colony ${glas}`,
    date: moment.toISOString().replace('Z', '000+00:00'),
    sizeBytes: 40_000_000 + patch,
    imageId: before === undefined ? root : `${before.record.imageId.slice(0, 240)}-${segment}`,
    contents: cidOf(DAG_PB_CODEC, Buffer.from(`contents ${glas} ${patch}`)),
    attributes: cidOf(RAW_CODEC, Buffer.from(`attributes ${glas} ${patch}`)),
    parent: before?.cid ?? null,
    format: { number: 68021, wordSizeBytes: 8, imageVersion: 1 },
    profile: 'pintglas-1',
    removed: {},
    searched: { text: [], not: [], allowed: 0 },
  }
  return { record, ...encodeRecord(record) }
}
