import type { ListedRule } from '../beam/follow.ts'
import { GlasError } from '../glas/errors.ts'
import { run } from './run.ts'
import { shownBytes, shownTable } from './shown.ts'
import { parseSize } from './size.ts'
import type { AddVerb } from './verb.ts'

export const addFollow: AddVerb = (program, start) => {
  program
    .command('follow [whom]')
    .description('copy by itself what a member, an owner or a glas publishes, or `all`; without whom: list the rules')
    .option('--keep <n>', 'the newest n versions of each glas (0: all)', '1')
    .option('--quota <size>', 'stop when the stock has this size, such as 20G (0: no limit)', '0')
    .option('--copies <n>', 'only where fewer than n peers hold it (0: always)', '0')
    .action((whom: string | undefined, options: { keep: string; quota: string; copies: string }) => {
      if (whom === undefined) return run(start(), 'following', {}, render)
      const args = {
        whom,
        keep: count('keep', options.keep),
        quotaBytes: parseSize('quota', options.quota),
        copies: count('copies', options.copies),
      }
      return run(start(), 'follow', args, render)
    })
  program
    .command('unfollow <whom>')
    .description('end a rule; what was copied is let go')
    .action((whom: string) => run(start(), 'unfollow', { whom }, render))
}

function render({ rules }: { rules: ListedRule[] }): string {
  if (rules.length === 0)
    return 'Nothing is followed. `pintglas follow all --keep 3` copies the newest three of everything.'
  const rows = rules.map(({ what, id, name, keep, quotaBytes, copies }) => [
    what,
    name || id,
    keep === 0 ? 'every version' : `newest ${keep}`,
    quotaBytes === 0 ? 'no quota' : `quota ${shownBytes(quotaBytes)}`,
    copies === 0 ? 'always' : `up to ${copies} copies in all`,
  ])
  return shownTable(rows)
}

function count(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new GlasError('BadUsage', `--${name} takes a number, not "${text}".`)
}
