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
