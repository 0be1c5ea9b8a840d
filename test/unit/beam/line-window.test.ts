import * as assert from 'uvu/assert'
import { LineWindow, MAX_LINE_WINDOW_BYTES, MIN_LINE_WINDOW_BYTES } from '../../../src/beam/line-window.ts'
import { test } from '../../harness.ts'

const KIB = 1024

/** A line of this delay and rate, asked for as many blocks as the window allows; gives the window at the end. */
function windowOf(roundTripMs: number, bytesPerMs: number, blockBytes: number, forMs: number): number {
  const line = new LineWindow()
  const underWay: Array<{ asked: ReturnType<LineWindow['asking']>; arrivesMs: number }> = []
  let freeMs = 0
  for (let nowMs = 0; nowMs < forMs; nowMs++) {
    while (underWay[0] !== undefined && underWay[0].arrivesMs <= nowMs) {
      line.answered(underWay.shift()!.asked, blockBytes, nowMs)
    }
    while (underWay.length * blockBytes < line.bytes) {
      freeMs = Math.max(freeMs, nowMs + roundTripMs) + blockBytes / bytesPerMs
      underWay.push({ asked: line.asking(nowMs), arrivesMs: freeMs })
    }
  }
  return line.bytes
}

test('a window grows to what a fast and long line holds, and not far beyond', () => {
  const bytesPerMs = 125_000 // 1 Gbit/s
  const held = 200 * bytesPerMs
  const bytes = windowOf(200, bytesPerMs, 256 * KIB, 3_000)
  assert.ok(bytes >= held, `${bytes} bytes do not fill a line that holds ${held}`)
  assert.ok(bytes <= 3 * held, `${bytes} bytes wait on a line that holds ${held}`)
})

test('on a slow line little waits', () => {
  assert.is(windowOf(20, 6_250 / 8, 256 * KIB, 10_000), MIN_LINE_WINDOW_BYTES)
})

test('no line gets more than the largest window', () => {
  assert.is(windowOf(2_000, 1_000_000, 1024 * KIB, 20_000), MAX_LINE_WINDOW_BYTES)
})

test('a line that became slow gets less after a while', () => {
  const line = new LineWindow()
  line.answered(line.asking(0), 10_000_000, 100)
  const before = line.bytes
  for (let nowMs = 200; nowMs < 20_000; nowMs += 100) line.answered(line.asking(nowMs), 10_000, nowMs + 100)
  assert.ok(line.bytes < before / 4)
})
