import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Cost } from '../measure.ts'
import { freePort, type Mover, type MoverOptions } from './mover.ts'
import { PintGlas } from './pintglas.ts'

/** A daemon has the versions; the receiver pulls without one, as on a machine where nothing runs yet. */
export class PintGlasMover implements Mover {
  readonly tool = 'pintglas'
  readonly #route: MoverOptions['route']
  readonly #target: string
  readonly #holder: PintGlas
  readonly #puller: PintGlas

  constructor({ folder, route }: MoverOptions) {
    this.#route = route
    this.#target = join(folder, 'target')
    this.#holder = new PintGlas(join(folder, 'holder'))
    this.#puller = new PintGlas(join(folder, 'puller'), { within: route.within })
  }

  async open(): Promise<void> {
    await this.#holder.init()
    await this.#puller.init()
    const port = await freePort()
    await this.#holder.run('listen', `127.0.0.1:${port}`)
    await this.#holder.startDaemon()
    const address = `127.0.0.1:${await this.#route.to(port)}`
    const { invitation = '' } = await this.#holder.run('invite', '--address', address)
    await this.#puller.run('join', invitation)
    this.#puller.save(0)
  }

  async offer(directory: string): Promise<void> {
    await this.#holder.add(directory)
  }

  async receive(version: number, has: number): Promise<Cost & { bytes: number }> {
    this.#puller.restore(has)
    rmSync(this.#target, { recursive: true, force: true })
    const before = this.#route.bytes()
    const cost = await this.#puller.pull(`0.0.${version}`, this.#target)
    const bytes = this.#route.bytes() - before
    this.#puller.save(version)
    return { ...cost, bytes }
  }

  async close(): Promise<void> {
    await this.#holder.stop()
  }
}
