import type { Progress } from '../beam/progress.ts'
import { exitCodeOf, toGlasError } from '../glas/errors.ts'
import { shown, shownBytes, shownSeconds } from './shown.ts'

export interface TerminalOptions {
  json: boolean
  quiet: boolean
}

/** On a terminal the progress line is drawn anew at most this often; elsewhere a plain line comes. */
const REDRAW_MS = 100
const PLAIN_LINE_MS = 5_000

/**
 * Results on stdout: text, or one JSON object. Everything else (messages, progress, errors) on stderr; with `json`
 * an error is one object on stdout, too, and the messages stay on stderr as text.
 */
export class Terminal {
  readonly #options: TerminalOptions
  #startMs = 0
  #startBytes = 0
  #phase = ''
  #lastMs = 0
  #lineIsOpen = false

  constructor(options: TerminalOptions) {
    this.#options = options
  }

  /** Prints the result of a verb; `render` gives the text for people, empty for nothing. */
  result<Result>(value: Result, render: (value: Result) => string): void {
    this.#closeLine()
    if (this.#options.json) process.stdout.write(`${JSON.stringify(value)}\n`)
    else {
      const text = render(value)
      if (text !== '') process.stdout.write(`${text}\n`)
    }
  }

  message(text: string): void {
    if (this.#options.quiet) return
    this.#closeLine()
    process.stderr.write(`${shown(text)}\n`)
  }

  /** Prints the error and gives the exit code. */
  error(thrown: unknown): number {
    this.#closeLine()
    const error = toGlasError(thrown)
    const exitCode = exitCodeOf(error)
    if (this.#options.json) {
      const { code, message, retryable, data } = error
      process.stdout.write(`${JSON.stringify({ error: { code, message, retryable, exitCode, data } })}\n`)
    } else process.stderr.write(`pintglas: ${shown(error.message)}\n`)
    if (process.env.PINTGLAS_DEBUG) console.error(thrown)
    return exitCode
  }

  progress(progress: Progress): void {
    if (this.#options.quiet) return
    const now = performance.now()
    if (progress.phase !== this.#phase) this.#begin(progress, now)
    const isTerminal = process.stderr.isTTY === true && !this.#options.json
    if (now - this.#lastMs < (isTerminal ? REDRAW_MS : PLAIN_LINE_MS)) return
    this.#lastMs = now
    const line = this.#progressLine(progress, now)
    process.stderr.write(isTerminal ? `\r\x1b[K${line}` : `${line}\n`)
    this.#lineIsOpen = isTerminal
  }

  #begin(progress: Progress, now: number): void {
    this.#closeLine()
    this.#phase = progress.phase
    this.#startMs = now
    this.#startBytes = progress.doneBytes
    this.#lastMs = process.stderr.isTTY === true ? 0 : now
  }

  #progressLine({ phase, doneBytes, totalBytes }: Progress, now: number): string {
    const seconds = (now - this.#startMs) / 1000
    const rate = seconds > 0 ? (doneBytes - this.#startBytes) / seconds : 0
    const parts = [phase, shownBytes(doneBytes)]
    if (totalBytes !== undefined && totalBytes > 0) {
      parts.push(`of ${shownBytes(totalBytes)} (${Math.min(100, Math.floor((100 * doneBytes) / totalBytes))} %)`)
    }
    if (rate > 0) parts.push(`${shownBytes(rate)}/s`)
    if (rate > 0 && totalBytes !== undefined && totalBytes > doneBytes) {
      parts.push(`${shownSeconds((totalBytes - doneBytes) / rate)} left`)
    }
    return parts.join('  ')
  }

  #closeLine(): void {
    if (this.#lineIsOpen) process.stderr.write('\r\x1b[K')
    this.#lineIsOpen = false
  }
}
