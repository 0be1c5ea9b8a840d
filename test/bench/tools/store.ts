/** Tools that keep snapshots of directories, one store a folder. */
import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Kubo, NO_KUBO } from '../../kubo/kubo.ts'
import { type Command, type Cost, measured, output } from '../measure.ts'
import { PintGlas } from './pintglas.ts'

export interface Store {
  tool: string
  init(): Promise<unknown>
  /** Keeps the directory as it is now. `bytes`: what the store grew by. */
  add(directory: string): Promise<Cost & { bytes: number }>
}

/** How a tool is told to begin a store and to add a directory to it. */
interface Recipe {
  tool: string
  /** The program that has to be installed. */
  program: string
  env(folder: string): NodeJS.ProcessEnv
  init: string[] | undefined
  add(folder: string, n: number): string[]
  /** The folder that counts. */
  kept: string
}

const RECIPES: Recipe[] = [
  {
    tool: 'restic',
    program: 'restic',
    env: (folder) => ({
      RESTIC_PASSWORD: 'x',
      RESTIC_REPOSITORY: join(folder, 'repo'),
      RESTIC_CACHE_DIR: join(folder, 'cache'),
    }),
    init: ['restic', 'init'],
    add: () => ['restic', '--quiet', 'backup', '.'],
    kept: 'repo',
  },
  {
    tool: 'borg',
    program: 'borg',
    env: (folder) => ({
      BORG_REPO: join(folder, 'repo'),
      BORG_BASE_DIR: folder,
      BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes',
    }),
    init: ['borg', 'init', '--encryption', 'none'],
    add: (_, n) => ['borg', 'create', '--compression', 'zstd,1', `::${n}`, '.'],
    kept: 'repo/data',
  },
  {
    tool: 'casync',
    program: 'casync',
    env: () => ({}),
    init: undefined,
    add: (folder, n) => ['casync', 'make', `--store=${join(folder, 'store.castr')}`, join(folder, `${n}.caidx`), '.'],
    kept: '.',
  },
]

class ToolStore implements Store {
  readonly tool: string
  readonly #recipe: Recipe
  readonly #folder: string
  #added = 0

  constructor(recipe: Recipe, folder: string) {
    this.#recipe = recipe
    this.tool = recipe.tool
    this.#folder = folder
  }

  async init(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true })
    if (this.#recipe.init) await output(this.#command(this.#recipe.init, this.#folder))
  }

  async add(directory: string): Promise<Cost & { bytes: number }> {
    const before = this.#bytes()
    this.#added += 1
    const cost = await measured(this.#command(this.#recipe.add(this.#folder, this.#added), directory))
    return { ...cost, bytes: this.#bytes() - before }
  }

  #bytes(): number {
    return bytesIn(join(this.#folder, this.#recipe.kept))
  }

  #command(argv: string[], cwd: string): Command {
    const { PATH } = process.env
    return { argv, cwd, env: { PATH, HOME: this.#folder, ...this.#recipe.env(this.#folder) } }
  }
}

/** `ipfs add` with Kubo's defaults, as its user types it: no daemon. */
class KuboStore implements Store {
  readonly tool = 'kubo'
  readonly #kubo: Kubo

  constructor(folder: string) {
    this.#kubo = new Kubo(folder)
  }

  init(): Promise<unknown> {
    return this.#kubo.init()
  }

  async add(directory: string): Promise<Cost & { bytes: number }> {
    const before = this.#bytes()
    const argv = this.#kubo.command('add', '--recursive', '--hidden', '--quieter', directory)
    const cost = await measured({ argv, env: this.#kubo.env })
    return { ...cost, bytes: this.#bytes() - before }
  }

  #bytes(): number {
    return bytesIn(join(this.#kubo.folder, 'repo', 'blocks'))
  }
}

/** A store of each tool that is installed, PintGlas first. What is missing is told to `skip`. */
export function stores(names: string[], folder: string, skip: (tool: string, reason: string) => void): Store[] {
  const made: Store[] = [new PintGlas(join(folder, 'pintglas'))]
  for (const recipe of RECIPES.filter(({ tool }) => names.includes(tool))) {
    if (isInstalled(recipe.program)) made.push(new ToolStore(recipe, join(folder, recipe.tool)))
    else skip(recipe.tool, 'not installed')
  }
  if (names.includes('kubo')) {
    if (NO_KUBO === undefined) made.push(new KuboStore(join(folder, 'kubo')))
    else skip('kubo', NO_KUBO)
  }
  return made
}

export function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version']).error === undefined
}

/** Of all files in a folder; 0 when there is none. */
export function bytesIn(folder: string): number {
  if (!existsSync(folder)) return 0
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).reduce((sum, path) => {
    const stats = lstatSync(join(folder, path))
    return stats.isFile() ? sum + stats.size : sum
  }, 0)
}
