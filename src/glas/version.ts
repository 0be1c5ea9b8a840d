import { GlasError } from './errors.ts'
import { MAX_VERSION_PART } from './limits.ts'

/** `[major, minor, patch]`, written `0.0.7`: one snapshot of a glas. */
export type Version = readonly [major: number, minor: number, patch: number]

const VERSION = /^(0|[1-9]\d{0,9})\.(0|[1-9]\d{0,9})\.(0|[1-9]\d{0,9})$/

export function looksLikeVersion(text: string): boolean {
  return VERSION.test(text)
}

export function parseVersion(text: string): Version {
  const match = VERSION.exec(text)
  const parts = match?.slice(1).map(Number) ?? []
  if (parts.length !== 3 || parts.some((part) => part > MAX_VERSION_PART)) {
    throw new GlasError('InvalidName', `"${text}" is not a version. Versions look like 0.0.7.`)
  }
  return parts as unknown as Version
}

export function versionText(version: Version): string {
  return version.join('.')
}

/** Negative, zero or positive, as for Array.prototype.sort. */
export function compareVersions(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
}

export type VersionStep = 'patch' | 'minor' | 'major'

/** The version after the highest one known; the first one is 0.0.1, 0.1.0 or 1.0.0. */
export function nextVersion(highest: Version | undefined, step: VersionStep): Version {
  const [major, minor, patch] = highest ?? [0, 0, 0]
  if (step === 'major') return [major + 1, 0, 0]
  if (step === 'minor') return [major, minor + 1, 0]
  return [major, minor, patch + 1]
}
