import { GlasError } from '../glas/errors.ts'
import type { GlasId } from '../glas/glas-id.ts'

/** What somebody may do; each may do what those before it may. Network, rules and keys are an admin's alone. */
export const ROLES = ['viewer', 'operator', 'admin'] as const
export type Role = (typeof ROLES)[number]

/** Who sent a request. */
export interface Caller {
  /** For people: `local`, or the name of a token. */
  name: string
  role: Role
  /** The only glases that it sees and touches; undefined for all, and for everything else of this home. */
  glases: ReadonlySet<GlasId> | undefined
  /** False as soon as it was revoked or has expired: what goes on for longer asks now and then. */
  isValid: () => boolean
}

/** What a route needs: a role; `anyone` serves strangers too; `wholeHome` refuses who is limited to some glases. */
export interface Needs {
  role: Role | 'anyone'
  wholeHome?: true
}

export function mayAct(caller: Caller, role: Role): boolean {
  return ROLES.indexOf(caller.role) >= ROLES.indexOf(role)
}

export function sees(caller: Caller, glasId: GlasId): boolean {
  return caller.glases === undefined || caller.glases.has(glasId)
}

/** NameNotFound, as for a glas that does not exist: that there is one is not told. */
export function requireSeen(caller: Caller, glasId: GlasId): void {
  if (sees(caller, glasId)) return
  throw new GlasError('NameNotFound', `Nothing is known here of ${glasId}.`, { data: { 'glas-id': glasId } })
}

/** NotSignedIn for nobody, NotAllowed for too little. */
export function requireRole(caller: Caller | undefined, { role, wholeHome }: Needs): void {
  if (role === 'anyone') return
  if (caller === undefined) {
    throw new GlasError('NotSignedIn', 'Not signed in. `pintglas open` opens the page; programs send a token.')
  }
  if (!mayAct(caller, role)) {
    throw new GlasError('NotAllowed', `This needs the role ${role}; "${caller.name}" is ${caller.role}.`, {
      data: { needed: role, role: caller.role },
    })
  }
  if (wholeHome === true && caller.glases !== undefined) {
    throw new GlasError('NotAllowed', `"${caller.name}" is limited to some glases, and this is about the whole home.`)
  }
}
