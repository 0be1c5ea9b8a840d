import type { CallOptions } from '../beam/progress.ts'
import { toGlasError } from '../glas/errors.ts'
import { type ScheduleRule, scheduleKey } from '../home/schedule-rule.ts'
import { readScheduleRuns, type ScheduleRun, writeScheduleRuns } from '../home/schedule-runs.ts'

/** After a sleep of the machine nothing rings: whatever was due meanwhile is seen at the next look. */
const LOOK_EVERY_MS = 20_000

export interface Clock {
  /** Milliseconds since 1970, as this machine believes: may jump in both directions. */
  wallMs(): number
  /** Milliseconds that this machine was awake: never jumps, and stands still in its sleep. */
  awakeMs(): number
}

export const realClock: Clock = { wallMs: () => Date.now(), awakeMs: () => performance.now() }

/**
 * What one snapshot came to; `absent` when the image is not connected: it stays due. An empty text is that of the last
 * time.
 */
export type Taken = Pick<ScheduleRun, 'text' | 'stamp'> & { outcome: 'pushed' | 'unchanged' | 'absent' }

export interface SchedulerPorts {
  rules: () => readonly ScheduleRule[]
  /** Where it is written down when something ran last. */
  runsFile: string
  /** Takes a snapshot. `stamp` is what it was at the last time. */
  take: (rule: ScheduleRule, stamp: string) => Promise<Taken>
  clock: Clock
  options: Pick<CallOptions, 'signal' | 'onMessage'>
}

interface Begun {
  wallMs: number
  awakeMs: number
}

/** Takes what is due, each rule by itself and never twice at once. */
export class Scheduler {
  readonly #ports: SchedulerPorts
  readonly #runs: Map<string, ScheduleRun>
  /** When each rule ran last. A start of the daemon counts as awake since then. */
  readonly #begun = new Map<string, Begun>()
  readonly #running = new Map<string, Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()

  private constructor(ports: SchedulerPorts, runs: Map<string, ScheduleRun>) {
    this.#ports = ports
    this.#runs = runs
    const awakeMs = ports.clock.awakeMs()
    for (const [key, { begunMs }] of runs) this.#begun.set(key, { wallMs: begunMs, awakeMs })
  }

  static async open(ports: SchedulerPorts): Promise<Scheduler> {
    return new Scheduler(ports, await readScheduleRuns(ports.runsFile))
  }

  /** Begins what is due, and sees to it that the next look comes in time. Cheap: rules may have changed. */
  look(): void {
    clearTimeout(this.#timer)
    if (this.#ports.options.signal.aborted) return
    let nextMs = LOOK_EVERY_MS
    for (const rule of this.#ports.rules()) {
      const key = scheduleKey(rule)
      if (this.#running.has(key)) continue
      const dueMs = this.#dueInMs(rule)
      if (dueMs > 0) nextMs = Math.min(nextMs, dueMs)
      else this.#begin(key, rule)
    }
    this.#timer = setTimeout(() => this.look(), nextMs)
  }

  /** Waits for what goes on; the caller has aborted the signal. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    await Promise.allSettled(this.#running.values())
    await this.#writing
  }

  /**
   * The wall clock tells of a sleep and of the time before a start, the other one is right when somebody sets the wall
   * clock back: whichever says that more time has gone is believed. What was missed in between is taken once.
   */
  #dueInMs(rule: ScheduleRule): number {
    const begun = this.#begun.get(scheduleKey(rule))
    if (begun === undefined) return 0
    const { clock } = this.#ports
    const goneMs = Math.max(clock.wallMs() - begun.wallMs, clock.awakeMs() - begun.awakeMs)
    return rule.everySeconds * 1000 - goneMs
  }

  #begin(key: string, rule: ScheduleRule): void {
    const run = this.#run(key, rule).finally(() => {
      this.#running.delete(key)
      if (!this.#ports.options.signal.aborted) this.look()
    })
    this.#running.set(key, run)
  }

  async #run(key: string, rule: ScheduleRule): Promise<void> {
    const { clock, take, options } = this.#ports
    const begun = { wallMs: clock.wallMs(), awakeMs: clock.awakeMs() }
    let taken: ScheduleRun
    try {
      const before = this.#runs.get(key)
      const { outcome, text, stamp } = await take(rule, before?.stamp ?? '')
      if (outcome === 'absent') return this.#wait(key, rule)
      taken = { begunMs: begun.wallMs, outcome, text: text || (before?.text ?? ''), stamp }
    } catch (error) {
      if (options.signal.aborted) return // what was broken off is due again at the next start
      const text = toGlasError(error).message
      if (this.#runs.get(key)?.text !== text) options.onMessage(`The scheduled snapshot of ${rule.target}: ${text}`)
      taken = { begunMs: begun.wallMs, outcome: 'error', text, stamp: '' }
    }
    this.#begun.set(key, begun)
    this.#runs.set(key, taken)
    await this.#save()
  }

  /** Not connected: to be looked at again soon, and no run that counts. */
  #wait(key: string, { everySeconds }: ScheduleRule): void {
    const waitedMs = everySeconds * 1000 - LOOK_EVERY_MS
    const { clock } = this.#ports
    this.#begun.set(key, { wallMs: clock.wallMs() - waitedMs, awakeMs: clock.awakeMs() - waitedMs })
  }

  /** One after the other, each with all that is known by then; rules that are gone are left out. */
  #save(): Promise<void> {
    const { rules, runsFile, options } = this.#ports
    this.#writing = this.#writing.then(async () => {
      const keys = new Set(rules().map(scheduleKey))
      for (const key of this.#runs.keys()) if (!keys.has(key)) this.#runs.delete(key)
      try {
        await writeScheduleRuns(runsFile, this.#runs)
      } catch (error) {
        options.onMessage(`It could not be written down what the schedule has done: ${toGlasError(error).message}`)
      }
    })
    return this.#writing
  }
}
