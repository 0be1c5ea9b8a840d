/**
 * What a pull of the next version costs on the wire: the generated chain, pushed at one home and pulled by another one
 * that has the version before, through a proxy that counts what the socket carries in both directions: connection,
 * hello, index and all. Each pull is a process of its own. One CSV row a step, the first of which is the whole version.
 *
 *     node test/bench/wire.ts [megabytes] [snapshots | small] [folder]
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { PullResult } from '../../src/beam/pull.ts'
import { chainStep } from '../gen/chain.ts'
import { type DirectoryEdit, imageDirectory, nextSnapshot } from '../gen/directory.ts'
import { CountingProxy } from '../net/counting-proxy.ts'

const PROGRAM = resolve(import.meta.dirname, '../../bin/pintglas.js')
const run = promisify(execFile)
/** What has to cost little: a hundred new objects, all behind them slid, another base, small tails of the logs. */
const SMALL: DirectoryEdit = {
  seed: 2,
  newObjects: 100,
  slideFrom: 0.03,
  restart: true,
  touchedSlots: 400,
  changesBytes: 500,
  ombuBytes: 1500,
}

const sizeBytes = Number(process.argv[2] ?? 42) * 1_000_000
const isSmall = process.argv[3] === 'small'
const snapshots = isSmall ? 2 : Number(process.argv[3] ?? 12)
const work = mkdtempSync(join(process.argv[4] ?? tmpdir(), 'pintglas-bench-'))
const [ann, bob] = [join(work, 'ann'), join(work, 'bob')]

async function pintglas<Result>(home: string, ...args: string[]): Promise<Result> {
  const { stdout } = await run(process.execPath, [PROGRAM, '--home', home, '--json', '--quiet', ...args])
  return JSON.parse(stdout) as Result
}

/** With the port that it listens at. */
async function startDaemon(home: string): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, [PROGRAM, '--home', home, '--json', 'daemon'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout!, 'data')) as [Buffer]
  const { addresses } = JSON.parse(String(line)) as { addresses: string[] }
  return { child, port: Number(addresses[0]?.split('#')[0]?.split(':').at(-1)) }
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM')
  await once(child, 'close')
}

/** Both forget where they met: the puller has to go through the proxy, and the holder to wait for it. */
async function forgetAddresses(proxy: CountingProxy): Promise<void> {
  for (const home of [ann, bob]) rmSync(join(home, 'swarm', 'addresses.cbor'), { force: true })
  await pintglas(bob, 'peers', 'add', `127.0.0.1:${proxy.port}`)
}

async function pullThrough(
  proxy: CountingProxy,
  version: string,
): Promise<{ bytes: number; ms: number; at: PullResult }> {
  await forgetAddresses(proxy)
  const { child, port } = await startDaemon(ann)
  try {
    proxy.forwardTo(port)
    const [bytes, began] = [proxy.bytes, performance.now()]
    const at = await pintglas<PullResult>(bob, 'pull', `Ants@${version}`, join(work, `out-${version}`))
    const ms = performance.now() - began
    rmSync(at.directory, { recursive: true })
    return { bytes: proxy.bytes - bytes, ms, at }
  } finally {
    await stop(child)
  }
}

async function meet(proxy: CountingProxy): Promise<void> {
  const { child, port } = await startDaemon(ann)
  proxy.forwardTo(port)
  const { invitation } = await pintglas<{ invitation: string }>(ann, 'invite')
  await pintglas(bob, 'join', invitation)
  await stop(child)
}

const proxy = await CountingProxy.open()
try {
  for (const home of [ann, bob]) mkdirSync(home)
  await pintglas(ann, 'config', 'name', 'ann')
  await pintglas(bob, 'config', 'name', 'bob')
  await meet(proxy)
  let directory = imageDirectory(join(work, 'Ants'), { seed: 1, sizeBytes })
  console.log('step,work,wire_KB,fetched_KB,pull_ms')
  for (let step = 1; step <= snapshots; step++) {
    const next = isSmall
      ? { work: 'small edit', edit: SMALL }
      : step > 1
        ? chainStep(step - 2, sizeBytes)
        : { work: '', edit: SMALL }
    if (step > 1) directory = nextSnapshot(directory, next.edit)
    const { version } = await pintglas<{ version: string }>(ann, 'push', directory.path)
    const { bytes, ms, at } = await pullThrough(proxy, version)
    const cells = [`v${step}`, `"${step === 1 ? 'first' : next.work}"`, bytes, at['fetched-bytes']]
    console.log(
      [...cells.slice(0, 2), ...[bytes, at['fetched-bytes']].map((n) => (n / 1000).toFixed(1)), ms.toFixed(0)].join(),
    )
  }
} finally {
  proxy.close()
  rmSync(work, { recursive: true, force: true })
}
