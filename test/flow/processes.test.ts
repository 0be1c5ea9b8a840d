import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { newKeyPair, toHex } from '../../src/glas/keys.ts'
import { type TestContext, test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { until } from '../loopback.ts'

const PROGRAM = join(import.meta.dirname, '../net/home-process.ts')

/** Three processes start at once, on machines that do other things too. */
const START_LIMIT_MS = 40_000

interface Line {
  id?: number
  event?: string
  text?: string
  count?: number
  address?: string
  result?: unknown
  code?: string
}

/** A home in a process of its own. */
class HomeProcess {
  readonly lines: Line[] = []
  readonly name: string
  readonly #arguments: string[]
  #child: ChildProcess | undefined
  #calls = 0

  constructor(t: TestContext, name: string) {
    this.name = name
    this.#arguments = [newFolder(t), toHex(newKeyPair().seed), name]
    t.after(() => this.kill())
  }

  /** Starts it, at the address that it had before. */
  async start(): Promise<this> {
    const before = this.lines.findLast(({ event }) => event === 'ready')?.address?.split('#')[0]
    this.lines.length = 0
    const listen = before === undefined ? [] : [before]
    const child = spawn(process.execPath, [PROGRAM, ...this.#arguments, ...listen], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#child = child
    createInterface({ input: child.stdout }).on('line', (line) => this.lines.push(JSON.parse(line)))
    const isReady = () => this.lines.some(({ event }) => event === 'ready')
    await until(() => isReady() || child.exitCode !== null, START_LIMIT_MS)
    assert.ok(isReady(), `${this.name} ended with ${child.exitCode}`)
    return this
  }

  async call(verb: string, text?: string): Promise<Line> {
    this.#calls += 1
    const id = this.#calls
    this.#child?.stdin?.write(`${JSON.stringify({ id, verb, text })}\n`)
    await until(() => this.lines.some((line) => line.id === id), 40_000)
    return this.lines.find((line) => line.id === id)!
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  /** Ends it in good order, and gives its exit code. */
  async stop(): Promise<number | null> {
    const child = this.#child!
    const exit = once(child, 'exit')
    await this.call('stop')
    const [code] = await exit
    this.#child = undefined
    return code
  }

  membersUp(): number {
    return this.lines.findLast(({ event }) => event === 'up' || event === 'down')?.count ?? 0
  }

  heard(): string[] {
    return this.lines.flatMap(({ event, text }) => (event === 'entry' && text !== undefined ? [text] : []))
  }
}

test(
  'homes in processes of their own meet, tell each other news, and stop in good order',
  async (t) => {
    const homes = ['ann', 'bob', 'cid'].map((name) => new HomeProcess(t, name))
    await Promise.all(homes.map((home) => home.start()))
    const [ann, bob, cid] = homes as [HomeProcess, HomeProcess, HomeProcess]
    await bob.call('join', String((await ann.call('invite')).result))
    await cid.call('join', String((await bob.call('invite')).result))
    await until(() => homes.every((home) => home.membersUp() === 2), 40_000)
    // Gossip is set up a moment after the hello: one that came too early is sent again, under another name.
    for (let nth = 0; ann.heard().length * bob.heard().length === 0 && nth < 50; nth++) {
      await cid.call('publish', `hello ${nth}`)
      await sleep(100)
    }
    assert.ok(ann.heard().length > 0 && bob.heard().length > 0)
    assert.equal([...((await ann.call('members')).result as string[])].sort(), ['ann', 'bob', 'cid'])
    assert.equal(await Promise.all(homes.map((home) => home.stop())), [0, 0, 0])
  },
  { limitMs: 180_000 },
)

test(
  'a home that is killed at any moment is found again, and what it acknowledged is still so',
  async (t) => {
    const [ann, bob, cid] = [new HomeProcess(t, 'ann'), new HomeProcess(t, 'bob'), new HomeProcess(t, 'cid')]
    await Promise.all([ann.start(), bob.start(), cid.start()])
    const forBob = String((await ann.call('invite')).result)
    const forCid = String((await ann.call('invite')).result)
    await ann.kill()
    await ann.start()
    await bob.call('join', forBob)
    await ann.kill()
    await until(() => bob.membersUp() === 0, 40_000)
    await ann.start()
    await until(() => ann.membersUp() === 1 && bob.membersUp() === 1, 40_000)
    assert.is((await cid.call('join', forBob)).code, 'NotAllowed')
    assert.is((await cid.call('join', forCid)).code, undefined)
    await bob.kill()
    await bob.start()
    await until(() => [ann, bob, cid].every((home) => home.membersUp() === 2), 40_000)
  },
  { limitMs: 180_000 },
)
