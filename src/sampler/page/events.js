/** News of the daemon: server-sent events over fetch, for an EventSource cannot send the header that signs in. */
import { ApiError, ask } from './api.js'

/** The first try comes at once, later ones after up to this. */
const MAX_WAIT_MS = 15_000
const FIRST_WAIT_MS = 500
/** Of one event: more is no event of ours. */
const MAX_EVENT_CHARS = 4_000_000

/**
 * Reads events for ever. `onUp` is called whenever a connection begins, for what happened before it was not heard.
 *
 * @param {{ onEvent: (topic: string, data: any) => void, onUp: () => void, onDown: (error: unknown) => void }} listener
 */
export async function listen({ onEvent, onUp, onDown }) {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
    try {
      const answer = await ask('/events', { accept: 'text/event-stream' })
      waitMs = FIRST_WAIT_MS
      onUp()
      for await (const { topic, data } of eventsOf(answer)) onEvent(topic, data)
      onDown(undefined)
    } catch (error) {
      onDown(error)
      if (error instanceof ApiError && error.status === 401) return
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs))
  }
}

/** @param {Response} answer */
async function* eventsOf(answer) {
  if (answer.body === null) return
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    text += value.replaceAll('\r\n', '\n')
    if (text.length > MAX_EVENT_CHARS) throw new Error('The daemon sent an event without end.')
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const event = eventOf(block)
      if (event !== undefined) yield event
    }
  }
}

/** @param {string} block */
function eventOf(block) {
  let topic = 'message'
  /** @type {string[]} */
  const data = []
  for (const line of block.split('\n')) {
    if (line.startsWith('event:')) topic = line.slice(6).trim()
    else if (line.startsWith('data:')) data.push(line.slice(5).trimStart())
  }
  return data.length === 0 ? undefined : { topic, data: JSON.parse(data.join('\n')) }
}
