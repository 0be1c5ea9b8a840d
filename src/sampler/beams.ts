import { link, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { CallOptions } from '../beam/progress.ts'
import type { PushArgs, PushResult } from '../beam/push-result.ts'
import { GlasError, toGlasError } from '../glas/errors.ts'
import type { SnapshotRequests } from './snapshot-requests.ts'
import type { Spool, SpoolPlace } from './spool.ts'
import type { TapMessage } from './tap-message.ts'
import { unzip } from './unzip.ts'
import type { Message } from './websocket.ts'
import { MAX_CHUNK_BYTES } from './websocket-frames.ts'

/** What a Tap can send: its own sockets take no more. */
export const MAX_BEAM_BYTES = 2 ** 31
/** Written at once: large enough for the disk, small beside what a daemon needs anyway, longer than any chunk. */
const WRITE_BYTES = 4 * MAX_CHUNK_BYTES
/** Connections count, snapshots that wait for their turn count: each takes room in the spool. */
const MAX_BEAMS = 256

export interface BeamPorts {
  spool: Spool
  requests: SnapshotRequests
  push: (args: PushArgs, options: CallOptions) => Promise<PushResult>
  options: CallOptions
}

/** Snapshots that Taps send: received side by side, brought into the stock one after the other. */
export class Beams {
  readonly #ports: BeamPorts
  readonly #running = new Set<Promise<void>>()
  #turn: Promise<unknown> = Promise.resolve()

  constructor(ports: BeamPorts) {
    this.#ports = ports
  }

  /**
   * Takes the message that holds the zip. Resolves as soon as all of it is here; the rest goes on without the Tap.
   * Whatever fails, nothing of it remains but a message and an answer to those who asked for the snapshot.
   */
  async receive(from: TapMessage, message: Message): Promise<void> {
    const { requests, spool, options } = this.#ports
    const request = requests.take(from)
    const failed = (error: unknown) => {
      const { message: why } = toGlasError(error)
      if (!options.signal.aborted) options.onMessage(`The snapshot of ${labelOf(from)} came to nothing: ${why}`)
      request?.fail(error)
    }
    let place: SpoolPlace | undefined
    try {
      if (this.#running.size >= MAX_BEAMS) throw tooMany()
      place = await spool.place()
      const zip = join(place.folder, 'beam.zip')
      await writeZip(zip, message, place)
      this.#finish(
        this.#stock(from, zip, { place, allowSecrets: request?.allowSecrets === true }),
        (result) => {
          options.onMessage(`Took ${result['image-name']}@${result.version} from ${labelOf(from)}.`)
          request?.settle(result)
        },
        failed,
      )
    } catch (error) {
      await place?.release()
      failed(error)
    }
  }

  /** Brings a zip that was here already into the stock; the file stays. */
  async accept(from: TapMessage, zip: string, { allowSecrets }: { allowSecrets: boolean }): Promise<PushResult> {
    const place = await this.#ports.spool.place()
    const linked = join(place.folder, 'beam.zip')
    await link(zip, linked)
    return this.#stock(from, linked, { place, allowSecrets })
  }

  #finish(work: Promise<PushResult>, settle: (result: PushResult) => void, fail: (error: unknown) => void): void {
    const done = work.then(settle, fail)
    this.#running.add(done)
    void done.finally(() => this.#running.delete(done))
  }

  /** Waits for those that are on their way into the stock; the caller has aborted the signal. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#running)
  }

  async #stock(
    { host, path, name, imageId }: TapMessage,
    zip: string,
    { place, allowSecrets }: { place: SpoolPlace; allowSecrets: boolean },
  ): Promise<PushResult> {
    const { push, options } = this.#ports
    const work = this.#turn.then(async () => {
      options.signal.throwIfAborted()
      const reserve = (bytes: number) => place.reserve(bytes)
      const directory = await unzip(zip, join(place.folder, 'unpacked'), { signal: options.signal, reserve })
      await rm(zip)
      const live = { host, path, name, imageId }
      return push({ ...PUSH, path: directory, live, allowSecrets }, { ...options, onProgress: () => {} })
    })
    this.#turn = work.catch(() => {})
    try {
      return await work
    } finally {
      await place.release()
    }
  }
}

/** As a push without any option. */
const PUSH = {
  step: 'patch',
  force: false,
  dryRun: false,
  location: true,
  to: [],
  copies: 0,
  public: false,
} satisfies Partial<PushArgs>

/** Writes what comes to a new file. LimitExceeded, DiskFull before what does not fit is written. */
export async function writeZip(path: string, message: Message, place: SpoolPlace): Promise<void> {
  if (message.announcedBytes > MAX_BEAM_BYTES) throw tooLarge()
  await place.reserve(message.announcedBytes)
  const file = await open(path, 'wx', 0o600)
  const waiting = Buffer.allocUnsafeSlow(WRITE_BYTES)
  let waitingBytes = 0
  let writtenBytes = 0
  const write = async () => {
    writtenBytes += waitingBytes
    // What comes in further pieces was not announced.
    if (writtenBytes > message.announcedBytes) await place.reserve(waitingBytes)
    await file.writeFile(waiting.subarray(0, waitingBytes))
    waitingBytes = 0
  }
  try {
    for await (const chunk of message.chunks(MAX_BEAM_BYTES)) {
      if (waitingBytes + chunk.length > WRITE_BYTES) await write()
      waitingBytes += chunk.copy(waiting, waitingBytes)
    }
    await write()
  } finally {
    await file.close()
  }
}

function labelOf({ host, path, name }: TapMessage): string {
  return host === '' && path === '' ? 'an image without a name' : `${name} (${host}:${path})`
}

function tooLarge(): GlasError {
  const data = { limit: MAX_BEAM_BYTES, unit: 'bytes' }
  return new GlasError('LimitExceeded', `A snapshot is sent in at most ${MAX_BEAM_BYTES} bytes.`, { data })
}

function tooMany(): GlasError {
  return new GlasError('LimitExceeded', `${MAX_BEAMS} snapshots wait for the stock already. Try again later.`, {
    data: { limit: MAX_BEAMS, unit: 'snapshots' },
  })
}
