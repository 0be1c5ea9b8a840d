import * as assert from 'uvu/assert'
import { Sessions } from '../../../src/sampler/sessions.ts'
import { test } from '../../harness.ts'

const RIGHTS = { role: 'viewer', glases: null } as const
const MINUTE_MS = 60_000
const anywhere = { isLocal: false }
const own = { isOwnUser: true }

test('a code is good once, for two minutes, and a link for this machine for its own user alone', () => {
  let nowMs = 0
  const sessions = new Sessions(() => nowMs)
  const code = sessions.newCode(RIGHTS, anywhere)
  assert.is(sessions.redeem(code, { isOwnUser: false })?.caller.role, 'viewer')
  assert.is(sessions.redeem(code, own), undefined)
  const late = sessions.newCode(RIGHTS, anywhere)
  nowMs += 2 * MINUTE_MS + 1
  assert.is(sessions.redeem(late, own), undefined)
  const local = sessions.newCode(RIGHTS, { isLocal: true })
  assert.is(sessions.redeem(local, { isOwnUser: false }), undefined)
  assert.is(sessions.redeem(local, own), undefined, 'who tried to use it has used it up')
  assert.is(sessions.redeem('', own), undefined)
})

test('a session ends after twelve hours, or when it is signed out, and a ticket ends with it', () => {
  let nowMs = 0
  const sessions = new Sessions(() => nowMs)
  const signIn = () => sessions.redeem(sessions.newCode(RIGHTS, anywhere), own)!
  const first = signIn()
  const ticket = sessions.newTicket(first.caller, '/download/a')
  assert.is(sessions.withTicket(ticket, '/download/a'), first.caller)
  assert.is(sessions.withTicket(ticket, '/download/b'), undefined)
  sessions.end(first.text)
  assert.equal([sessions.find(first.text), first.caller.isValid()], [undefined, false])
  assert.is(sessions.withTicket(ticket, '/download/a'), undefined)
  const second = signIn()
  const other = sessions.newTicket(second.caller, '/download/a')
  nowMs += 60 * MINUTE_MS + 1
  assert.is(sessions.withTicket(other, '/download/a'), undefined)
  assert.is(second.caller.isValid(), true)
  nowMs += 11 * 60 * MINUTE_MS
  assert.equal([sessions.find(second.text), second.caller.isValid()], [undefined, false])
})

test('however many links, tabs and downloads there are, few are remembered', () => {
  const sessions = new Sessions()
  const first = sessions.newCode(RIGHTS, anywhere)
  for (let count = 0; count < 16; count++) sessions.newCode(RIGHTS, anywhere)
  assert.is(sessions.redeem(first, own), undefined)
  const tabs = Array.from({ length: 257 }, () => sessions.redeem(sessions.newCode(RIGHTS, anywhere), own)!)
  assert.equal([tabs[0]!.caller.isValid(), tabs[1]!.caller.isValid()], [false, true])
})
