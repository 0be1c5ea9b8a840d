import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { until } from '../loopback.ts'
import { beam } from '../tap/original-tap.ts'
import { memoryOf, newImage, newSampler } from '../tap/sampler-process.ts'
import { writeLargeZip } from '../tap/tap-zip.ts'

const MB = 1_000_000
const BEAM_BYTES = 1000 * MB
/** What a daemon may take on top of what it needs idle while a transfer arrives. */
const MAX_GROWTH_BYTES = 64 * 1024 * 1024

test(
  '1 GB arrives in less than 64 MB of memory over idle',
  async (t) => {
    const folder = newFolder(t)
    mkdirSync(join(folder, 'home'))
    const sampler = await newSampler(t, join(folder, 'home'))
    const small = newImage(t)
    await beam(sampler.url, small.record, small.zip)
    await until(() => sampler.said().includes('Took Ants@0.0.1'), 20_000)
    const zip = writeLargeZip(join(folder, 'large.zip'), 'Large', BEAM_BYTES)
    const record = { ...small.record, imageId: 'b'.repeat(40), name: 'Large' }
    const idleBytes = memoryOf(sampler.child).nowBytes
    let highestBytes = 0
    const watching = setInterval(() => {
      highestBytes = Math.max(highestBytes, memoryOf(sampler.child).nowBytes)
    }, 20)
    t.after(() => clearInterval(watching))
    const startMs = performance.now()
    await beam(sampler.url, record, zip)
    const arrivedMs = performance.now() - startMs
    const arrivingBytes = highestBytes - idleBytes
    await until(() => sampler.said().includes('Took Large@0.0.1'), 150_000)
    const seconds = (performance.now() - startMs) / 1000
    await sleep(50)
    console.log(
      `1 GB arrived in ${(arrivedMs / 1000).toFixed(1)} s and was a version after ${seconds.toFixed(1)} s; ` +
        `memory ${Math.round(idleBytes / MB)} MB idle, +${Math.round(arrivingBytes / MB)} MB while it arrived, ` +
        `+${Math.round((highestBytes - idleBytes) / MB)} MB at most`,
    )
    assert.is(statSync(zip).size > BEAM_BYTES, true)
    assert.equal(sampler.spooled(), [])
    assert.ok(arrivingBytes < MAX_GROWTH_BYTES, `memory grew by ${arrivingBytes} bytes`)
  },
  { limitMs: 240_000 },
)
