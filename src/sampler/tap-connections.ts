import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { directoryOf } from '../beam/live-origin.ts'
import { GlasError, toGlasError } from '../glas/errors.ts'
import type { Beams } from './beams.ts'
import type { LiveTaps } from './live-taps.ts'
import type { SnapshotRequests } from './snapshot-requests.ts'
import { isRefusal, MAX_TAP_MESSAGE_BYTES, parseHandedFile, parseTapMessage, type TapMessage } from './tap-message.ts'
import { acceptWebSocket, collected, type WebSocketChannel } from './websocket.ts'

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
  taps: LiveTaps
  requests: SnapshotRequests
  beams: Beams
  onMessage: (message: string) => void
}

/** One connection of a Tap, from its upgrade to its end. What it does wrong ends it and harms nobody else. */
export async function serveTap(
  { taps, requests, beams, onMessage }: TapPorts,
  { request, socket, head }: { request: IncomingMessage; socket: Socket; head: Buffer },
): Promise<void> {
  socket.setTimeout(FIRST_MESSAGE_LIMIT_MS, () => socket.destroy())
  try {
    const channel = acceptWebSocket(request, socket, head)
    const message = await firstMessage(channel)
    if (message.action === 'wait') await wait(channel, message, { taps, requests, socket })
    else if (message.action === 'hand') await handOver(channel, message, { beams, socket })
    else await beam(channel, message, { beams, socket })
  } catch (error) {
    const { code, message } = toGlasError(error)
    if (!isEnd(error)) onMessage(`A Tap was refused (${code}): ${message}`)
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
  taps: LiveTaps
  requests: SnapshotRequests
  socket: Socket
}

/** Until the connection ends, the image can be asked. The question is its name, as the original Sampler sends it. */
async function wait(
  channel: WebSocketChannel,
  message: TapMessage,
  { taps, requests, socket }: Waiting,
): Promise<void> {
  const { host, path, name, imageId } = message
  const tap = { host, path, name, imageId }
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
  { beams, socket }: { beams: Beams; socket: Socket },
): Promise<void> {
  socket.setTimeout(SILENCE_LIMIT_MS)
  const zip = await channel.next()
  if (zip === undefined) throw new GlasError('BadMessage', 'It closed without sending its snapshot.')
  await beams.receive(message, zip)
  channel.close()
}

/**
 * A Tap that shares the disk saves its image into a folder that was made for it, and all the rest is read where it lies.
 * Where that cannot be it is told to beam.
 */
async function handOver(
  channel: WebSocketChannel,
  message: TapMessage,
  { beams, socket }: { beams: Beams; socket: Socket },
): Promise<void> {
  const tell = (answer: object) => channel.sendText(JSON.stringify(answer))
  const directory = isLoopback(socket) ? await directoryOf(message) : undefined
  if (directory === undefined) {
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
    const { 'image-name': name, version, outcome } = await beams.handOver(message, directory, saved)
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

function isLoopback({ remoteAddress = '' }: Socket): boolean {
  return /^(::ffff:)?127\.|^::1$/.test(remoteAddress)
}

/** A Tap that was quit, or replaced by a newer one of the same name. */
function isEnd(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  return ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ABORT_ERR'].includes(String(code))
}
