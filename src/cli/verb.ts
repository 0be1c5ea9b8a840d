import type { Command } from 'commander'
import type { Run } from './run.ts'

/** Adds a verb to the program. `start` gives the global options; it is called when the verb really runs. */
export type AddVerb = (program: Command, start: () => Run) => void
