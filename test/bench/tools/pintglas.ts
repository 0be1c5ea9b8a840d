/** PintGlas itself: the built command line, one home a folder. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Command, type Cost, measured, output } from '../measure.ts'
import { bytesIn } from './store.ts'

const PROGRAM = resolve(import.meta.dirname, '../../../bin/pintglas.js')

export interface PintGlasOptions {
  /** What it is called in the results. */
  tool?: string
  within?: string[]
  /** Settings to begin with. */
  config?: Record<string, string>
}

export class PintGlas {
  readonly tool: string
  readonly folder: string
  /** Words before the command: those that enter a network namespace. */
  readonly #within: string[]
  readonly #config: Record<string, string>
  #daemon: ChildProcess | undefined

  constructor(folder: string, { tool = 'pintglas', within = [], config = {} }: PintGlasOptions = {}) {
    this.folder = folder
    this.tool = tool
    this.#within = within
    this.#config = { ...config, http: 'off' }
  }

  command(...args: string[]): Command {
    const { PATH } = process.env
    // The compiled program is kept beside the homes, as it is for a user who runs a second verb.
    const env = { PATH, HOME: this.folder, XDG_CACHE_HOME: join(this.folder, '..', 'compiled'), XDG_RUNTIME_DIR: '' }
    const argv = [...this.#within, process.execPath, PROGRAM, '--home', this.#home, '--json', '--quiet', ...args]
    return { argv, env, cwd: this.folder }
  }

  async run(...args: string[]): Promise<Record<string, string>> {
    return JSON.parse(await output(this.command(...args)))
  }

  async init(): Promise<this> {
    mkdirSync(this.folder, { recursive: true })
    for (const [key, value] of Object.entries(this.#config)) await this.run('config', key, value)
    return this
  }

  async add(directory: string): Promise<Cost & { bytes: number }> {
    const before = this.bytes()
    // Each home has a sidecar of its own, as if the other tools and homes did not exist.
    const [sidecar, saved] = [join(directory, 'pintglas.ston'), join(this.folder, 'saved.ston')]
    if (existsSync(saved)) copyFileSync(saved, sidecar)
    const cost = await measured(this.command('push', directory))
    copyFileSync(sidecar, saved)
    rmSync(sidecar)
    return { ...cost, bytes: this.bytes() - before }
  }

  pull(version: string, target: string): Promise<Cost> {
    return measured(this.command('pull', `Ants@${version}`, target))
  }

  /** Bytes of the packs: what stays. The catalogue and rebuilt images can be thrown away. */
  bytes(): number {
    return bytesIn(join(this.#home, 'stock', 'packs'))
  }

  /** Resolves when it is up. */
  async startDaemon(): Promise<void> {
    const { argv, env, cwd } = this.command('daemon')
    const [program = '', ...args] = argv
    const child = spawn(program, args, { env, cwd, stdio: ['ignore', 'pipe', 'inherit'] })
    this.#daemon = child
    const ended = once(child, 'close').then(([code]) => {
      throw new Error(`the daemon ended with ${code}`)
    })
    ended.catch(() => {})
    await Promise.race([once(child.stdout, 'data'), ended])
  }

  get pid(): number {
    if (this.#daemon?.pid === undefined) throw new Error('no daemon runs')
    return this.#daemon.pid
  }

  async stop(): Promise<void> {
    const child = this.#daemon
    this.#daemon = undefined
    if (child === undefined) return
    const closed = once(child, 'close')
    child.kill('SIGTERM')
    await closed
  }

  /** Keeps the home as it is now, under a number, unless one is kept there already; only the last two and 0 stay. */
  save(state: number): void {
    if (existsSync(this.#saved(state))) return
    cpSync(this.#home, this.#saved(state), { recursive: true })
    if (state > 2) rmSync(this.#saved(state - 2), { recursive: true, force: true })
  }

  /** The home as it was. Between two runs one peer is never there twice. */
  restore(state: number): void {
    rmSync(this.#home, { recursive: true, force: true })
    cpSync(this.#saved(state), this.#home, { recursive: true })
  }

  get #home(): string {
    return join(this.folder, 'home')
  }

  #saved(state: number): string {
    return join(this.folder, `saved-${state}`)
  }
}
