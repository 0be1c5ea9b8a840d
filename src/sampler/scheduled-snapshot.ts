import { createHash } from 'node:crypto'
import type { CallOptions } from '../beam/progress.ts'
import { PLAIN_PUSH, type PushResult } from '../beam/push-result.ts'
import { isGlasError } from '../glas/errors.ts'
import type { ScheduleRule } from '../home/schedule-rule.ts'
import { locateImage } from '../image/locate.ts'
import { type Scan, scanDirectory } from '../image/scan.ts'
import type { PintGlas } from '../open.ts'
import { Gate } from '../stock/gate.ts'
import type { Push } from './background.ts'
import type { Sampler } from './sampler.ts'
import type { SchedulerPorts, Taken } from './scheduler.ts'

/** Directories that are read at once: each slows down whoever works on this machine. */
const MAX_DIRECTORIES_AT_ONCE = 1

/** How the daemon takes what is scheduled: a directory when it has changed, an image that runs when it is connected. */
export function snapshotTaker(
  pintglas: PintGlas,
  push: Push,
  { sampler }: { sampler: Promise<Sampler | undefined> },
  options: CallOptions,
): SchedulerPorts['take'] {
  const gate = new Gate(MAX_DIRECTORIES_AT_ONCE)
  const call = { ...options, onProgress: () => {} }
  return async (rule, stamp) => {
    if (rule.what === 'directory') return gate.run(() => takeDirectory({ pintglas, push }, { rule, stamp }, call))
    return takeTap(pintglas, { rule, sampler: await sampler }, call)
  }
}

async function takeDirectory(
  { pintglas, push }: { pintglas: PintGlas; push: Push },
  { rule, stamp: before }: { rule: ScheduleRule; stamp: string },
  options: CallOptions,
): Promise<Taken> {
  options.signal.throwIfAborted()
  const stamp = stampOf(await scanDirectory(await locateImage(rule.target), { signal: options.signal }))
  if (stamp === before) return { outcome: 'unchanged', text: '', stamp }
  const args = { ...PLAIN_PUSH, path: rule.target, allowSecrets: rule.allowSecrets }
  return { ...(await kept(pintglas, rule, await push(args, options), options)), stamp }
}

async function takeTap(
  pintglas: PintGlas,
  { rule, sampler }: { rule: ScheduleRule; sampler: Sampler | undefined },
  options: CallOptions,
): Promise<Taken> {
  try {
    const taken = await sampler?.snap({ tap: rule.target, allowSecrets: rule.allowSecrets }, options)
    if (taken !== undefined) return { ...(await kept(pintglas, rule, taken, options)), stamp: '' }
  } catch (error) {
    if (!isGlasError(error, 'PeerNotFound')) throw error
  }
  return { outcome: 'absent', text: '', stamp: '' }
}

/** What the policy of the rule lets go is let go at once. */
async function kept(
  pintglas: PintGlas,
  { keep }: ScheduleRule,
  result: PushResult,
  options: CallOptions,
): Promise<Pick<Taken, 'outcome' | 'text'>> {
  if (keep !== null) {
    const args = { reference: result['glas-id'], policy: keep, dryRun: false, here: false, ownOnly: true }
    await pintglas.call('forgetByPolicy', args, options)
  }
  const outcome = result.outcome === 'unchanged' ? 'unchanged' : 'pushed'
  return { outcome, text: `${result['image-name']}@${result.version}` }
}

/** Changes when a file comes, goes, or is written; nothing is read for it. */
function stampOf({ root, entries }: Scan): string {
  const hash = createHash('sha256')
  for (const { path, kind, mode, mtimeSec, mtimeNsec, sizeBytes, target } of entries) {
    hash.update(JSON.stringify([path, kind, mode, mtimeSec, mtimeNsec, sizeBytes, target]))
  }
  return hash.update(String(root.mode)).digest('hex')
}
