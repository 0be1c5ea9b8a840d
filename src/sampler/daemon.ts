import { rmSync } from 'node:fs'
import type { Parts } from '../beam/parts.ts'
import type { CallOptions } from '../beam/progress.ts'
import { type Remembered, replicate } from '../beam/replicate.ts'
import { type SendFailures, sendPublished } from '../beam/send.ts'
import { VERBS } from '../beam/verbs.ts'
import { writeFileAtomic } from '../disk/atomic.ts'
import { realFiles } from '../disk/files.ts'
import { GlasError } from '../glas/errors.ts'
import { peerIdText } from '../glas/keys.ts'
import { type HomeFolder, newSocketPath } from '../home/folder.ts'
import type { BandwidthLimits } from '../net/rate-limit.ts'
import { accessOf, openPintGlas, type PintGlas, type VerbName } from '../open.ts'
import { backgroundPush, type Push } from './background.ts'
import type { OpenArgs } from './open-page.ts'
import { type Round, Rounds } from './rounds.ts'
import type { AcceptArgs, Sampler } from './sampler.ts'
import { snapshotTaker } from './scheduled-snapshot.ts'
import { realClock, Scheduler } from './scheduler.ts'
import { serveSocket } from './socket.ts'
import type { Transfers } from './transfers.ts'

export interface DaemonStatus {
  pid: number
  peerId: string
  addresses: string[]
  socket: string
  /** Where Taps, launchers and browsers find it; empty when that is off. */
  http: string
}

/** Asked over the socket like verbs, but about the daemon itself. */
const STATUS = 'daemonStatus'
const STOP = 'daemonStop'
/** Asked of the sampler: what the image is called in full that a person means; the page; and what waits to be accepted. */
const TAP_NAMED = 'tapNamed'
const OPEN = 'open'
const QUARANTINE = 'quarantine'
const ACCEPT = 'accept'
const REFUSE = 'refuse'
/** What these are about comes with the sampler, which takes a moment longer to start. */
const NEED_SAMPLER: readonly string[] = ['live', 'snap'] satisfies VerbName[]

/** Longest wait for calls that go on when the daemon stops; what they have acknowledged is safe anyway. */
const STOP_LIMIT_MS = 10_000

/**
 * Keeps a peer up until `signal` is aborted or somebody asks it to stop: serves members, copies what is followed, and
 * answers the command line. `onReady` is called when all of that works.
 */
export async function runDaemon(
  folder: HomeFolder,
  options: CallOptions & { limits?: BandwidthLimits; onReady: (status: DaemonStatus) => void },
): Promise<void> {
  const stopping = new AbortController()
  const signal = AbortSignal.any([options.signal, stopping.signal])
  const working = { ...options, signal }
  const socket = newSocketPath(folder.root)
  const pintglas = await openPintGlas(folder, { access: 'writing', isDaemon: true, options: working })
  let starting: Promise<Sampler | undefined> = Promise.resolve(undefined)
  try {
    const network = await pintglas.parts.network()
    if (options.limits !== undefined) network.bandwidth.limit(options.limits)
    let transfers: Transfers | undefined
    const shownAs: ShownAs = (what, callOptions, run) => transfers?.follow(what, callOptions, run) ?? run(callOptions)
    const pushInBackground = await backgroundPush(pintglas)
    const push: Push = (args, callOptions) => {
      const what = { kind: 'push', label: args.live?.name ?? args.path }
      return shownAs(what, callOptions, (shown) => pushInBackground(args, shown))
    }
    starting = startSampler(pintglas, push, working)
    starting.then((sampler) => (transfers = sampler?.transfers)).catch(() => {}) // met below, when verbs can be answered
    const calls = new Set<Promise<unknown>>()
    const status = async (): Promise<DaemonStatus> => ({
      pid: process.pid,
      peerId: peerIdText(pintglas.parts.home.peer.publicKey),
      addresses: network.addresses(),
      socket,
      http: (await starting)?.url ?? '',
    })
    const answer = async (verb: string, args: unknown, callOptions: CallOptions): Promise<unknown> => {
      if (verb === STATUS) return status()
      if (verb === STOP) {
        stopping.abort(new GlasError('Interrupted', 'The daemon was stopped.'))
        return new Promise(() => {}) // who asked waits for the end of the process, which ends the connection
      }
      const callSignal = { ...callOptions, signal: AbortSignal.any([callOptions.signal, signal]) }
      if (NEED_SAMPLER.includes(verb)) await starting
      if (verb === TAP_NAMED) return needed(await starting).named((args as { tap: string }).tap)
      if (verb === OPEN) return needed(await starting).open(args as OpenArgs)
      if (verb === QUARANTINE) return needed(await starting).quarantined()
      if (verb === ACCEPT) return needed(await starting).accept(args as AcceptArgs)
      if (verb === REFUSE) return needed(await starting).refuse(args as { id: string })
      const label = labelOf(args)
      const call = shownAs({ kind: verb, label }, callSignal, (shown) => callVerb(pintglas, verb, args, shown))
      calls.add(call)
      return call.finally(() => {
        calls.delete(call)
        if (accessOf(verb as VerbName) !== 'writing') return
        for (const one of rounds) one.look() // it may have changed rules, or made room
        scheduler.look()
        network.live.look() // or let others see what runs here
      })
    }
    const rounds = roundsOf(pintglas.parts, shownAs, working).map((round) => {
      return new Rounds(pintglas.parts, network, round, working)
    })
    const scheduler = await openScheduler(pintglas, { push, sampler: starting }, working)
    const server = await serveSocket(socket, answer)
    await writeFileAtomic(realFiles, folder.socketNote, Buffer.from(`${socket}\n`))
    for (const one of rounds) one.start()
    options.onReady(await status())
    scheduler.look()
    await aborted(signal)
    server.close()
    await Promise.all(rounds.map((one) => one.stop()))
    await scheduler.stop()
    await Promise.race([
      Promise.allSettled(calls),
      new Promise((resolve) => setTimeout(resolve, STOP_LIMIT_MS).unref()),
    ])
    for (const path of [socket, folder.socketNote]) rmSync(path, { force: true })
  } finally {
    await (await starting.catch(() => undefined))?.close()
    await pintglas.close()
  }
}

/** Runs something that moves bytes where pages see it. */
type ShownAs = <Result>(
  what: { kind: string; label: string },
  options: CallOptions,
  run: (options: CallOptions) => Promise<Result>,
) => Promise<Result>

/** What the daemon does by itself: copy what is followed, send what the rules say. */
function roundsOf(parts: Parts, shownAs: ShownAs, options: CallOptions): Round[] {
  const remembered: Remembered = { missingSince: new Map(), failures: new Map() }
  const failures: SendFailures = new Set()
  const sendRound = async () => {
    await sendPublished(parts, failures, options)
    return { againInMs: undefined }
  }
  const copying = { kind: 'copy', label: 'what is followed' }
  const copyRound = () => shownAs(copying, options, (shown) => replicate(parts, remembered, shown))
  return [copyRound, sendRound]
}

/** Loaded only where it is wanted. */
async function startSampler(pintglas: PintGlas, push: Push, options: CallOptions): Promise<Sampler | undefined> {
  if (pintglas.parts.home.config.http === 'off') return undefined
  const { openSampler } = await import('./sampler.ts')
  return openSampler(pintglas, push, options)
}

function openScheduler(
  pintglas: PintGlas,
  { push, sampler }: { push: Push; sampler: Promise<Sampler | undefined> },
  options: CallOptions,
): Promise<Scheduler> {
  const { config, folder } = pintglas.parts.home
  return Scheduler.open({
    rules: () => config.schedule,
    runsFile: folder.scheduleRuns,
    take: snapshotTaker(pintglas, push, { sampler }, options),
    clock: realClock,
    options,
  })
}

function needed(sampler: Sampler | undefined): Sampler {
  if (sampler !== undefined) return sampler
  throw new GlasError('NotRunning', 'The daemon takes no images that run: `pintglas config http` says off.')
}

/** What a call is about, for people. */
function labelOf(args: unknown): string {
  const { reference, path } = (args ?? {}) as { reference?: unknown; path?: unknown }
  return [reference, path].find((text) => typeof text === 'string') ?? ''
}

function callVerb(pintglas: PintGlas, verb: string, args: unknown, options: CallOptions): Promise<unknown> {
  if (!Object.hasOwn(VERBS, verb)) {
    const message = `The daemon does not know "${verb}": it is of another version. Stop it and start it again.`
    throw new GlasError('BadUsage', message)
  }
  return pintglas.call(verb as VerbName, args as never, options)
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
