import { cpSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Kubo } from '../../kubo/kubo.ts'
import { type Cost, measured, measuring } from '../measure.ts'
import { freePort, type Mover, type MoverOptions } from './mover.ts'

/** Two Kubo nodes with their defaults but for the rest of the world; `ipfs get` on the one of what the other has. */
export class KuboMover implements Mover {
  readonly tool = 'kubo'
  readonly #route: MoverOptions['route']
  readonly #folder: string
  readonly #sender: Kubo
  readonly #receiver: Kubo
  readonly #cids: string[] = []
  #address = ''

  constructor({ folder, route }: MoverOptions) {
    this.#route = route
    this.#folder = folder
    this.#sender = new Kubo(join(folder, 'sender'))
    this.#receiver = new Kubo(join(folder, 'receiver'), route.within)
  }

  async open(): Promise<void> {
    await this.#sender.init()
    const port = await freePort()
    await this.#sender.text('config', '--json', 'Addresses.Swarm', `["/ip4/127.0.0.1/tcp/${port}"]`)
    await this.#sender.start()
    const [, id] = (await this.#sender.address()).split('/p2p/')
    this.#address = `/ip4/127.0.0.1/tcp/${await this.#route.to(port)}/p2p/${id}`
    await this.#receiver.init()
    this.#save(0)
  }

  async offer(directory: string): Promise<void> {
    this.#cids.push(await this.#sender.text('add', '--recursive', '--hidden', '--quieter', directory))
  }

  async receive(version: number, has: number): Promise<Cost & { bytes: number }> {
    rmSync(this.#repo, { recursive: true, force: true })
    cpSync(this.#saved(has), this.#repo, { recursive: true })
    const target = join(this.#folder, 'target')
    rmSync(target, { recursive: true, force: true })
    await this.#receiver.start()
    try {
      await this.#receiver.text('swarm', 'connect', this.#address)
      const before = this.#route.bytes()
      const daemon = measuring(this.#receiver.pid)
      const argv = this.#receiver.command('get', '--output', target, this.#cids[version - 1] ?? '')
      const client = await measured({ argv, env: this.#receiver.env })
      const { cpuSeconds, rssBytes } = daemon()
      const bytes = this.#route.bytes() - before
      return { seconds: client.seconds, cpuSeconds: client.cpuSeconds + cpuSeconds, rssBytes, bytes }
    } finally {
      await this.#receiver.stop()
      this.#save(version)
    }
  }

  async close(): Promise<void> {
    await this.#receiver.stop()
    await this.#sender.stop()
  }

  /** Kept once; only the last two and 0 stay. */
  #save(version: number): void {
    if (existsSync(this.#saved(version))) return
    cpSync(this.#repo, this.#saved(version), { recursive: true })
    if (version > 2) rmSync(this.#saved(version - 2), { recursive: true, force: true })
  }

  get #repo(): string {
    return join(this.#receiver.folder, 'repo')
  }

  #saved(version: number): string {
    return join(this.#folder, `saved-${version}`)
  }
}
