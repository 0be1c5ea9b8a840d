/** What a Tap with a token for one glas, or a viewer of one, must not get out of the others. */
import { cpSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { good } from '../cli/process.ts'
import { type TestContext, test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { until } from '../loopback.ts'
import { Api, bearing } from '../tap/api.ts'
import { beam } from '../tap/original-tap.ts'
import { newImage, newSampler, nextOf, type SamplerProcess, thisHost } from '../tap/sampler-process.ts'

const PATIENCE_MS = 60_000
const SLOW = { limitMs: 180_000 }

async function taken(sampler: SamplerProcess, count: number): Promise<void> {
  await until(() => sampler.said().split('Took ').length > count, PATIENCE_MS)
}

/** A token that is limited to the glas of one beamed image. */
async function limitedTo(t: TestContext, sampler: SamplerProcess, glasId: string, role: string): Promise<string> {
  return (await good(t, sampler.home, 'token', 'add', `for-${role}`, '--role', role, '--glas', glasId)).token
}

test(
  'a Tap with a token for one glas cannot make a directory here part of it by naming it',
  async (t) => {
    const sampler = await newSampler(t)
    const shared = newImage(t, { name: 'Shared' })
    await beam(sampler.url, shared.record, shared.zip)
    await taken(sampler, 1)
    const glasId = (await good(t, sampler.home, 'ls')).glases[0]['glas-id']
    const token = await limitedTo(t, sampler, glasId, 'operator')
    const secret = newImage(t, { name: 'Secret' })
    const claimed = { ...nextOf(shared.record), host: thisHost, path: secret.path, name: 'Secret' }
    await beam(sampler.url, claimed, shared.zip, { headers: bearing(token) })
    await taken(sampler, 2)
    assert.not.ok(existsSync(join(secret.path, 'pintglas.ston')), 'nothing is noted in the directory')
    const pushed = await good(t, sampler.home, 'push', secret.path)
    assert.is.not(pushed['glas-id'], glasId)
    await (await Api.of(sampler.url)).as(bearing(token)).refusal(`/versions/${pushed.record}`)
  },
  SLOW,
)

test(
  'whoever sees a fork alone learns nothing of what it came from',
  async (t) => {
    const sampler = await newSampler(t)
    const base = newImage(t, { name: 'Base' })
    writeFileSync(join(base.path, 'left-out-of-the-fork.txt'), 'text')
    const pushed = await good(t, sampler.home, 'push', base.path)
    const copy = join(newFolder(t), 'copy')
    cpSync(base.path, copy, { recursive: true, verbatimSymlinks: true })
    rmSync(join(copy, 'left-out-of-the-fork.txt'))
    const fork = await good(t, sampler.home, 'push', copy, '--fork')
    const token = await limitedTo(t, sampler, fork['glas-id'], 'viewer')
    const api = (await Api.of(sampler.url)).as(bearing(token))
    const changes = await api.good(`/versions/${fork.record}/changes`)
    assert.equal([changes.parent, changes['parent-version'], changes.files], [null, null, []])
    assert.not.match(JSON.stringify(changes), 'left-out-of-the-fork')
    assert.equal(await api.refusal(`/versions/${pushed.record}`), [404, 'NameNotFound'])
    const { json } = await api.get(`/versions/${pushed.record}`)
    assert.not.match(JSON.stringify(json), pushed['glas-id'])
  },
  SLOW,
)
