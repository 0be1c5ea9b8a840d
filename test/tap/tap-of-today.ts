/**
 * The Tap of src/sampler/tap, as it speaks: it waits as the one of 2020 does; asked for a snapshot it offers to hand it
 * over by path, and beams in pieces where the daemon says that this cannot be. A closed connection is the answer of a
 * sampler that does not know `hand`.
 */
import { once } from 'node:events'
import { closeSync, copyFileSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { frame, recordFrame, type TapRecord, upgrade, WaitingTap } from './original-tap.ts'

/** What its frames carry at most. */
const PIECE_BYTES = 1_000_000

export interface Answer {
  spool?: string
  beam?: boolean
  took?: string
  outcome?: string
  error?: string
  message?: string
}

/** One connection on which image and daemon take turns. */
export class HandingTap {
  readonly tap: WaitingTap
  readonly #answers: Answer[]
  #ring: () => void = () => {}

  private constructor(tap: WaitingTap, answers: Answer[], onAnswer: (ring: () => void) => void) {
    this.tap = tap
    this.#answers = answers
    onAnswer(() => this.#ring())
  }

  static async start(url: string, record: TapRecord): Promise<HandingTap> {
    const answers: Answer[] = []
    let ring = () => {}
    const heard = (text: string) => {
      answers.push(JSON.parse(text))
      ring()
    }
    const tap = await WaitingTap.start(url, record, heard, {}, 'hand')
    return new HandingTap(tap, answers, (given) => {
      ring = given
    })
  }

  /** Undefined when the daemon has closed instead. */
  async next(): Promise<Answer | undefined> {
    const closed = this.tap.socket.closed ? Promise.resolve() : this.tap.closed
    while (this.#answers.length === 0) {
      const rung = new Promise<'rung'>((resolve) => {
        this.#ring = () => resolve('rung')
      })
      if ((await Promise.race([rung, closed])) !== 'rung' && this.#answers.length === 0) return undefined
    }
    return this.#answers.shift()
  }
}

/** What an image has: where it saves itself from, its zip where it must beam, how long it stood still. */
export interface Saving {
  image: string
  zip: string
  pauseMs: number
}

/** Takes one snapshot the way the daemon wants it. `how` tells which it was. */
export async function snapshot(
  url: string,
  record: TapRecord,
  { image, zip, pauseMs }: Saving,
): Promise<{ how: 'handed' | 'beamed'; answer: Answer | undefined }> {
  const handing = await HandingTap.start(url, record)
  const first = await handing.next()
  if (first?.spool === undefined) {
    handing.tap.stop()
    await beamInPieces(url, { ...record, pauseMs }, zip)
    return { how: 'beamed', answer: first }
  }
  const file = `${record.name}.image`
  copyFileSync(image, join(first.spool, file))
  handing.tap.send(JSON.stringify({ file, pauseMs }))
  return { how: 'handed', answer: await handing.next() }
}

/** Frames of a megabyte, masked, the last one final; then an empty close frame, and the end. */
export async function beamInPieces(url: string, record: TapRecord, zip: string): Promise<void> {
  const { status, socket } = await upgrade(url)
  if (status !== 101) throw new Error(`the upgrade was answered with ${status}`)
  const closed = once(socket, 'close')
  socket.resume()
  socket.write(recordFrame({ ...record, action: 'beam' }))
  const sizeBytes = statSync(zip).size
  const fd = openSync(zip, 'r')
  for (let at = 0; at < sizeBytes; at += PIECE_BYTES) {
    const piece = Buffer.alloc(Math.min(PIECE_BYTES, sizeBytes - at))
    readSync(fd, piece, 0, piece.length, at)
    const isLast = at + piece.length === sizeBytes
    const goesOn = socket.write(frame(piece, { opcode: at === 0 ? 2 : 0, isLast }))
    if (!goesOn) await Promise.race([once(socket, 'drain'), closed])
  }
  closeSync(fd)
  socket.end(frame(new Uint8Array(0), { opcode: 8 }))
  await closed
}
