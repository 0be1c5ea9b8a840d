/**
 * The main job, end to end, on a sample image: a "laptop" pushes a snapshot, a "cluster" joins it and pulls it back by
 * version. Two homes, two processes, TCP between them, everything in a temporary folder. Prints each command as a user
 * would type it, and what it answered.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { copyDirectory, imageDirectory, nextSnapshot } from './gen/directory.ts'

const SAMPLE_BYTES = 5_000_000

// the sources, so that a bundle of yesterday cannot be taken for them
const bin = resolve(import.meta.dirname, '../src/cli/main.ts')
const work = mkdtempSync(join(tmpdir(), 'pintglas-tour-'))
const env = { ...process.env, XDG_RUNTIME_DIR: '' }

function say(text: string): void {
  console.log(`\n${text}`)
}

const folderOf = (machine: string) => join(work, machine)
const homeOf = (machine: string) => join(work, machine, '.pintglas')

function run(machine: string, args: string[]): string {
  const options = { encoding: 'utf8', cwd: folderOf(machine), env } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, '--home', homeOf(machine), ...args], options)
  if (status !== 0) throw new Error(`pintglas ${args[0]} ended with exit code ${status}: ${stderr}`)
  return `${stdout}${stderr}`.trim()
}

/** Runs a verb as if it was typed on one of the two machines; gives what it printed. */
function type(machine: string, ...args: string[]): string {
  const words = args.map((word) => (word.length > 60 ? `${word.slice(0, 50)}...` : word))
  console.log(`  ${machine}$ pintglas ${words.join(' ')}`)
  const answer = run(machine, args)
  for (const line of answer.replaceAll(`${work}/`, '/home/').split('\n')) {
    console.log(`    ${line.length > 150 ? `${line.slice(0, 147)}...` : line}`)
  }
  return answer
}

/** The names and bytes of all files below a directory, but for what PintGlas notes down in it. */
function filesOf(directory: string): Map<string, Buffer> {
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((path) => path !== 'pintglas.ston')
  return new Map(
    paths
      .filter((path) => statSync(join(directory, path)).isFile())
      .map((path) => [path, readFileSync(join(directory, path))]),
  )
}

function requireSame(a: string, b: string): void {
  const [first, second] = [filesOf(a), filesOf(b)]
  const isSame = first.size === second.size && [...first].every(([path, bytes]) => second.get(path)?.equals(bytes))
  if (!isSame) throw new Error(`${b} differs from ${a}`)
}

/** Keeps the laptop up while `work` is done. */
async function withDaemon(machine: string, task: () => void): Promise<void> {
  console.log(`  ${machine}$ pintglas daemon &`)
  const daemon = spawn(process.execPath, [bin, '--home', homeOf(machine), '--quiet', 'daemon'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => daemon.once('exit', () => resolve()))
  try {
    await Promise.race([once(daemon.stdout, 'data'), ended.then(() => Promise.reject(new Error('no daemon')))])
    task()
  } finally {
    daemon.kill('SIGTERM')
    await ended
  }
}

async function tour(): Promise<void> {
  for (const machine of ['laptop', 'cluster']) {
    mkdirSync(folderOf(machine))
    run(machine, ['config', 'name', machine])
  }
  const image = imageDirectory(join(folderOf('laptop'), 'Ants'), { seed: 1, sizeBytes: SAMPLE_BYTES })
  say('Ants is an image directory: Ants.image with its .changes and .sources, Epicea logs and an Iceberg clone.')
  say('The laptop takes a snapshot, works on (a restart, some new objects), takes another one and gives it a name.')
  type('laptop', 'push', 'Ants')
  copyDirectory(image, join(work, 'first'))
  nextSnapshot(image, { seed: 2, newObjects: 500, restart: true, changesBytes: 2_000, ombuBytes: 4_000 })
  type('laptop', 'push', 'Ants')
  type('laptop', 'tag', 'Ants', 'before-the-flood')
  type('laptop', 'log', 'Ants')
  say('It stays up, so that others can reach it, and invites the cluster.')
  await withDaemon('laptop', () => {
    const [line = ''] = type('laptop', 'invite').split('\n')
    const invitation = line.replace(/^pintglas join /, '')
    say('The cluster joins and pulls both snapshots, by version and by name. Every block is verified on arrival.')
    type('cluster', 'join', invitation)
    type('cluster', 'follow', 'laptop')
    type('cluster', 'pull', 'Ants@0.0.1', 'first-try')
    type('cluster', 'pull', 'Ants@before-the-flood')
  })
  requireSame(join(work, 'first'), join(folderOf('cluster'), 'first-try'))
  requireSame(image.path, join(folderOf('cluster'), 'Ants'))
  say('Both directories came back byte for byte.')
}

try {
  await tour()
} finally {
  rmSync(work, { recursive: true, force: true })
}
