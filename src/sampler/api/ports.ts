import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import type { CallOptions } from '../../beam/progress.ts'
import type { PintGlas } from '../../open.ts'
import type { Changes } from '../changes.ts'
import type { Forgetting } from '../forgetting.ts'
import type { LiveTaps } from '../live-taps.ts'
import type { SnapshotRequests } from '../snapshot-requests.ts'
import type { Transfers } from '../transfers.ts'

/** What the routes of the API work with. */
export interface ApiPorts {
  pintglas: PintGlas
  taps: LiveTaps
  requests: SnapshotRequests
  changes: Changes
  transfers: Transfers
  forgetting: Forgetting
  /** How verbs are called, ended by the daemon's end. */
  options: CallOptions
}

/** Where routes are added: their schemas are the types of what they take and answer. */
export type Api = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>
