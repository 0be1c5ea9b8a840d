import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { test } from '../../harness.ts'

const MODULE = join(import.meta.dirname, '..', '..', '..', 'src', 'sampler', 'give-way.ts')
const isLinux = readdirSync('/').includes('proc')
/** Field 19 of /proc/self/task/<id>/stat is the niceness of a thread (proc(5)); the name in brackets may hold spaces. */
const PROGRAM = `
import { readdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { Worker } from 'node:worker_threads'
import { giveWay } from ${JSON.stringify(MODULE)}
await readFile('/proc/self/stat')
await giveWay(7)
const worker = new Worker('setTimeout(() => {}, 60_000)', { eval: true })
await new Promise((resolve) => worker.once('online', resolve))
const niceness = readdirSync('/proc/self/task').map((id) => {
  const stat = readFileSync('/proc/self/task/' + id + '/stat', 'utf8')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
})
console.log(JSON.stringify(niceness))
process.exit()
`

test(
  'a process that gives way does so with all its threads, those that it starts later included',
  async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', PROGRAM])
    const niceness = JSON.parse(stdout) as number[]
    assert.ok(niceness.length > 2)
    assert.equal([...new Set(niceness)], [7])
  },
  { skip: isLinux ? undefined : 'only Linux tells the niceness of threads' },
)
