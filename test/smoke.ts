/**
 * A smoke run of what is published: packs the project, installs the package without its optional Node into an empty
 * prefix, as a user with a current Node would, and pushes and pulls an image with it.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { PushResult } from '../src/beam/push-result.ts'
import { imageDirectory, nextSnapshot } from './gen/directory.ts'

const project = resolve(import.meta.dirname, '..')
const work = mkdtempSync(join(tmpdir(), 'pintglas-smoke-'))
const run = (command: string, ...args: string[]) => {
  return execFileSync(command, args, {
    cwd: work,
    encoding: 'utf8',
    env: { ...process.env, PINTGLAS_HOME: join(work, 'home') },
  })
}

try {
  const [packed] = JSON.parse(run('npm', 'pack', project, '--json', '--ignore-scripts')) as Array<{ filename: string }>
  run(
    'npm',
    'install',
    '--global',
    '--omit=optional',
    '--prefix',
    join(work, 'prefix'),
    join(work, packed?.filename ?? ''),
  )
  const pintglas = join(work, 'prefix', 'bin', 'pintglas')
  console.log(`installed ${run(pintglas, '--version').trim()}`)
  const image = imageDirectory(join(work, 'Ants'), { seed: 1, sizeBytes: 2_500_000 })
  console.log(run(pintglas, 'push', image.path).trim())
  console.log(run(pintglas, 'pull', 'Ants@0.0.1', join(work, 'back')).trim())
  const before = readFileSync(join(image.path, 'Ants.image'))
  if (!before.equals(readFileSync(join(work, 'back', 'Ants.image')))) throw new Error('the image came back changed')
  nextSnapshot(image, { seed: 2, newObjects: 50, slideFrom: 0.1 })
  const second = JSON.parse(run(pintglas, 'push', '--json', image.path)) as PushResult
  if (second.image[0]?.['kept-as'] !== 'delta') throw new Error(`no delta was made: ${JSON.stringify(second.image)}`)
  console.log(run(pintglas, 'pull', 'Ants@0.0.2', join(work, 'next')).trim())
  const after = readFileSync(join(image.path, 'Ants.image'))
  if (!after.equals(readFileSync(join(work, 'next', 'Ants.image')))) throw new Error('the delta gave another image')
  run(pintglas, 'config', 'http', '127.0.0.1:0')
  const { http } = JSON.parse(run(pintglas, '--json', 'daemon', '--detach')) as { http: string }
  try {
    for (const path of ['openapi.json', 'status', 'glases']) {
      const answer = await fetch(new URL(`api/v1/${path}`, http))
      if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}: ${await answer.text()}`)
    }
    for (const path of ['', 'page/main.js', 'page/base.css']) {
      const answer = await fetch(new URL(path, http))
      if (!answer.ok) throw new Error(`the page's "${path}" was answered with ${answer.status}`)
    }
    console.log(`the API and the page answer at ${http}`)
  } finally {
    run(pintglas, 'daemon', 'stop')
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
