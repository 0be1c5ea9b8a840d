import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { good } from '../cli/process.ts'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { until } from '../loopback.ts'
import { beam } from '../tap/original-tap.ts'
import { newImage, newSampler, nextOf, thisHost } from '../tap/sampler-process.ts'
import { snapshot } from '../tap/tap-of-today.ts'
import { zipOfDirectory } from '../tap/tap-zip.ts'

const TOKEN = 'pgt_3xAmpl3T0kenThatNobodyShouldSee'

function filesWith(directory: string, text: string): string[] {
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((path) => join(directory, path))
  return paths.filter((path) => statSync(path).isFile() && readFileSync(path).includes(text))
}

test(
  'a token for Taps that lies in an image directory after all goes out in no snapshot: not pushed, not handed over, not beamed',
  async (t) => {
    const sampler = await newSampler(t)
    const { path, record, folder } = newImage(t, { host: thisHost })
    for (const place of ['.', 'pharo-local', 'pharo-local/pintglas']) {
      mkdirSync(join(path, place), { recursive: true })
      writeFileSync(join(path, place, 'tap.token'), `${TOKEN}\n`, { mode: 0o600 })
    }
    const zip = zipOfDirectory(join(folder, 'with-token.zip'), path, 'Ants')
    const saving = { image: join(path, 'Ants.image'), zip, pauseMs: 3 }
    assert.is((await snapshot(sampler.url, record, saving)).how, 'handed')
    writeFileSync(join(path, 'notes.txt'), 'more')
    await good(t, sampler.home, 'push', path)
    await beam(sampler.url, { ...nextOf(record), host: 'elsewhere' }, zip)
    await until(() => sampler.said().match(/Took/g)?.length === 2, 60_000)
    const { glases } = await good(t, sampler.home, 'ls')
    for (const { 'glas-id': glasId } of glases) {
      const { versions } = await good(t, sampler.home, 'log', glasId)
      for (const { version } of versions) {
        const { directory } = await good(t, sampler.home, 'pull', `${glasId}@${version}`, join(newFolder(t), version))
        assert.equal(filesWith(directory, TOKEN), [])
      }
    }
    assert.equal(filesWith(sampler.home, TOKEN), [])
  },
  { limitMs: 120_000 },
)
