/**
 * What a member may at a peer that shares its running images: hear of them by name alone, see where each one runs
 * (`live`), or ask them for snapshots as well (`snap`).
 */
export const TAP_RIGHTS = ['nothing', 'live', 'snap'] as const
export type TapRight = (typeof TAP_RIGHTS)[number]
