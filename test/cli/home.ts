/** A machine of a test: a home with a name, and the command line as its user types it, each verb a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import type { TestContext } from '../harness.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const PROGRAM = join(ROOT, 'bin', 'pintglas.js')
/** Compiled sources are kept between the processes: a verb starts in a third of the time. */
const COMPILED = join(ROOT, 'node_modules', '.cache', 'pintglas-tests')
/** What others have to notice by themselves comes within seconds; a loaded machine takes longer. */
const PATIENCE_MS = 30_000
const LOOK_EVERY_MS = 200

// biome-ignore lint/suspicious/noExplicitAny: the JSON of thirty verbs; a wrong guess fails the assertion that reads it
export type Json = any

export interface Ran {
  /** -1 where a signal ended it. */
  exit: number
  stdout: string
  stderr: string
}

export interface Failed extends Record<string, Json> {
  code: string
  message: string
  exit: number
}

export interface HomeOptions {
  /** Words that come before the command, such as `ip netns exec x`. */
  within?: string[]
  /** Settings to begin with. */
  config?: Record<string, Json>
}

export class Home {
  readonly name: string
  /** Where the user of this machine works; the home lies in it, too. */
  readonly folder: string
  readonly root: string
  /** Words that come before every command, such as `ip netns exec x`. */
  readonly within: string[]
  readonly #t: TestContext
  #daemon: ChildProcess | undefined
  #said = () => ''

  constructor(t: TestContext, { name, folder, within }: { name: string; folder: string; within: string[] }) {
    this.name = name
    this.folder = folder
    this.root = join(folder, '.pintglas')
    this.#t = t
    this.within = within
  }

  /** What the daemon said on stderr since its last start. */
  get said(): string {
    return this.#said()
  }

  get env(): NodeJS.ProcessEnv {
    const { PATH, TMPDIR } = process.env
    return { PATH, TMPDIR, HOME: this.folder, XDG_RUNTIME_DIR: '', TZ: 'UTC', NODE_COMPILE_CACHE: COMPILED }
  }

  path(...names: string[]): string {
    return join(this.folder, ...names)
  }

  /** The whole command line that runs a verb here, for those who must type it themselves. */
  command(...args: string[]): string[] {
    return [...this.within, process.execPath, PROGRAM, '--home', this.root, ...args]
  }

  start(...args: string[]): ChildProcess {
    const [program = '', ...rest] = this.command(...args)
    const child = spawn(program, rest, { cwd: this.folder, env: this.env, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.setEncoding('utf8')
    child.stderr.setEncoding('utf8')
    this.#t.after(() => ended(child, 'SIGKILL'))
    return child
  }

  /** Runs a verb as text for people, to whatever end. */
  async run(...args: string[]): Promise<Ran> {
    const child = this.start(...args)
    const stdout = heard(child.stdout)
    const stderr = heard(child.stderr)
    const [code] = await once(child, 'close')
    return { exit: code ?? -1, stdout: stdout(), stderr: stderr() }
  }

  /** Runs a verb that has to succeed; what it printed is exactly one JSON object. */
  async good(...args: string[]): Promise<Json> {
    const { exit, stdout, stderr } = await this.run('--json', ...args)
    if (exit !== 0) throw new Error(`${this.name}: ${args.join(' ')} ended with ${exit}: ${stdout} ${stderr}`)
    return onlyObject(stdout)
  }

  /** Runs a verb that has to fail, with its error as exactly one JSON object on stdout. */
  async bad(...args: string[]): Promise<Failed> {
    const { exit, stdout, stderr } = await this.run('--json', ...args)
    if (exit === 0) throw new Error(`${this.name}: ${args.join(' ')} succeeded: ${stdout} ${stderr}`)
    const { error } = onlyObject(stdout)
    assert.is(error.exitCode, exit)
    return { ...error, exit }
  }

  /** A daemon in a process of its own; resolves when it says that it is up. */
  async startDaemon(): Promise<void> {
    const child = this.start('--json', 'daemon')
    this.#said = heard(child.stderr)
    const over = once(child, 'close').then(([code]) => {
      // By itself, not because a test wanted it: when a test fails after that, this is why.
      if (code > 0) console.error(`${this.name}: the daemon ended with ${code}: ${this.said}`)
      throw new Error(`${this.name}: the daemon ended with ${code}: ${this.said}`)
    })
    over.catch(() => {})
    const [line] = await Promise.race([once(child.stdout as NodeJS.ReadableStream, 'data'), over])
    if (JSON.parse(line).error !== undefined) throw new Error(`${this.name}: the daemon did not start: ${line}`)
    this.#daemon = child
  }

  /** By SIGTERM, as a machine that is shut down; SIGKILL is one that loses power. */
  async stopDaemon(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | null> {
    const child = this.#daemon
    this.#daemon = undefined
    if (child === undefined) throw new Error(`${this.name} has no daemon`)
    await ended(child, signal)
    return child.exitCode
  }

  /** Waits until what `look` gives is so; what it gave last is told when that does not come. */
  async until<Seen>(look: () => Promise<Seen>, isSo: (seen: Seen) => boolean): Promise<Seen> {
    const endMs = performance.now() + PATIENCE_MS
    for (;;) {
      const seen = await look()
      if (isSo(seen)) return seen
      if (performance.now() > endMs) {
        throw new Error(`${this.name}: still not so: ${isSo}: ${JSON.stringify(seen)}\n${this.said}`)
      }
      await sleep(LOOK_EVERY_MS)
    }
  }

  /** Versions of a glas, the newest first, as `0.0.2 here` or `0.0.2`. */
  async versions(reference: string): Promise<string[]> {
    const { versions } = await this.good('log', reference)
    return versions.map(({ version, here }: Json) => (here ? `${version} here` : version))
  }

  /** Waits until the versions of a glas are these. */
  async hasVersions(reference: string, ...wanted: string[]): Promise<void> {
    const look = () => this.versions(reference).catch((error: Error) => [error.message])
    await this.until(look, (versions) => versions.join() === wanted.join())
  }
}

/** A machine called `name`, in a folder of its own below `parent`. */
export async function newMachine(
  t: TestContext,
  parent: string,
  name: string,
  { within = [], config = {} }: HomeOptions = {},
): Promise<Home> {
  const folder = join(parent, name)
  mkdirSync(folder)
  const home = new Home(t, { name, folder, within })
  for (const [key, value] of Object.entries({ ...config, name })) {
    await home.good('config', key, typeof value === 'string' ? value : JSON.stringify(value))
  }
  return home
}

/** `joiner` becomes a member of the swarm of `inviter`, which has a daemon. */
export async function letIn(inviter: Home, joiner: Home, ...options: string[]): Promise<void> {
  const { invitation } = await inviter.good('invite', ...options)
  await joiner.good('join', invitation)
}

/** A file is the same when its bytes, mode and time of change are, a link when it leads to the same, and so on. */
export function assertSameTree(actual: string, expected: string): void {
  const [is, shallBe] = [treeOf(actual), treeOf(expected)]
  assert.equal([...is.keys()], [...shallBe.keys()], `${actual} has other files than ${expected}`)
  for (const [path, what] of shallBe) assert.ok(is.get(path)?.equals(what), `${path} differs`)
}

/** Everything but the sidecar, in order of path. */
function treeOf(directory: string): Map<string, Buffer> {
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  const tree = new Map<string, Buffer>()
  for (const path of paths.filter((one) => one !== 'pintglas.ston').sort()) {
    const absolute = join(directory, path)
    const stats = lstatSync(absolute)
    if (stats.isSymbolicLink()) tree.set(path, Buffer.from(`link ${readlinkSync(absolute)}`))
    else if (stats.isDirectory()) tree.set(path, Buffer.from(`directory ${stats.mode}`))
    else tree.set(path, Buffer.concat([Buffer.from(`file ${stats.mode} ${stats.mtimeMs}\n`), readFileSync(absolute)]))
  }
  return tree
}

function onlyObject(stdout: string): Json {
  const lines = stdout.split('\n')
  assert.is(lines.length, 2, `not one line, but: ${stdout}`)
  assert.is(lines[1], '')
  const value: unknown = JSON.parse(lines[0] ?? '')
  assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), `not an object: ${stdout}`)
  return value
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  child.kill(signal)
  await closed
}

/** Gives all that has come so far. */
function heard(stream: NodeJS.ReadableStream | null): () => string {
  let text = ''
  stream?.on('data', (more: string) => {
    text += more
  })
  return () => text
}
