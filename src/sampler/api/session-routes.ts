import Type from 'typebox'
import { shownCaller } from './answers.ts'
import type { Api, ApiPorts } from './ports.ts'
import { CallerAnswer } from './schemas.ts'

const MAX_CODE_CHARS = 200

const SessionAnswer = Type.Object({
  token: Type.String({ description: 'To be sent as `Authorization: Bearer`; kept per tab, never in a cookie.' }),
  caller: CallerAnswer,
  'expires-seconds': Type.Integer({ minimum: 0 }),
})

/** Signing a tab in by the code of a link, and out. */
export function addSessionRoutes(api: Api, { callers }: ApiPorts): void {
  api.post(
    '/session',
    {
      config: { role: 'anyone' },
      schema: {
        summary: 'Sign in with the code of a link, which is good once',
        body: Type.Object({ code: Type.String({ minLength: 1, maxLength: MAX_CODE_CHARS }) }),
        response: { 200: SessionAnswer },
      },
    },
    async ({ raw, body: { code } }) => {
      const { text, caller, expiresSeconds } = await callers.signIn(raw, code)
      return { token: text, caller: shownCaller(caller), 'expires-seconds': expiresSeconds }
    },
  )
  api.get(
    '/session',
    { config: { role: 'viewer' }, schema: { summary: 'Who asks', response: { 200: CallerAnswer } } },
    async ({ caller }) => shownCaller(caller),
  )
  api.delete(
    '/session',
    { config: { role: 'viewer' }, schema: { summary: 'Sign out', response: { 200: CallerAnswer } } },
    async ({ raw, caller }) => {
      callers.signOut(raw)
      return shownCaller(caller)
    },
  )
}
