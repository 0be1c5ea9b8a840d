import { setTimeout as sleep } from 'node:timers/promises'

/** True when `work` has ended within that time, well or not: for whoever has to say now and then that it goes on. */
export async function isSettledWithin(work: Promise<unknown>, limitMs: number): Promise<boolean> {
  const timer = new AbortController()
  const settled = work.then(
    () => true,
    () => true,
  )
  const late = sleep(limitMs, false, { signal: timer.signal, ref: false }).catch(() => false)
  const first = await Promise.race([settled, late])
  timer.abort()
  return first
}

/** Undefined when the signal came first; the work goes on. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const stop = () => resolve(undefined)
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
