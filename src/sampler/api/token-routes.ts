import Type from 'typebox'
import { ROLES } from '../../home/tokens.ts'
import type { Api, ApiPorts } from './ports.ts'
import { GlasIdText } from './schemas.ts'

const MAX_NAME_CHARS = 64
const MAX_REFERENCES = 1000
const MAX_VALID_SECONDS = 10 * 366 * 24 * 3600

const Token = Type.Object({
  name: Type.String(),
  role: Type.Enum([...ROLES]),
  glases: Type.Union([Type.Array(GlasIdText), Type.Null()], { description: 'The only ones it sees; null for all.' }),
  created: Type.String(),
  expires: Type.Union([Type.String(), Type.Null()]),
  expired: Type.Boolean(),
})

const NewToken = Type.Object({
  name: Type.String({ minLength: 1, maxLength: MAX_NAME_CHARS }),
  role: Type.Enum([...ROLES]),
  glases: Type.Array(GlasIdText, { maxItems: MAX_REFERENCES, description: 'Empty for all.' }),
  'valid-seconds': Type.Integer({ minimum: 1, maximum: MAX_VALID_SECONDS }),
})

/** Tokens of others: for admins. */
export function addTokenRoutes(api: Api, { pintglas, options }: ApiPorts): void {
  const config = { role: 'admin', wholeHome: true } as const
  api.get(
    '/tokens',
    {
      config,
      schema: {
        summary: 'All tokens, without themselves',
        response: { 200: Type.Object({ tokens: Type.Array(Token) }) },
      },
    },
    async () => pintglas.call('tokens', {}, options),
  )
  api.post(
    '/tokens',
    {
      config,
      schema: {
        summary: 'Make a token; it is in this answer and nowhere else',
        body: NewToken,
        response: { 200: Type.Object({ ...Token.properties, token: Type.String() }) },
      },
    },
    async ({ body: { name, role, glases, 'valid-seconds': validSeconds } }) => {
      return pintglas.call('addToken', { name, role, glases, validSeconds }, options)
    },
  )
  api.delete(
    '/tokens/:name',
    {
      config,
      schema: {
        summary: 'Revoke a token; what goes on under it is cut off',
        params: Type.Object({ name: Type.String({ minLength: 1, maxLength: MAX_NAME_CHARS }) }),
        response: { 200: Token },
      },
    },
    async ({ params: { name } }) => pintglas.call('revokeToken', { name }, options),
  )
}
