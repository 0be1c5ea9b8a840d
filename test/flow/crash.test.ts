import { randomBytes } from 'node:crypto'
import { appendFileSync, existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { folderIn, good, letIn, start, startDaemon, treeOf, versionsOf } from '../cli/process.ts'
import { seededRandom } from '../gen/random.ts'
import { test } from '../harness.ts'
import { durable, openHomeHere } from '../home-parts.ts'
import { newFolder } from '../home-peer.ts'
import { ants, slowHolder, sum, untilAsked } from './interrupting.ts'

const KILLS = 10
/** Ten processes that are killed, one after the other, on a machine with other work. */
const LIMIT = { limitMs: 180_000 }
test(
  `a pull that is killed at ${KILLS} random moments goes on where it was, and ends right`,
  async (t) => {
    const folder = newFolder(t)
    const bob = join(folder, 'bob')
    const ann = await slowHolder(t, folder, bob)
    const out = folderIn(folder, 'out')
    const target = join(out, 'back')
    const random = seededRandom(4)
    let went = 0
    for (let kill = 0; kill < KILLS; kill++) {
      const before = existsSync(join(bob, 'stock')) ? (await durable(bob)).blocks : new Map()
      const askedBefore = ann.asked.length
      const pull = start(t, bob, ['pull', ann.reference, target])
      await untilAsked(ann, 1 + random.below(60), pull.done)
      await sleep(random.below(30))
      pull.child.kill('SIGKILL')
      await pull.done
      for (const cid of ann.asked.slice(askedBefore)) assert.not.ok(before.has(cid), `kill ${kill}: ${cid} came again`)
      const after = await durable(bob)
      assert.equal(after.findings, [], `kill ${kill}`)
      if (after.blocks.size > before.size) went++
      assert.ok(
        [...before.keys()].every((cid) => after.blocks.has(cid)),
        `kill ${kill}: what was there is there`,
      )
      assert.not.ok(existsSync(target), `kill ${kill}`)
    }
    assert.ok(went >= 3, `only ${went} of the killed pulls left something behind`)
    const present = sum((await durable(bob)).blocks)
    const done = await good(t, bob, 'pull', ann.reference, target)
    const total = sum((await durable(bob)).blocks)
    assert.is(done['fetched-bytes'], total - present)
    assert.ok(present > 0 && done['fetched-bytes'] < ann.newBytes)
    assert.equal(treeOf(target), treeOf(ann.directory))
    assert.equal(readdirSync(out), ['back'])
    assert.equal((await good(t, bob, 'check')).findings, [])
  },
  LIMIT,
)

test(
  'a pull that is killed while it places leaves no half-written directory, and the next one cleans up',
  async (t) => {
    const folder = newFolder(t)
    const ann = join(folder, 'ann')
    await good(t, ann, 'push', ants(folder, 8))
    const out = folderIn(folder, 'out')
    const target = join(out, 'back')
    const random = seededRandom(5)
    let halfway = 0
    for (let kill = 0; kill < KILLS; kill++) {
      const pull = start(t, ann, ['--offline', 'pull', 'Ants@0.0.1', target])
      let isOver = false
      void pull.done.then(() => {
        isOver = true
      })
      while (!isOver && readdirSync(out).length === 0) await sleep(1)
      await sleep(random.below(120))
      pull.child.kill('SIGKILL')
      await pull.done
      if (!existsSync(target)) {
        halfway++
        continue
      }
      assert.equal(treeOf(target), treeOf(join(folder, 'ants')), `kill ${kill}: what is visible is whole`)
      await good(t, ann, '--offline', 'pull', '--force', 'Ants@0.0.1', target)
      break
    }
    assert.ok(halfway > 0)
    if (!existsSync(target)) await good(t, ann, '--offline', 'pull', 'Ants@0.0.1', target)
    assert.equal(treeOf(target), treeOf(join(folder, 'ants')))
    assert.equal(readdirSync(out), ['back'])
  },
  LIMIT,
)

test(
  `pushes that are killed at ${KILLS} random moments lose no version that was acknowledged`,
  async (t) => {
    const folder = newFolder(t)
    const directory = ants(folder, 9)
    const [ann, bob] = [join(folder, 'ann'), join(folder, 'bob')]
    await good(t, ann, 'config', 'name', 'ann')
    await startDaemon(t, ann)
    await letIn(t, ann, bob)
    const random = seededRandom(6)
    const acknowledged: string[] = []
    const beginMs = performance.now()
    acknowledged.push((await good(t, bob, 'push', '--to', 'ann', directory)).version)
    const fullMs = performance.now() - beginMs
    for (let kill = 0; kill < KILLS; kill++) {
      appendFileSync(join(directory, 'Ants.changes'), `"work ${kill}"!`)
      writeFileSync(join(directory, 'results', 'run-0.csv'), randomBytes(200_000))
      const push = start(t, bob, ['push', '--to', 'ann', directory])
      await Promise.race([sleep(fullMs * (0.2 + random.below(90) / 100)), push.done])
      push.child.kill('SIGKILL')
      const { exit, json } = await push.done
      if (exit === 0) acknowledged.push(json.version)
      assert.equal((await durable(bob)).findings, [], `kill ${kill}`)
    }
    const last = await good(t, bob, 'push', '--to', 'ann', directory)
    acknowledged.push(last.version)
    const versions = await versionsOf(t, bob)
    for (const version of acknowledged) assert.ok(versions.includes(version), `${version} is lost`)
    assert.equal((await good(t, bob, 'check')).findings, [])
    assert.equal(last.copies.holders, ['ann'])
    const here = await openHomeHere(t, bob)
    for (const version of versions) {
      const args = { reference: `Ants@${version}`, target: join(folder, 'each', version), base: folder, force: false }
      await here.call('pull', args, here.options)
    }
    await here.close()
    assert.equal(treeOf(join(folder, 'each', last.version)), treeOf(directory))
    await good(t, ann, 'pull', `${last['glas-id']}@${last.version}`, join(folder, 'at-ann'))
    assert.equal(treeOf(join(folder, 'at-ann')), treeOf(directory))
  },
  LIMIT,
)
