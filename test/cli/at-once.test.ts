import * as assert from 'uvu/assert'
import { test } from '../harness.ts'
import { good, start, startDaemon, stopProcess } from './process.ts'
import { scene } from './scene.ts'

test('settings that several verbs change at once are all kept', async (t) => {
  const { home } = scene(t)
  await good(t, home, 'id')
  const owners = ['a', 'b', 'c', 'd'].map((digit) => digit.repeat(64))
  const verbs = owners.map((owner) => start(t, home, ['follow', owner]).done)
  for (const { exit, stderr } of await Promise.all(verbs)) assert.is(exit, 0, stderr)
  const { rules } = await good(t, home, 'follow')
  assert.equal(rules.map(({ id }: { id: string }) => id).sort(), owners)
})

test('a machine that takes another name while it joins a swarm stays in it', async (t) => {
  const { home: ann, folder } = scene(t)
  const bob = `${folder}/bob`
  const daemon = await startDaemon(t, ann)
  const { invitation } = await good(t, ann, 'invite')
  await good(t, bob, 'id')
  const [joined] = await Promise.all([
    start(t, bob, ['join', invitation]).done,
    start(t, bob, ['config', 'name', 'desk']).done,
  ])
  assert.is(joined.exit, 0, joined.stderr)
  const { members } = await good(t, bob, 'members')
  assert.is(members.length, 2)
  await stopProcess(daemon, 'SIGTERM')
})
