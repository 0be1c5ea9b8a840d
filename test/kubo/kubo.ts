/**
 * A Kubo node, the reference program of IPFS, in a folder of its own and on loopback alone: no bootstrap node, DHT,
 * HTTP router, relay, mDNS, telemetry nor look for updates.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import type { TestContext } from '../harness.ts'

const PROGRAM = builtProgram()
/** Why tests that need it cannot run; undefined where it was built. */
export const NO_KUBO = PROGRAM === undefined ? 'Kubo is not built here: test/kubo/build.sh' : undefined

/** What one command may print: the bytes of the largest file that tests read through it. */
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024
const SETTINGS: Record<string, unknown> = {
  'Routing.Type': 'none',
  'Swarm.RelayClient.Enabled': false,
  'Swarm.RelayService.Enabled': false,
  'Swarm.Transports.Network.Relay': false,
  'Swarm.EnableHolePunching': false,
  'AutoNAT.ServiceMode': 'disabled',
  'Version.SwarmCheckEnabled': false,
}

export class Kubo {
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  readonly #within: string[]
  #daemon: ChildProcess | undefined

  /** `within`: words that come before every command, such as those of a tool that measures. */
  constructor(folder: string, within: string[] = []) {
    this.folder = folder
    this.#within = within
    const { PATH } = process.env
    this.env = { PATH, HOME: folder, IPFS_PATH: join(folder, 'repo'), IPFS_TELEMETRY: 'off', DO_NOT_TRACK: '1' }
  }

  /** The whole command line, for those who start it themselves with `env`. */
  command(...args: string[]): [string, ...string[]] {
    if (PROGRAM === undefined) throw new Error(NO_KUBO)
    return [...this.#within, PROGRAM, ...args] as [string, ...string[]]
  }

  async init(): Promise<this> {
    mkdirSync(this.folder, { recursive: true })
    await this.text('init', '--empty-repo', '--profile=test')
    for (const [key, value] of Object.entries(SETTINGS)) await this.text('config', '--json', key, JSON.stringify(value))
    return this
  }

  /** Resolves when the daemon says that it is ready. */
  async start(): Promise<this> {
    const [program, ...args] = this.command('daemon')
    const child = spawn(program, args, { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#daemon = child
    let said = ''
    child.stderr.on('data', (data) => (said += data))
    const lines = createInterface({ input: child.stdout })
    for await (const line of lines) {
      said += `${line}\n`
      if (line.includes('Daemon is ready')) {
        child.stdout.resume()
        return this
      }
    }
    throw new Error(`Kubo did not start: ${said}`)
  }

  async stop(): Promise<void> {
    const child = this.#daemon
    this.#daemon = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const closed = once(child, 'exit')
    child.kill('SIGTERM')
    await closed
  }

  get pid(): number {
    if (this.#daemon?.pid === undefined) throw new Error('Kubo does not run')
    return this.#daemon.pid
  }

  /** Runs a command and gives what it prints; throws what it complains of. */
  async bytes(...args: string[]): Promise<Buffer> {
    const [program, ...rest] = this.command(...args)
    const options = { env: this.env, maxBuffer: MAX_OUTPUT_BYTES, encoding: 'buffer' } as const
    const { stdout } = await promisify(execFile)(program, rest, options).catch((error) => {
      throw new Error(`ipfs ${args.slice(0, 4).join(' ')}: ${error.stderr || error.message}`)
    })
    return stdout
  }

  async text(...args: string[]): Promise<string> {
    return (await this.bytes(...args)).toString().trim()
  }

  /** Where others dial it, with its id. */
  async address(): Promise<string> {
    const { Addresses } = JSON.parse(await this.text('id'))
    return Addresses.find((address: string) => /^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\//.test(address))
  }

  /** Where its RPC answers, as a URL. */
  rpcUrl(): string {
    const [, , host, , port] = readFileSync(join(this.folder, 'repo', 'api'), 'utf8')
      .trim()
      .split('/')
    return `http://${host}:${port}`
  }

  /** Puts blocks of one codec (`raw`, `dag-pb`, `dag-cbor`) as they are; gives their addresses in the same order. */
  async putBlocks(codec: string, blocks: readonly Uint8Array[]): Promise<string[]> {
    const cids: string[] = []
    for (let at = 0; at < blocks.length; at += BLOCKS_PER_CALL) {
      const folder = join(this.folder, `blocks-${at}-${codec}`)
      mkdirSync(folder)
      const paths = blocks.slice(at, at + BLOCKS_PER_CALL).map((bytes, n) => {
        const path = join(folder, String(n).padStart(4, '0'))
        writeFileSync(path, bytes)
        return path
      })
      cids.push(...(await this.text('block', 'put', `--cid-codec=${codec}`, ...paths)).split('\n'))
    }
    return cids
  }
}

/** In one command line. */
const BLOCKS_PER_CALL = 500

/** One that runs in a folder below `parent`, until the test ends. */
export async function newKubo(t: TestContext, parent: string): Promise<Kubo> {
  const kubo = await new Kubo(join(parent, 'kubo')).init()
  t.after(() => kubo.stop())
  return kubo.start()
}

/** Where `build.sh` left the program. */
function builtProgram(): string | undefined {
  const { PINTGLAS_KUBO, XDG_CACHE_HOME } = process.env
  const folder = PINTGLAS_KUBO || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'pintglas-kubo')
  const modules = readFileSync(join(import.meta.dirname, 'go.mod'))
  const path = join(folder, `ipfs-${createHash('sha256').update(modules).digest('hex').slice(0, 12)}`)
  return existsSync(path) ? path : undefined
}
