import type { BandwidthLimits } from '../net/rate-limit.ts'
import type { Parts } from './parts.ts'

/** Does something while the blocks that go over the line are held to limits, from the moment that there is a network. */
export async function limited<Result>(
  parts: Parts,
  limits: BandwidthLimits | undefined,
  work: (parts: Parts) => Promise<Result>,
): Promise<Result> {
  if (limits === undefined) return work(parts)
  let end: (() => void) | undefined
  const network = async () => {
    const started = await parts.network()
    end ??= started.bandwidth.limit(limits)
    return started
  }
  try {
    return await work(Object.assign(Object.create(parts) as Parts, { network }))
  } finally {
    end?.()
  }
}
