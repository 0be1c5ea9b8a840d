import type { Socket } from 'node:net'
import { directoryOf } from '../beam/live-origin.ts'
import type { PushResult } from '../beam/push-result.ts'
import { GlasError, toGlasError } from '../glas/errors.ts'
import type { GlasId } from '../glas/glas-id.ts'
import { requireSeen } from './caller.ts'
import type { TapUpgrade } from './http.ts'
import type { LiveTaps } from './live-taps.ts'
import type { SnapshotRequests } from './snapshot-requests.ts'
import {
  type HandedFile,
  isRefusal,
  MAX_TAP_MESSAGE_BYTES,
  parseHandedFile,
  parseTapMessage,
  type TapMessage,
} from './tap-message.ts'
import type { Transfers, TransferTeller } from './transfers.ts'
import { acceptWebSocket, collected, type Message, type WebSocketChannel } from './websocket.ts'

/** The first message comes with the connection. */
const FIRST_MESSAGE_LIMIT_MS = 30_000
/** A Tap writes its zip byte by byte, and pauses when its image collects garbage: only silence ends a transfer. */
const SILENCE_LIMIT_MS = 60_000
/** An original Tap gives a silent connection 30 seconds. */
const PING_EVERY_MS = 10_000
/** What was written last should arrive; a Tap that does not read it is cut off. */
const CLOSE_LIMIT_MS = 5_000
/** Whoever waits has little to say: no, when somebody who sits at the image does not want a snapshot. */
const MAX_IDLE_MESSAGE_BYTES = 64 * 1024
/** Saving an image of many gigabytes to a slow disk, after somebody was asked. */
const SAVE_LIMIT_MS = 15 * 60_000

export interface TapPorts {
  /** It may speak for directories of this machine. */
  isOwn: boolean
  taps: LiveTaps
  requests: SnapshotRequests
  /** Takes what a Tap sends: into the stock, or into quarantine. */
  receive: (from: TapMessage, message: Message) => Promise<void>
  /** Takes an image that the Tap saves to the disk of this machine; undefined where it must be sent. */
  handOver:
    | ((from: TapMessage, directory: string, saved: (folder: string) => Promise<HandedFile>) => Promise<PushResult>)
    | undefined
  /** The glas that a snapshot would go to; undefined where nobody can say. */
  glasOf: (from: TapMessage) => Promise<GlasId | undefined>
  transfers: Transfers
  onMessage: (message: string) => void
}

/** One connection of a Tap, from its upgrade to its end. What it does wrong ends it and harms nobody else. */
export async function serveTap(
  ports: TapPorts,
  { request, socket, head, caller }: Omit<TapUpgrade, 'from'>,
): Promise<void> {
  socket.setTimeout(FIRST_MESSAGE_LIMIT_MS, () => socket.destroy())
  try {
    const channel = acceptWebSocket(request, socket, head)
    const message = await firstMessage(channel)
    const glasId = await ports.glasOf(message)
    if (caller !== undefined && glasId !== undefined) requireSeen(caller, glasId)
    if (message.action === 'wait') await wait(channel, message, { ...ports, socket })
    else if (message.action === 'hand') await handOver(channel, message, { ...ports, socket })
    else await beam(channel, message, { ...ports, socket, glasId })
  } catch (error) {
    const { code, message } = toGlasError(error)
    if (!isEnd(error)) ports.onMessage(`A Tap was refused (${code}): ${message}`)
  } finally {
    socket.setTimeout(CLOSE_LIMIT_MS)
    socket.destroySoon()
  }
}

async function firstMessage(channel: WebSocketChannel): Promise<TapMessage> {
  const message = await channel.next()
  if (message === undefined) throw new GlasError('BadMessage', 'It closed without a message.')
  return parseTapMessage((await collected(message.chunks(MAX_TAP_MESSAGE_BYTES))).toString('utf8'))
}

interface Waiting {
  isOwn: boolean
  taps: LiveTaps
  requests: SnapshotRequests
  socket: Socket
}

/** Until the connection ends, the image can be asked. The question is its name, as the original Sampler sends it. */
async function wait(
  channel: WebSocketChannel,
  message: TapMessage,
  { isOwn, taps, requests, socket }: Waiting,
): Promise<void> {
  const { host, path, name, imageId } = message
  const tap = { host, path, name, imageId, isOwn }
  const remove = taps.add({ tap, ask: () => channel.sendText(name), drop: () => socket.destroy() })
  socket.setTimeout(0)
  const pings = setInterval(() => channel.ping(), PING_EVERY_MS)
  try {
    for (let idle = await channel.next(); idle !== undefined; idle = await channel.next()) {
      if (isRefusal((await collected(idle.chunks(MAX_IDLE_MESSAGE_BYTES))).toString('utf8'))) requests.refuse(tap)
    }
  } finally {
    clearInterval(pings)
    remove()
    if (taps.get(tap) === undefined) requests.gone(tap)
  }
}

async function beam(
  channel: WebSocketChannel,
  message: TapMessage,
  { taps, receive, transfers, socket, glasId }: TapPorts & { socket: Socket; glasId: GlasId | undefined },
): Promise<void> {
  socket.setTimeout(SILENCE_LIMIT_MS)
  const zip = await channel.next()
  if (zip === undefined) throw new GlasError('BadMessage', 'It closed without sending its snapshot.')
  const telling = transfers.begin({ kind: 'beam', label: message.name, glasId, tap: taps.idOf(message) })
  try {
    await receive(message, counted(zip, telling.progress))
    telling.end()
  } catch (error) {
    telling.fail(error)
    throw error
  }
  channel.close()
}

/**
 * A Tap that shares the disk saves its image into a folder that was made for it, and all the rest is read where it lies.
 * Where that cannot be it is told to beam.
 */
async function handOver(
  channel: WebSocketChannel,
  message: TapMessage,
  { handOver: take, socket }: TapPorts & { socket: Socket },
): Promise<void> {
  const tell = (answer: object) => channel.sendText(JSON.stringify(answer))
  const directory = take && (await directoryOf(message))
  if (take === undefined || directory === undefined) {
    tell({ beam: true })
    return channel.close()
  }
  socket.setTimeout(0)
  const pings = setInterval(() => channel.ping(), PING_EVERY_MS)
  const limit = setTimeout(() => socket.destroy(), SAVE_LIMIT_MS)
  const saved = async (folder: string) => {
    tell({ spool: folder })
    const answer = await channel.next()
    clearTimeout(limit)
    if (answer === undefined) throw new GlasError('BadMessage', 'It closed without naming a file.')
    return parseHandedFile((await collected(answer.chunks(MAX_TAP_MESSAGE_BYTES))).toString('utf8'))
  }
  try {
    const { 'image-name': name, version, outcome } = await take(message, directory, saved)
    tell({ took: `${name}@${version}`, outcome })
  } catch (error) {
    const { code, message: why } = toGlasError(error)
    tell({ error: code, message: why })
  } finally {
    clearInterval(pings)
    clearTimeout(limit)
  }
  channel.close()
}

/** The same message, telling how much of it has come. */
function counted(message: Message, onProgress: TransferTeller['progress']): Message {
  const totalBytes = message.announcedBytes
  return {
    announcedBytes: totalBytes,
    async *chunks(maxBytes) {
      let doneBytes = 0
      for await (const chunk of message.chunks(maxBytes)) {
        doneBytes += chunk.length
        onProgress({ phase: 'fetching', doneBytes, totalBytes: Math.max(totalBytes, doneBytes) })
        yield chunk
      }
    },
  }
}

/** A Tap that was quit, or replaced by a newer one of the same name. */
function isEnd(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  return ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ABORT_ERR'].includes(String(code))
}
