import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { realFiles } from '../../../src/disk/files.ts'
import { acquireLock, currentHolder, STALE_AFTER_MS } from '../../../src/disk/lock.ts'
import { GlasError } from '../../../src/glas/errors.ts'
import { errorCode, temporaryFolder } from '../../disk/fixture.ts'
import { type TestContext, test } from '../../harness.ts'

test('a lock keeps a second writer out, which is told who has it', async (t) => {
  const folder = await temporaryFolder(t)
  const lock = await acquireLock(realFiles, folder)
  try {
    await acquireLock(realFiles, folder, { waitMs: 120 })
    assert.unreachable()
  } catch (error) {
    assert.ok(error instanceof GlasError)
    assert.is(error.code, 'StoreLocked')
    assert.is(error.data.pid, process.pid)
    assert.match(error.message, `process ${process.pid} on ${currentHolder().host}`)
  }
  await lock.release()
  assert.not(existsSync(join(folder, 'lock')))
  await (await acquireLock(realFiles, folder)).release()
})

test('somebody who waits gets the lock when it is given back', async (t) => {
  const folder = await temporaryFolder(t)
  const first = await acquireLock(realFiles, folder)
  const second = acquireLock(realFiles, folder, { waitMs: 5000 })
  await first.release()
  await (await second).release()
})

test('waiting ends when it is aborted', async (t) => {
  const folder = await temporaryFolder(t)
  const lock = await acquireLock(realFiles, folder)
  const signal = AbortSignal.timeout(60)
  const code = await errorCode(() => acquireLock(realFiles, folder, { waitMs: 5000, signal }))
  assert.ok(code !== undefined && code !== 'StoreLocked')
  await lock.release()
})

test('the lock of a process that was killed is taken over at once', async (t) => {
  const folder = await temporaryFolder(t)
  const script = `
    import { acquireLock } from '${join(import.meta.dirname, '../../../src/disk/lock.ts')}'
    import { realFiles } from '${join(import.meta.dirname, '../../../src/disk/files.ts')}'
    await acquireLock(realFiles, '${folder}')
    console.log('held')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  assert.is(await errorCode(() => acquireLock(realFiles, folder)), 'StoreLocked')
  child.kill('SIGKILL')
  await once(child, 'close')
  await (await acquireLock(realFiles, folder)).release()
})

test('a process id that was given to another process since does not count as the holder', async (t) => {
  const folder = await temporaryFolder(t)
  const other = { ...currentHolder(), started: 'another-boot:123' }
  await writeFile(join(folder, 'lock'), JSON.stringify(other))
  const code = await errorCode(async () => (await acquireLock(realFiles, folder)).release())
  assert.is(code, process.platform === 'linux' ? undefined : 'StoreLocked')
})

/** A process that has ended, and its parent, which never asks how. */
async function unaskedChild(t: TestContext): Promise<{ pid: number; started: string }> {
  const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => parent.kill('SIGKILL'))
  const [line] = await once(parent.stdout, 'data')
  const pid = Number(line)
  for (;;) {
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
    if (fields[0] === 'Z') return { pid, started: `${boot}:${fields[19]}` }
    await sleep(10)
  }
}

test(
  'a process that has ended does not count as the holder, though its parent has not asked for its end',
  async (t) => {
    const folder = await temporaryFolder(t)
    await writeFile(join(folder, 'lock'), JSON.stringify({ ...currentHolder(), ...(await unaskedChild(t)) }))
    await (await acquireLock(realFiles, folder)).release()
  },
  { skip: process.platform === 'linux' ? undefined : 'only Linux tells it' },
)

test("another host's lock holds until its heartbeat is older than the limit", async (t) => {
  const folder = await temporaryFolder(t)
  const path = join(folder, 'lock')
  await writeFile(path, JSON.stringify({ ...currentHolder(), host: 'elsewhere', pid: 1 }))
  assert.is(await errorCode(() => acquireLock(realFiles, folder)), 'StoreLocked')
  const beat = (Date.now() - STALE_AFTER_MS - 5000) / 1000
  await utimes(path, beat, beat)
  await (await acquireLock(realFiles, folder)).release()
})

test('of many that find a stale lock one gets it', async (t) => {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'lock'), 'not json')
  const holders = Array.from({ length: 6 }, () => acquireLock(realFiles, folder))
  const locks = (await Promise.allSettled(holders)).filter((result) => result.status === 'fulfilled')
  assert.is(locks.length, 1)
  assert.is(JSON.parse(await readFile(join(folder, 'lock'), 'utf8')).pid, process.pid)
  for (const lock of locks) await lock.value.release()
})
