/** Runs the command line as a user does: one process a verb, each home in a folder of the test's own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from '../harness.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const MAIN = join(ROOT, 'src', 'cli', 'main.ts')
/** Compiled sources are kept between the processes: a verb starts in half of the time. */
const COMPILED = join(ROOT, 'node_modules', '.cache', 'pintglas-tests')

// biome-ignore lint/suspicious/noExplicitAny: the JSON of thirty verbs; a wrong guess fails the assertion that reads it
type Json = any

export interface Ran {
  /** 128 and the number of the signal where one ended it, as a shell says it. */
  exit: number
  /** What was printed on stdout, which is one JSON object; undefined where there is nothing. */
  json: Json
  stderr: string
}

export interface Running {
  child: ChildProcess
  done: Promise<Ran>
}

const SIGNAL_EXITS: Partial<Record<NodeJS.Signals, number>> = { SIGINT: 130, SIGKILL: 137, SIGTERM: 143 }

/** Starts a verb with `--json`; it is killed when the test ends. */
export function start(t: TestContext, home: string, args: string[], cwd?: string): Running {
  const { PATH, TMPDIR } = process.env
  const env = { PATH, TMPDIR, HOME: home, XDG_RUNTIME_DIR: '', NODE_COMPILE_CACHE: COMPILED }
  const child = spawn(process.execPath, [MAIN, '--home', home, '--json', ...args], {
    env,
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  t.after(() => child.kill('SIGKILL'))
  const done = once(child, 'close').then(([code, signal]) => ({
    exit: code ?? SIGNAL_EXITS[signal as NodeJS.Signals] ?? -1,
    json: stdout === '' ? undefined : JSON.parse(stdout.split('\n').filter(Boolean).at(-1) ?? ''),
    stderr,
  }))
  return { child, done }
}

/** Runs a verb to its end, whatever that is. */
export function run(t: TestContext, home: string, ...args: string[]): Promise<Ran> {
  return start(t, home, args).done
}

/** Runs a verb that has to succeed, and gives its result. */
export async function good(t: TestContext, home: string, ...args: string[]): Promise<Json> {
  const { exit, json, stderr } = await run(t, home, ...args)
  if (exit !== 0) throw new Error(`${args.join(' ')} ended with ${exit}: ${JSON.stringify(json)} ${stderr}`)
  return json
}

/** Runs a verb that has to fail, and gives `{code, message, data, exitCode}`. */
export async function bad(t: TestContext, home: string, ...args: string[]): Promise<Json & { exit: number }> {
  const { exit, json, stderr } = await run(t, home, ...args)
  if (exit === 0) throw new Error(`${args.join(' ')} succeeded: ${JSON.stringify(json)} ${stderr}`)
  if (json?.error === undefined) throw new Error(`${args.join(' ')} ended with ${exit}, and no error: ${stderr}`)
  return { ...json.error, exit }
}

/** A daemon in a process of its own; resolves when it is up. */
export async function startDaemon(t: TestContext, home: string): Promise<ChildProcess> {
  const { child, done } = start(t, home, ['daemon'])
  const up = once(child.stdout as NodeJS.ReadableStream, 'data')
  const ended = done.then(({ exit, stderr }) => {
    // By itself, not because a test wanted it: when a test fails after that, this is why.
    if (exit > 0 && exit < 128) console.error(`the daemon ended with ${exit}: ${stderr}`)
    throw new Error(`the daemon ended with ${exit}: ${stderr}`)
  })
  await Promise.race([up, ended])
  ended.catch(() => {})
  return child
}

export async function stopProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const closed = once(child, 'close')
  child.kill(signal)
  await closed
}

/** `joiner` becomes a member of the swarm of `inviter`, which has a daemon. */
export async function letIn(t: TestContext, inviter: string, joiner: string): Promise<void> {
  const { invitation } = await good(t, inviter, 'invite')
  await good(t, joiner, 'join', invitation)
}

/** Versions of the one glas that a home called Ants that a home knows. */
export async function versionsOf(t: TestContext, home: string): Promise<string[]> {
  const { exit, json } = await run(t, home, 'log', 'Ants')
  return exit === 0 ? json.versions.map(({ version }: { version: string }) => version) : []
}

/** An empty folder below the test's own. */
export function folderIn(parent: string, name: string): string {
  const folder = join(parent, name)
  mkdirSync(folder, { recursive: true })
  return folder
}

/** Everything in a directory but the sidecar: path -> kind, mode, and bytes or link target. */
export function treeOf(directory: string): Map<string, string> {
  const tree = new Map<string, string>()
  for (const path of readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()) {
    if (path === 'pintglas.ston') continue
    const absolute = join(directory, path)
    const stats = lstatSync(absolute)
    const mode = (stats.mode & 0o777).toString(8)
    if (stats.isSymbolicLink()) tree.set(path, `link ${readlinkSync(absolute)}`)
    else if (stats.isDirectory()) tree.set(path, `directory ${mode}`)
    else tree.set(path, `file ${mode} ${readFileSync(absolute).toString('base64')}`)
  }
  return tree
}
