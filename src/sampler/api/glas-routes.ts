import Type from 'typebox'
import { lineage } from '../../beam/lineage.ts'
import { ls } from '../../beam/ls.ts'
import { requireSeen, sees } from '../caller.ts'
import type { Api, ApiPorts } from './ports.ts'
import { Glas, Glases, GlasIdText } from './schemas.ts'

/** Glases, and one with all its versions. */
export function addGlasRoutes(api: Api, { pintglas: { parts }, forgetting }: ApiPorts): void {
  api.get(
    '/glases',
    { config: { role: 'viewer' }, schema: { summary: 'All glases that are known here', response: { 200: Glases } } },
    async ({ caller }) => {
      const { glases } = await ls(parts, { all: true })
      return { glases: glases.filter((glas) => sees(caller, glas['glas-id'])) }
    },
  )
  api.get(
    '/glases/:glasId',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'A glas with its versions, for a lineage tree',
        params: Type.Object({ glasId: GlasIdText }),
        response: { 200: Glas },
      },
    },
    async ({ caller, params: { glasId } }) => {
      requireSeen(caller, glasId)
      const glas = await lineage(parts, { reference: glasId })
      const versions = glas.versions.map((version) => ({ ...version, forgetting: forgetting.has(version.record) }))
      return { ...glas, versions }
    },
  )
}
