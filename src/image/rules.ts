/**
 * What a push leaves out by default: one table, the same in docs/left-out.md (a test compares the two). A pattern is a
 * name, or the last parts of a path joined by `/`; `*` stands for any characters but `/`, `**` for any folders, and
 * `[..]{n}` for n characters of a set. Letters match in either case. Lines of `.pintglasignore` come on top and may
 * bring something back, except where a rule says `always`.
 */
import { GlasError } from '../glas/errors.ts'
import type { EntryKind } from './entry.ts'

export interface LeftOutRule {
  id: string
  /** Empty for what is recognised by something else than its name. */
  patterns: readonly string[]
  /** What the rule applies to; a symlink counts as what it stands for. */
  kind: 'file' | 'directory' | 'any'
  /** Only directories that hold an image, right inside them or one folder further down. */
  holdsImage?: true
  /** No line of `.pintglasignore` brings it back. */
  always?: true
  reason: string
}

export const LEFT_OUT_RULES: readonly LeftOutRule[] = [
  {
    id: 'sidecar',
    patterns: ['pintglas.ston', 'pintglas.ston.*.new'],
    kind: 'any',
    always: true,
    reason: 'what PintGlas notes down about this directory on this machine',
  },
  {
    id: 'placing',
    patterns: ['.*.pintglas-[0-9a-f]{16}', '.*.pintglas-[0-9a-f]{16}.placing'],
    kind: 'any',
    always: true,
    reason: 'a directory that a pull is just placing, and its note',
  },
  {
    id: 'kept-old',
    patterns: ['*.before-[0-9]{1,5}'],
    kind: 'directory',
    holdsImage: true,
    reason: 'the directory that a pull with --force replaced and kept',
  },
  {
    id: 'iceberg-credentials',
    patterns: ['credentials.fuel'],
    kind: 'file',
    reason: 'passwords and tokens of Iceberg, not encrypted',
  },
  {
    id: 'git-credentials',
    patterns: ['.git-credentials', 'credentials'],
    kind: 'file',
    reason: 'passwords of the git credential store; keys of AWS',
  },
  {
    id: 'login-file',
    patterns: ['.netrc', '_netrc', '.npmrc', '.pypirc', '.docker/config.json', 'tap.token'],
    kind: 'file',
    reason: 'login names and passwords of network tools',
  },
  {
    id: 'forge-token',
    patterns: ['.config/gh/hosts.yml', '.config/hub', '.config/glab-cli/config.yml'],
    kind: 'file',
    reason: 'tokens of the command line tools of GitHub and GitLab',
  },
  {
    id: 'environment',
    patterns: ['.env*'],
    kind: 'file',
    reason: 'environment variables, often passwords and tokens',
  },
  {
    id: 'private-key',
    patterns: ['id_rsa', 'id_dsa', 'id_ecdsa', 'id_ed25519', '*.pem', '*.key', '*.p12', '*.pfx', '*.jks', '*.kdbx'],
    kind: 'file',
    reason: 'private keys and password stores',
  },
  {
    id: 'ssh-hosts',
    patterns: ['known_hosts'],
    kind: 'file',
    reason: 'the machines that somebody logs in to',
  },
  {
    id: 'shell',
    patterns: ['.bashrc', '.zshrc', '.profile', '.bash_history', '.zsh_history'],
    kind: 'file',
    reason: 'start-up files and history of the shell',
  },
  {
    id: 'pharo-settings',
    patterns: ['system-settings.ston', 'mcSettings'],
    kind: 'file',
    reason: 'settings of Pharo and accounts of Monticello, passwords included',
  },
  {
    id: 'launcher-settings',
    patterns: ['sources.list', 'mysources.list', 'launcherSettings.ston'],
    kind: 'file',
    reason: 'settings of PharoLauncher, passwords of template sources included',
  },
  {
    id: 'debug-log',
    patterns: ['PharoDebug.log'],
    kind: 'file',
    reason: 'stack dumps that print the values of variables',
  },
  {
    id: 'crash-dump',
    patterns: ['crash.dmp'],
    kind: 'file',
    reason: 'a stack dump of the virtual machine',
  },
  {
    id: 'tap-leftover',
    patterns: ['[0-9a-f]{10}'],
    kind: 'directory',
    holdsImage: true,
    reason: 'a snapshot that the original Tap left behind',
  },
  {
    id: 'metacello-cache',
    patterns: ['github-cache', 'bitbucket-cache', 'gitlab-cache'],
    kind: 'directory',
    reason: 'downloads that Metacello fetches again',
  },
  {
    id: 'git-lock',
    patterns: ['.git/**/*.lock'],
    kind: 'file',
    reason: 'a lock of a git command that was running; it would block git in the copy',
  },
  {
    id: 'special-file',
    patterns: [],
    kind: 'any',
    always: true,
    reason: 'a socket, a pipe or a device: it has no content',
  },
  {
    id: 'dangling-sources',
    patterns: [],
    kind: 'file',
    always: true,
    reason: 'a link to a .sources file that is not there',
  },
]

/** Stands for all lines of `.pintglasignore` where the rules that left something out are counted. */
export const IGNORE_FILE_RULE = '.pintglasignore'

export interface LeftOut {
  path: string
  /** Id in LEFT_OUT_RULES, or IGNORE_FILE_RULE. */
  rule: string
  /** For people: the reason of the rule, or the line that matched. */
  reason: string
}

/** For the record: rule -> number of files or directories that it left out, a directory counting once. */
export function countLeftOut(leftOut: readonly LeftOut[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { rule } of leftOut) counts[rule] = (counts[rule] ?? 0) + 1
  return counts
}

export function ruleById(id: string): LeftOutRule {
  const rule = LEFT_OUT_RULES.find((candidate) => candidate.id === id)
  if (rule === undefined) throw new GlasError('Internal', `There is no rule "${id}" about what is left out.`)
  return rule
}

interface CompiledRule {
  rule: LeftOutRule
  expression: RegExp
}

const COMPILED: readonly CompiledRule[] = LEFT_OUT_RULES.filter((rule) => rule.patterns.length > 0).map((rule) => ({
  rule,
  expression: compile(rule.patterns),
}))

/** Most paths match nothing: one test instead of one for each rule. */
const ANY_RULE = compile(LEFT_OUT_RULES.flatMap((rule) => rule.patterns))

/** The first rule that matches, or null. A rule with `holdsImage` still needs a look into the directory. */
export function matchingRule(path: string, kind: EntryKind): LeftOutRule | null {
  if (!ANY_RULE.test(path)) return null
  return COMPILED.find(({ rule, expression }) => appliesTo(rule, kind) && expression.test(path))?.rule ?? null
}

function appliesTo(rule: LeftOutRule, kind: EntryKind): boolean {
  if (rule.holdsImage) return kind === 'directory'
  if (rule.kind === 'any' || kind === 'symlink') return true
  return rule.kind === kind
}

function compile(patterns: readonly string[]): RegExp {
  return new RegExp(`(?:^|/)(?:${patterns.map(expressionOf).join('|')})$`, 'i')
}

function expressionOf(pattern: string): string {
  return pattern
    .split(/(\*\*\/|\*|\[[^\]]*\]\{[\d,]+\})/)
    .map((part) => {
      if (part === '**/') return '(?:[^/]+/)*'
      if (part === '*') return '[^/]*'
      return part.startsWith('[') ? part : RegExp.escape(part)
    })
    .join('')
}
