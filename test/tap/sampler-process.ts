/** A daemon in a process of its own, as images, launchers and browsers meet it. */
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { start } from '../cli/process.ts'
import { imageDirectory } from '../gen/directory.ts'
import type { TestContext } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import type { TapRecord } from './original-tap.ts'
import { zipOfDirectory } from './tap-zip.ts'

/** Two hundred at once on a busy machine. */
const LIST_LIMIT_MS = 30_000

export interface SamplerProcess {
  home: string
  url: string
  child: ChildProcess
  /** What the daemon has said so far. */
  said: () => string
  /** Files and folders in the spool. */
  spooled: () => string[]
}

/** On a loaded machine a daemon that steps back behind all others would never be done. */
const FOR_TESTS = { http: '127.0.0.1:0', niceness: 0, backgroundBytesPerSecond: 0 }

/** A new home with a daemon on any port, and no other peer. `settings` go on top of its own. */
export async function newSampler(t: TestContext, home = newFolder(t), settings: object = {}): Promise<SamplerProcess> {
  const config = join(home, 'config.json')
  if (!existsSync(config)) writeFileSync(config, JSON.stringify({ ...FOR_TESTS, ...settings }))
  return startSampler(t, home)
}

export async function startSampler(t: TestContext, home: string): Promise<SamplerProcess> {
  const { child, done } = start(t, home, ['daemon'])
  let said = ''
  child.stderr?.on('data', (text: string) => {
    said += text
  })
  const ended = done.then(({ exit }) => {
    throw new Error(`the daemon ended with ${exit}: ${said}`)
  })
  ended.catch(() => {})
  const [line] = (await Promise.race([once(child.stdout!, 'data'), ended])) as [string]
  const spool = join(home, 'stock', 'spool')
  return { home, url: JSON.parse(line).http, child, said: () => said, spooled: () => listed(spool) }
}

/** A folder that vanishes while it is listed counts as there still. */
function listed(folder: string): string[] {
  try {
    return existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : []
  } catch {
    return ['going']
  }
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Buffer
  text: string
}

/** Sends what a launcher or a browser sends; `headers` may say anything. */
export function ask(
  url: string,
  path: string,
  {
    method = 'GET',
    headers = {},
    body = '',
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const target = new URL(path, url)
    const options = { method, headers, agent: false, rejectUnauthorized: false }
    const request = target.protocol === 'https:' ? requestTls : requestPlain
    const sent = request(target, options, async (answer) => {
      const parts = Buffer.concat(await Array.fromAsync(answer as AsyncIterable<Buffer>).catch(() => [] as Buffer[]))
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: parts, text: parts.toString('utf8') })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

export const bottles = async (url: string) => JSON.parse((await ask(url, '/launcher-bottles')).text)

/** An image on disk and its zip, and what its Tap says of itself. */
export function newImage(t: TestContext, { name = 'Ants', sizeBytes = 1_000_000, host = 'elsewhere' } = {}) {
  const folder = newFolder(t)
  const { path } = imageDirectory(join(folder, 'image'), { seed: 1, sizeBytes, name })
  const zip = zipOfDirectory(join(folder, 'beam.zip'), path, name)
  const record: TapRecord = { host, path, name, imageId: randomBytes(20).toString('hex') }
  return { path, zip, record, folder, image: readFileSync(join(path, `${name}.image`)) }
}

export const thisHost = hostname()

/** The record of the next snapshot of the same image. */
export function nextOf(record: TapRecord): TapRecord {
  return { ...record, imageId: `${record.imageId}-${randomBytes(2).toString('hex')}` }
}

/** Waits until so many Taps are listed: one that has just connected says who it is a moment later. */
export async function whenListed(url: string, count: number): Promise<void> {
  const endMs = performance.now() + LIST_LIMIT_MS
  for (;;) {
    const { length } = JSON.parse((await ask(url, '/launcher-taps')).text) as unknown[]
    if (length === count) return
    if (performance.now() > endMs) throw new Error(`still ${length} Taps listed, and not ${count}`)
    await sleep(20)
  }
}

/** Resident memory of a process, in bytes, now and at its highest. */
export function memoryOf({ pid }: ChildProcess): { nowBytes: number; peakBytes: number } {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024
  return { nowBytes: kib('VmRSS'), peakBytes: kib('VmHWM') }
}
