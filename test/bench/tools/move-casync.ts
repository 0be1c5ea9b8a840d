import { cpSync, createReadStream, existsSync, mkdirSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join, normalize } from 'node:path'
import { type Cost, measured, output } from '../measure.ts'
import type { Mover, MoverOptions } from './mover.ts'

const ENV = { PATH: process.env.PATH }

/** casync from a store behind HTTP; the version that the receiver has is its seed. */
export class CasyncMover implements Mover {
  readonly tool = 'casync'
  readonly #options: MoverOptions
  #server: Server | undefined
  #offered = 0
  #from = ''

  constructor(options: MoverOptions) {
    this.#options = options
  }

  async open(): Promise<void> {
    const { folder, route } = this.#options
    mkdirSync(this.#store, { recursive: true })
    const server = createServer((request, response) => {
      const path = join(this.#store, normalize(decodeURIComponent(request.url ?? '')))
      if (!existsSync(path)) response.writeHead(404).end()
      else createReadStream(path).pipe(response)
    })
    this.#server = server
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = address !== null && typeof address === 'object' ? address.port : 0
    this.#from = `http://127.0.0.1:${await route.to(port)}`
    mkdirSync(join(folder, 'seeds'))
  }

  async offer(directory: string): Promise<void> {
    this.#offered += 1
    const argv = [
      'casync',
      'make',
      `--store=${join(this.#store, 'store.castr')}`,
      join(this.#store, `${this.#offered}.caidx`),
      '.',
    ]
    await output({ argv, env: ENV, cwd: directory })
    cpSync(directory, this.#seed(this.#offered), { recursive: true, verbatimSymlinks: true, preserveTimestamps: true })
  }

  async receive(version: number, has: number): Promise<Cost & { bytes: number }> {
    const { folder, route } = this.#options
    const target = join(folder, 'target')
    rmSync(target, { recursive: true, force: true })
    const seed = has > 0 ? [`--seed=${this.#seed(has)}`] : []
    const argv = [
      ...route.within,
      'casync',
      'extract',
      `--store=${this.#from}/store.castr`,
      ...seed,
      `${this.#from}/${version}.caidx`,
      target,
    ]
    const before = route.bytes()
    const cost = await measured({ argv, env: ENV })
    return { ...cost, bytes: route.bytes() - before }
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections()
    await new Promise((resolve) => (this.#server === undefined ? resolve(undefined) : this.#server.close(resolve)))
  }

  get #store(): string {
    return join(this.#options.folder, 'store')
  }

  #seed(version: number): string {
    return join(this.#options.folder, 'seeds', String(version))
  }
}
