import { GlasError } from '../glas/errors.ts'
import type { GlasId } from '../glas/glas-id.ts'
import { ROLES, type Role } from '../home/tokens.ts'

/** Who sent a request. Network, rules and keys are for admins alone. */
export interface Caller {
  /** For people: `local`, or the name of a token. */
  name: string
  role: Role
  /** The only glases that it sees and touches; undefined for all, and for everything else of this home. */
  glases: ReadonlySet<GlasId> | undefined
  /** False as soon as it was revoked or has expired: what goes on under it is cut off then. */
  isValid: () => boolean
}

/** What a route needs: a role; `anyone` serves strangers too; `wholeHome` refuses who is limited to some glases. */
export interface Needs {
  role: Role | 'anyone'
  wholeHome?: boolean
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
export function requireRole(caller: Caller | undefined, needs: Needs & { role: Role }): asserts caller is Caller {
  const { role, wholeHome } = needs
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
