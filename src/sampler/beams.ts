import { link, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { LiveImage } from '../beam/live-origin.ts'
import type { CallOptions } from '../beam/progress.ts'
import { PLAIN_PUSH, type PushResult } from '../beam/push-result.ts'
import { GlasError, toGlasError } from '../glas/errors.ts'
import type { Push } from './background.ts'
import { checkHanded, roomFor } from './handed-image.ts'
import type { SnapshotRequests } from './snapshot-requests.ts'
import type { Spool, SpoolPlace } from './spool.ts'
import type { HandedFile, TapMessage } from './tap-message.ts'
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
  push: Push
  options: CallOptions
}

/** What a Tap said, and whether it may speak for directories of this machine. */
export type Speaker = TapMessage & Pick<LiveImage, 'isOwn'>

/** What is to be pushed when its turn has come: the directory, and what only the Tap knows of it. */
type Prepare = () => Promise<{ path: string } & Pick<LiveImage, 'imageFile' | 'pauseMs'>>

/** Snapshots that Taps send: received side by side, brought into the stock one after the other. */
export class Beams {
  readonly #ports: BeamPorts
  readonly #running = new Set<Promise<unknown>>()
  #receiving = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor(ports: BeamPorts) {
    this.#ports = ports
  }

  /**
   * Takes the message that holds the zip. Resolves as soon as all of it is here; the rest goes on without the Tap.
   * Whatever fails, nothing of it remains but a message and an answer to those who asked for the snapshot.
   */
  async receive(from: Speaker, message: Message): Promise<void> {
    await this.#take(from, async (place) => {
      const zip = join(place.folder, 'beam.zip')
      await writeZip(zip, message, place)
      return this.#unzipped(from, zip, place)
    }).catch(() => {}) // was told already
  }

  /**
   * Gives the Tap a folder by calling `saved`, which resolves when the image lies in it, and pushes `directory` with
   * that image. Resolves when it is a version. On failure as above.
   */
  async handOver(
    from: Speaker,
    directory: string,
    saved: (folder: string) => Promise<HandedFile>,
  ): Promise<PushResult> {
    const { result } = await this.#take(from, async (place) => {
      const path = join(directory, `${from.name}.image`)
      await place.reserve(await roomFor(path))
      const { file, ...pause } = await saved(place.folder)
      const imageFile = await checkHanded(place.folder, file)
      return async () => ({ path, imageFile, ...pause })
    })
    return result
  }

  /** Waits for those that are on their way into the stock; the caller has aborted the signal. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#running)
  }

  /** Resolves when it has arrived; `result` is what becomes of it. */
  async #take(
    from: Speaker,
    arrive: (place: SpoolPlace) => Promise<Prepare>,
  ): Promise<{ result: Promise<PushResult> }> {
    const { requests, spool, options } = this.#ports
    const request = requests.take(from)
    const failed = (error: unknown) => {
      const { message: why } = toGlasError(error)
      if (!options.signal.aborted) options.onMessage(`The snapshot of ${labelOf(from)} came to nothing: ${why}`)
      request?.fail(error)
    }
    let place: SpoolPlace | undefined
    this.#receiving++
    try {
      if (this.#receiving + this.#running.size > MAX_BEAMS) throw tooMany()
      place = await spool.place()
      const prepare = await arrive(place)
      const result = this.#stock(from, prepare, { place, allowSecrets: request?.allowSecrets === true })
      const done = result.then((made) => {
        options.onMessage(`Took ${made['image-name']}@${made.version} from ${labelOf(from)}.`)
        request?.settle(made)
      }, failed)
      this.#running.add(done)
      void done.finally(() => this.#running.delete(done))
      return { result }
    } catch (error) {
      await place?.release()
      failed(error)
      throw error
    } finally {
      this.#receiving--
    }
  }

  /** Brings a zip that was here already into the stock; the file stays. */
  async accept(from: Speaker, zip: string, { allowSecrets }: { allowSecrets: boolean }): Promise<PushResult> {
    const place = await this.#ports.spool.place()
    const linked = join(place.folder, 'beam.zip')
    await link(zip, linked)
    return this.#stock(from, this.#unzipped(from, linked, place), { place, allowSecrets })
  }

  #unzipped(from: TapMessage, zip: string, place: SpoolPlace): Prepare {
    const { signal } = this.#ports.options
    const reserve = (bytes: number) => place.reserve(bytes)
    return async () => {
      const path = await unzip(zip, join(place.folder, 'unpacked'), { signal, reserve })
      await rm(zip)
      return { path, ...(from.pauseMs === undefined ? {} : { pauseMs: from.pauseMs }) }
    }
  }

  async #stock(
    { host, path, name, imageId, isOwn }: Speaker,
    prepare: Prepare,
    { place, allowSecrets }: { place: SpoolPlace; allowSecrets: boolean },
  ): Promise<PushResult> {
    const { push, options } = this.#ports
    const work = this.#turn.then(async () => {
      options.signal.throwIfAborted()
      const { path: directory, ...known } = await prepare()
      const live = { host, path, name, imageId, isOwn, ...known }
      return push({ ...PLAIN_PUSH, path: directory, live, allowSecrets }, { ...options, onProgress: () => {} })
    })
    this.#turn = work.catch(() => {})
    try {
      return await work
    } finally {
      await place.release()
    }
  }
}

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
