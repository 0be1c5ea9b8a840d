/**
 * The history of a real image of 42 MB, remade: what was done between its twelve snapshots. Counts are for an image
 * of that size; a smaller one gets its share.
 */
import type { DirectoryEdit } from './directory.ts'

const REAL_BYTES = 42_605_840

interface Step {
  work: string
  edit: Omit<DirectoryEdit, 'seed'>
}

/** Every save touches some slots: clocks, process states, weak tables. */
const IDLE_TOUCHES = 400

export const STEPS: readonly Step[] = [
  { work: 'none, saved again', edit: { newObjects: 9, slideFrom: 0.03, touchedSlots: IDLE_TOUCHES, changesBytes: 0 } },
  {
    work: 'one class, 8 methods',
    edit: { newObjects: 1800, touchedSlots: IDLE_TOUCHES, changesBytes: 1500, ombuBytes: 4000 },
  },
  {
    work: '2,000 objects, 60 methods',
    edit: { newObjects: 6000, touchedSlots: 900, changesBytes: 12_900, ombuBytes: 36_000 },
  },
  {
    work: 'loaded 3 packages',
    edit: {
      newObjects: 6000,
      droppedObjects: 1000,
      slideFrom: 0.07,
      touchedSlots: 3000,
      changesBytes: 283_000,
      ombuBytes: 664_000,
    },
  },
  {
    work: 'ran tests, a 4 MB random byte array',
    edit: { randomBytes: 4_194_304, touchedSlots: 900, changesBytes: 900 },
  },
  { work: 'dropped the array, garbage collection', edit: { dropLargest: true, touchedSlots: 300 } },
  {
    work: 'loaded 131 packages',
    edit: {
      newBytes: 9_900_000,
      droppedObjects: 3000,
      slideFrom: 0.01,
      touchedSlots: 20_000,
      changesBytes: 5_500_000,
      ombuBytes: 15_300_000,
    },
  },
  {
    work: 'restart, idle',
    edit: { restart: true, newObjects: 20, slideFrom: 0.7, touchedSlots: 800 },
  },
  {
    work: 'restart, small edit',
    edit: { restart: true, newObjects: 1800, slideFrom: 0.7, touchedSlots: 900, changesBytes: 1000, ombuBytes: 3000 },
  },
  { work: 'restart, idle', edit: { restart: true, newObjects: 20, slideFrom: 0.7, touchedSlots: IDLE_TOUCHES } },
  {
    work: 'restart, small edit',
    edit: { restart: true, newObjects: 900, slideFrom: 0.7, touchedSlots: 900, changesBytes: 1000, ombuBytes: 3000 },
  },
]

/** Step `index` (from 0, repeating after the last) for an image that was made with `sizeBytes`. */
export function chainStep(index: number, sizeBytes: number): { work: string; edit: DirectoryEdit } {
  const { work, edit } = STEPS[index % STEPS.length]!
  const scale = Math.min(1, sizeBytes / REAL_BYTES)
  const scaled: DirectoryEdit = { ...edit, seed: 1000 + index }
  for (const key of ['newObjects', 'newBytes', 'randomBytes', 'touchedSlots', 'droppedObjects'] as const) {
    const count = edit[key]
    if (count !== undefined) scaled[key] = Math.ceil(count * scale)
  }
  if (edit.changesBytes) scaled.changesBytes = Math.ceil(edit.changesBytes * Math.sqrt(scale))
  if (edit.ombuBytes) scaled.ombuBytes = Math.ceil(edit.ombuBytes * Math.sqrt(scale))
  return { work, edit: scaled }
}
