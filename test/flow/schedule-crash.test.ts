import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { good, stopProcess } from '../cli/process.ts'
import { imageDirectory, nextSnapshot } from '../gen/directory.ts'
import { seededRandom } from '../gen/random.ts'
import { test } from '../harness.ts'
import { durable } from '../home-parts.ts'
import { newFolder } from '../home-peer.ts'
import { frameHead, recordFrame, upgrade } from '../tap/original-tap.ts'
import { newImage, newSampler, type SamplerProcess, startSampler, thisHost } from '../tap/sampler-process.ts'
import { HandingTap } from '../tap/tap-of-today.ts'

const KILLS = 5
const SEED = 12

/** A transfer in the middle of a frame, and an image that is just being saved: both until the daemon goes. */
async function inTheMiddle({ url }: SamplerProcess, { record }: ReturnType<typeof newImage>): Promise<void> {
  const { socket } = await upgrade(url)
  socket.resume()
  socket.write(recordFrame({ ...record, host: 'elsewhere', action: 'beam' }))
  socket.write(Buffer.concat([frameHead(5_000_000, { opcode: 2 }).bytes, Buffer.alloc(2_000_000)]))
  const handing = await HandingTap.start(url, record)
  const { spool = '' } = (await handing.next()) ?? {}
  writeFileSync(join(spool, 'Ants.image'), 'half of a heap')
}

test(
  `a daemon that is killed ${KILLS} times while it is beamed to and pushes on schedule loses no version, and leaves nothing lying`,
  async (t) => {
    let sampler = await newSampler(t)
    const { home } = sampler
    const image = imageDirectory(join(newFolder(t), 'Bees'), { seed: 1, sizeBytes: 1_000_000, name: 'Bees' })
    const beamed = newImage(t, { host: thisHost })
    await good(t, home, 'schedule', 'add', image.path, '--every', '1s')
    const random = seededRandom(SEED)
    const acknowledged = new Set<string>()
    for (let kill = 0; kill < KILLS; kill++) {
      await inTheMiddle(sampler, beamed)
      nextSnapshot(image, { seed: 100 + kill, changesBytes: 3000 })
      await sleep(random.below(1500))
      const log = await good(t, home, 'log', 'Bees').catch(() => ({ versions: [] }))
      for (const { version } of log.versions) acknowledged.add(version)
      await stopProcess(sampler.child, 'SIGKILL')
      assert.equal((await durable(home)).findings, [], `kill ${kill}`)
      sampler = await startSampler(t, home)
      assert.equal(sampler.spooled(), [], `kill ${kill}`)
      const clones = join(home, 'stock', 'clones')
      assert.equal(existsSync(clones) ? readdirSync(clones) : [], [])
    }
    await good(t, home, 'schedule', 'remove', image.path)
    const last = await good(t, home, 'push', image.path)
    const { versions } = await good(t, home, 'log', 'Bees')
    const there = versions.map(({ version }: { version: string }) => version)
    for (const version of acknowledged) assert.ok(there.includes(version), `${version} is lost`)
    assert.equal((await good(t, home, 'check')).findings, [])
    const back = await good(t, home, 'pull', `Bees@${last.version}`, join(newFolder(t), 'back'))
    assert.ok(readFileSync(join(back.directory, 'Bees.image')).equals(readFileSync(join(image.path, 'Bees.image'))))
    assert.equal((await good(t, home, 'ls')).glases.length, 1, 'nothing of what was half beamed is a version')
  },
  { limitMs: 240_000 },
)
