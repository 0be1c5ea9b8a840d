/**
 * An image with an original Tap, as a process of its own: `tap-process.ts <url> <record> <zip> ...`. It waits, answers
 * the nth request with the nth zip (those beyond with the last), and says `waiting` when it can be asked.
 */
import { beam, type TapRecord, WaitingTap } from './original-tap.ts'
import { nextOf } from './sampler-process.ts'

const [url = '', text = '', ...zips] = process.argv.slice(2)
const record: TapRecord = JSON.parse(text)
let asked = 0
const tap = await WaitingTap.start(url, record, () => {
  const zip = zips[Math.min(asked, zips.length - 1)] ?? ''
  asked++
  void beam(url, nextOf(record), zip)
})
console.log('waiting')
await tap.closed
