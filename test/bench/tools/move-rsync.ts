import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Cost, measured } from '../measure.ts'
import { direct } from '../route.ts'
import { freePort, type Mover, type MoverOptions } from './mover.ts'

const ENV = { PATH: process.env.PATH }
const START_LIMIT_MS = 10_000
const LOOK_EVERY_MS = 20

/** `rsync -a`: through a pipe as through ssh, but without encryption; over a line from its daemon, and then with `-z`. */
export class RsyncMover implements Mover {
  readonly tool: string
  readonly #options: MoverOptions
  readonly #versions: string[] = []
  #daemon: ChildProcess | undefined
  #from = ''

  constructor(options: MoverOptions) {
    this.#options = options
    this.tool = options.route === direct ? 'rsync -a' : 'rsync -az'
  }

  async open(): Promise<void> {
    const { folder, route } = this.#options
    mkdirSync(join(folder, 'offered'), { recursive: true })
    if (route === direct) {
      writeFileSync(this.#shell, '#!/bin/sh\nshift\nexec "$@"\n')
      chmodSync(this.#shell, 0o755)
      this.#from = `pipe:${join(folder, 'offered')}`
    } else this.#from = `rsync://127.0.0.1:${await route.to(await this.#startDaemon())}/offered`
  }

  async offer(directory: string): Promise<void> {
    this.#versions.push(`${this.#versions.length + 1}`)
    cpSync(directory, this.#offered(this.#versions.length), {
      recursive: true,
      verbatimSymlinks: true,
      preserveTimestamps: true,
    })
  }

  async receive(version: number, has: number): Promise<Cost & { bytes: number }> {
    const { folder, route } = this.#options
    const target = join(folder, 'target')
    rmSync(target, { recursive: true, force: true })
    if (has > 0)
      cpSync(this.#offered(has), target, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true })
    const how = route === direct ? ['-a', '-e', this.#shell] : ['-az']
    const argv = [...route.within, 'rsync', ...how, '--delete', `${this.#from}/${version}/`, `${target}/`]
    const before = route.bytes()
    const cost = await measured({ argv, env: ENV })
    return { ...cost, bytes: route.bytes() - before }
  }

  async close(): Promise<void> {
    const child = this.#daemon
    if (child === undefined) return
    const closed = once(child, 'close')
    child.kill('SIGTERM')
    await closed
  }

  async #startDaemon(): Promise<number> {
    const { folder } = this.#options
    const config = join(folder, 'rsyncd.conf')
    const settings = ['use chroot = no', 'address = 127.0.0.1', '[offered]', `path = ${join(folder, 'offered')}`]
    if (process.getuid?.() === 0) settings.push('uid = 0', 'gid = 0')
    writeFileSync(config, `${settings.join('\n')}\n`)
    const port = await freePort()
    this.#daemon = spawn('rsync', ['--daemon', '--no-detach', `--port=${port}`, `--config=${config}`], {
      env: ENV,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    await answers(port)
    return port
  }

  get #shell(): string {
    return join(this.#options.folder, 'pipe.sh')
  }

  #offered(version: number): string {
    return join(this.#options.folder, 'offered', String(version))
  }
}

async function answers(port: number): Promise<void> {
  const endMs = performance.now() + START_LIMIT_MS
  for (;;) {
    const socket = createConnection(port, '127.0.0.1')
    const isUp = await new Promise((resolve) =>
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false)),
    )
    socket.destroy()
    if (isUp) return
    if (performance.now() > endMs) throw new Error(`nothing answers at port ${port}`)
    await sleep(LOOK_EVERY_MS)
  }
}
