import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { GlasError, isGlasError } from '../glas/errors.ts'
import type { HomeFolder } from '../home/folder.ts'
import type { DaemonStatus } from '../sampler/daemon.ts'
import { addLimits, type LimitOptions, limitsOf, limitWords } from './limits.ts'
import { callDaemon, connectDaemon } from './remote.ts'
import type { Run } from './run.ts'
import { shown } from './shown.ts'
import type { AddVerb } from './verb.ts'

/** A daemon that has not come up or ended by then has a problem that its log tells. */
const START_LIMIT_MS = 30_000
const STOP_LIMIT_MS = 30_000
const POLL_MS = 50
/** A log of this size is set aside at the next start, in the place of the one set aside before. */
const MAX_LOG_BYTES = 10 * 1024 * 1024

interface DaemonOptions extends LimitOptions {
  detach?: true
}

export const addDaemon: AddVerb = (program, start) => {
  const daemon = program.command('daemon').description('keep this peer up: serve others, copy what is followed')
  addLimits(daemon.option('--detach', 'in the background')).action((options: DaemonOptions) => {
    return options.detach ? detach(start(), options) : foreground(start(), options)
  })
  daemon
    .command('status')
    .description('whether a daemon runs for this home')
    .action(async () => {
      const begun = start()
      begun.terminal.result(await ask(begun, 'daemonStatus'), render)
    })
  daemon
    .command('stop')
    .description('stop it, and wait until it has')
    .action(async () => {
      const begun = start()
      const status = await ask(begun, 'daemonStatus')
      await stop(begun)
      begun.terminal.result(status, ({ pid }) => `Stopped (it was process ${pid}).`)
    })
}

async function foreground({ home, terminal, options }: Run, own: DaemonOptions): Promise<void> {
  await refuseSecond(home)
  const { runDaemon } = await import('../sampler/daemon.ts')
  // A daemon is meant to be stopped: that is no failure.
  await runDaemon(home, { ...options, ...limitsOf(own), onReady: (status) => terminal.result(status, render) })
}

async function detach({ home, terminal, options }: Run, own: DaemonOptions): Promise<void> {
  limitsOf(own) // a slip of the pen is told here, not in the log
  await refuseSecond(home)
  mkdirSync(home.root, { recursive: true, mode: 0o700 })
  const sizeBytes = statSync(home.daemonLog, { throwIfNoEntry: false })?.size ?? 0
  if (sizeBytes > MAX_LOG_BYTES) renameSync(home.daemonLog, `${home.daemonLog}.old`)
  const log = openSync(home.daemonLog, 'a', 0o600)
  const script = process.argv[1] ?? ''
  const child = spawn(process.execPath, [script, '--home', home.root, 'daemon', ...limitWords(own)], {
    detached: true,
    cwd: home.root, // not where it was typed: that folder may have to go, or be unmounted
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  const ended = new Promise<never>((_, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => {
      reject(new GlasError('SamplerDown', `The daemon ended at once (exit ${code}). Look into ${home.daemonLog}.`))
    })
  })
  ended.catch(() => {})
  const status = await Promise.race([waitUntilUp(home, options.signal), ended])
  child.removeAllListeners()
  child.unref()
  terminal.result(status, render)
}

async function refuseSecond(home: HomeFolder): Promise<void> {
  const socket = await connectDaemon(home.socket)
  socket?.destroy()
  if (socket !== undefined) {
    throw new GlasError('StoreLocked', 'A daemon runs for this home already. `pintglas daemon stop` ends it.')
  }
}

async function waitUntilUp(home: HomeFolder, signal: AbortSignal): Promise<DaemonStatus> {
  for (let waitedMs = 0; waitedMs < START_LIMIT_MS; waitedMs += POLL_MS) {
    const socket = await connectDaemon(home.socket)
    if (socket !== undefined) {
      return (await callDaemon(socket, 'daemonStatus', {}, silent(signal))) as DaemonStatus
    }
    await sleep(POLL_MS, undefined, { signal })
  }
  throw new GlasError(
    'TimedOut',
    `The daemon did not come up within ${START_LIMIT_MS / 1000} s. Look into ${home.daemonLog}.`,
  )
}

/** The daemon never answers this: the end of the connection is the end of its process, with all that it had open. */
async function stop(begun: Run): Promise<void> {
  const limit = AbortSignal.timeout(STOP_LIMIT_MS)
  const signal = AbortSignal.any([begun.options.signal, limit])
  try {
    await ask({ ...begun, options: { ...begun.options, signal } }, 'daemonStop')
  } catch (error) {
    if (isGlasError(error, 'SamplerDown')) return
    if (!limit.aborted) throw error
    throw new GlasError('TimedOut', `The daemon is still there after ${STOP_LIMIT_MS / 1000} s. Look into its log.`)
  }
}

async function ask({ home, options }: Run, verb: string): Promise<DaemonStatus> {
  const socket = await connectDaemon(home.socket)
  if (socket === undefined)
    throw new GlasError('NotRunning', 'No daemon runs for this home. `pintglas daemon` starts one.')
  return (await callDaemon(socket, verb, {}, options)) as DaemonStatus
}

const silent = (signal: AbortSignal) => ({ signal, offline: false, onProgress: () => {}, onMessage: () => {} })

function render({ pid, peerId, addresses, http }: DaemonStatus): string {
  const where = addresses.map((address) => shown(address.split('#')[0] ?? '')).join(', ')
  const images = http === '' ? '' : ` Images and launchers find it at ${http}.`
  return `Running (process ${pid}) as peer ${peerId}, reached at ${where || 'no address'}.${images}`
}
