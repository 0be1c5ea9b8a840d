import * as assert from 'uvu/assert'
import { isGlasError } from '../../../src/glas/errors.ts'
import { Guesses } from '../../../src/sampler/guesses.ts'
import { test } from '../../harness.ts'

/** What `check` says: the seconds to wait, or 0. */
function waitOf(guesses: Guesses, place: string, hash: string): number {
  try {
    guesses.check(place, hash)
    return 0
  } catch (error) {
    if (!isGlasError(error, 'TooManyTries')) throw error
    return Number(error.data['retry-after-seconds'])
  }
}

test('five wrong tries are free, then the wait doubles up to five minutes', () => {
  let nowMs = 0
  const said: string[] = []
  const guesses = new Guesses(
    (message) => said.push(message),
    () => nowMs,
  )
  const waits: number[] = []
  for (let tries = 1; tries <= 16; tries++) {
    assert.is(waitOf(guesses, 'there', 'a'), 0)
    guesses.wrong('there')
    waits.push(waitOf(guesses, 'there', 'a'))
    nowMs += (waits.at(-1) ?? 0) * 1000
  }
  assert.equal(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300])
  assert.is(said.length, 16)
})

test('while a place has to wait nothing new from it is looked at, and what was right before goes on', () => {
  const guesses = new Guesses(
    () => {},
    () => 0,
  )
  guesses.right('there', 'known')
  for (let tries = 0; tries < 5; tries++) guesses.wrong('there')
  assert.equal([waitOf(guesses, 'there', 'known'), waitOf(guesses, 'there', 'new')], [0, 1])
  assert.equal([waitOf(guesses, 'elsewhere', 'new'), waitOf(guesses, 'elsewhere', 'known')], [0, 0])
  assert.equal([guesses.wrongCount, guesses.refusedCount], [5, 1])
})

test('an hour without a wrong try is forgotten; however many places there are, few are remembered and few lines logged', () => {
  let nowMs = 0
  let lines = 0
  const guesses = new Guesses(
    () => void lines++,
    () => nowMs,
  )
  for (let tries = 0; tries < 8; tries++) guesses.wrong('there')
  nowMs += 3_600_001
  guesses.wrong('there')
  assert.is(waitOf(guesses, 'there', 'a'), 0)
  for (let tries = 0; tries < 5; tries++) guesses.wrong('first')
  for (let place = 0; place < 10_000; place++) guesses.wrong(`place ${place}`)
  assert.is(waitOf(guesses, 'first', 'a'), 0)
  assert.ok(lines < 300, `${lines} lines in the log`)
})
