import type { CID } from 'multiformats/cid'
import { toGlasError } from '../glas/errors.ts'
import type { FetchedBlock } from '../net/fetch-blocks.ts'
import type { Finding } from '../stock/check.ts'
import { checkBlock } from '../stock/cid.ts'
import { decodeStored } from '../stock/codec.ts'
import { orReport } from './fetch.ts'
import { publishedAs } from './hold.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'
import { fromWire } from './wire-block.ts'

export interface CheckResult {
  /** What is wrong; with `repair`, what still is. */
  findings: Array<{ block: string; what: string; versions: string[] }>
  repaired: number
  blocks: number
  bytes: number
}

/**
 * Reads and hashes every block again and looks whether all pinned versions are complete; with `repair` fetches what is
 * damaged or missing from members. Damage is a finding, not an error.
 */
export async function check(parts: Parts, { repair }: { repair: boolean }, options: CallOptions): Promise<CheckResult> {
  let findings = await checkOnce(parts, options)
  let repaired = 0
  if (repair && findings.length > 0) {
    const report = await parts.stock.repair(findings, (cids) => fetchGood(parts, cids, options), {
      signal: options.signal,
    })
    repaired = report.repairedBlocks
    findings = repaired > 0 ? await checkOnce(parts, options) : findings
  }
  const { blocks, rawBytes } = await parts.stock.totals()
  return { findings: findings.map((finding) => shownFinding(parts, finding)), repaired, blocks, bytes: rawBytes }
}

function checkOnce({ stock }: Parts, { signal, onProgress }: CallOptions): Promise<Finding[]> {
  return stock.check({
    signal,
    onProgress: ({ checkedBytes, totalBytes }) =>
      onProgress({ phase: 'checking', doneBytes: checkedBytes, totalBytes }),
  })
}

/** From any member that has them; each is verified by the stock before it takes the place of the bad one. */
async function* fetchGood(
  parts: Parts,
  cids: CID[],
  { signal, onMessage }: CallOptions,
): AsyncGenerator<{ cid: CID; bytes: Uint8Array }> {
  const network = await parts.network()
  await network.settled(signal)
  const left = new Map(cids.map((cid) => [String(cid), cid]))
  for (const peer of network.membersUp()) {
    if (left.size === 0) return
    try {
      const fetch = network.fetchBlocks(peer, [[...left.values()]], { signal })
      for await (const answer of fetch) {
        if (answer.status !== 'found') continue
        const bytes = await orReport(fetch, answer.cid, () => verified(answer))
        left.delete(String(answer.cid))
        yield { cid: answer.cid, bytes }
      }
    } catch (error) {
      signal.throwIfAborted()
      onMessage(toGlasError(error).message)
    }
  }
}

async function verified(answer: FetchedBlock & { status: 'found' }): Promise<Uint8Array> {
  const bytes = await decodeStored(fromWire(answer))
  checkBlock(answer.cid, bytes)
  return bytes
}

function shownFinding(parts: Parts, { cid, what, pinnedBy }: Finding) {
  const versions = pinnedBy.map((record) => {
    const body = publishedAs(parts, record)?.entry.body
    return body === undefined ? String(record) : `${body.imageName}@${body.version.join('.')}`
  })
  return { block: String(cid), what, versions }
}
