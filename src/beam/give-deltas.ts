import type { CID } from 'multiformats/cid'
import { errorKind, isGlasError } from '../glas/errors.ts'
import type { DeltaRequest, SentDelta } from '../net/delta-messages.ts'
import type { DeltaShelf } from '../net/serve-deltas.ts'
import type { ImageDelta } from '../stock/delta-frame.ts'
import type { DeltaPlace } from '../stock/delta-rows.ts'
import { ComputedDeltas } from './computed-deltas.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'

/** Two images of so many bytes each are read, matched, encoded and checked in a second of a core. */
const COMPARED_BYTES_PER_SECOND = 20_000_000
/** Of a line that was not measured: slow enough that a whole image is worth some seconds of work, as most are. */
const ASSUMED_LINE_BYTES_PER_SECOND = 1_000_000

/** Deltas of this part of their keyframe, or less, are sent to whoever has to fetch the keyframe first. */
const SMALL_SHARE = 1 / 8

/** What a member gets that says what it has: a delta that is here, one that is made for it, or the reason why not. */
export function deltaShelf(parts: Pick<Parts, 'stock'>, { signal }: Pick<CallOptions, 'signal'>): DeltaShelf {
  const computed = new ComputedDeltas()
  return {
    deltas: async (request, mayCompare) => {
      try {
        return await find(parts, { computed, request, mayCompare }, signal)
      } catch (error) {
        // A sweep has taken it meanwhile, it is damaged, which a check tells, or no image: the puller asks for blocks.
        if (isGlasError(error) && errorKind(error.code) === 'corrupt') return 'it is not here as a whole'
        throw error
      }
    },
  }
}

interface Asked {
  computed: ComputedDeltas
  request: DeltaRequest
  mayCompare: (bytes: number) => boolean
}

async function find(
  { stock }: Pick<Parts, 'stock'>,
  { computed, request, mayCompare }: Asked,
  signal: AbortSignal,
): Promise<SentDelta[] | string> {
  const { file: image, bases, bytesPerSecond, takesBase } = request
  const chain = await stock.deltas.chain(image)
  const stored = storedFor(chain, bases)
  const storedBytes = stored === undefined ? await blockBytes(stock, chain, image) : totalOf(stored)
  if (storedBytes === undefined) return 'the image is not here'
  let reason = 'nothing that it could be a small difference to is here as well'
  const base = await firstHere(stock, bases)
  const sizeBytes = chain[0]?.sizeBytes ?? (await stock.fileSize(image))
  if (base !== undefined && isWorthMaking(storedBytes, sizeBytes, bytesPerSecond)) {
    const made = await computed.make({ stock }, { base, image, sizeBytes, mayCompare }, signal)
    if (typeof made !== 'string' && made.delta.length < storedBytes) return [asSent(made)]
    reason = typeof made === 'string' ? made : 'blocks take less'
  } else if (base !== undefined) reason = 'the line is fast'
  const sent = stored ?? (takesBase && totalOf(chain) < storedBytes * SMALL_SHARE ? [...chain].reverse() : [])
  if (sent.length === 0) return reason
  return Promise.all(sent.map(async (delta) => asSent(await stock.deltas.read(delta))))
}

/** The deltas that make the image of one of the bases, in the order in which they are applied. */
function storedFor(chain: readonly DeltaPlace[], bases: readonly CID[]): DeltaPlace[] | undefined {
  const last = chain.findIndex(({ base }) => bases.some((one) => one.equals(base)))
  return last < 0 ? undefined : chain.slice(0, last + 1).reverse()
}

function totalOf(deltas: readonly DeltaPlace[]): number {
  return deltas.reduce((sum, { storedLength }) => sum + storedLength, 0)
}

/** About what the image takes as blocks, of which a keyframe is a sample; undefined when it is not here. */
function blockBytes(stock: Parts['stock'], chain: readonly DeltaPlace[], image: CID): Promise<number | undefined> {
  return stock.deltas.storedBytes(chain.at(-1)?.base ?? image)
}

async function firstHere(stock: Parts['stock'], bases: readonly CID[]): Promise<CID | undefined> {
  for (const base of bases) if ((await stock.deltas.storedBytes(base)) !== undefined) return base
  return undefined
}

/** Whether to compare two images takes less time than to send what there is (docs/adr/0040). */
function isWorthMaking(sentBytes: number, imageBytes: number, bytesPerSecond: number): boolean {
  const lineBytesPerSecond = bytesPerSecond === 0 ? ASSUMED_LINE_BYTES_PER_SECOND : bytesPerSecond
  return sentBytes / lineBytesPerSecond > imageBytes / COMPARED_BYTES_PER_SECOND
}

function asSent({ root, base, sizeBytes, leafBytes, digests, delta }: ImageDelta): SentDelta {
  return { file: root, base, sizeBytes, leafBytes, digests, delta }
}
