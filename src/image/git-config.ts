/**
 * Git settings of somebody else: many of them name commands that git runs by itself (a pager, a file system monitor, a
 * filter, a transport). Only settings that are known to be harmless stay; all other lines become comments.
 */
import { posix } from 'node:path'

const COMMENT = '#pintglas# '

/** Setting -> what its value must look like. Section and key in lower case, subsections left out. */
type Check = (value: string, gitDirectory: string) => boolean

const any: Check = () => true

/** A repository that git fetches from without running a helper: no `ext::`, no options, nothing quoted or escaped. */
const plainUrl: Check = (value) => /^[A-Za-z0-9./~_]/.test(value) && !/::|\/\/-|["\\]/.test(value)

/** The working tree of a submodule. One that lay elsewhere would let git overwrite files there. */
const insideTree: Check = (value, gitDirectory) =>
  /^[A-Za-z0-9._-][A-Za-z0-9._/-]*$/.test(value) && !/^\.\.(?:\/|$)/.test(posix.join(gitDirectory, value))

const HARMLESS: ReadonlyMap<string, Check> = new Map([
  ...settings('core', 'repositoryformatversion filemode bare logallrefupdates ignorecase precomposeunicode symlinks'),
  ...settings('core', 'autocrlf eol safecrlf quotepath compression bigfilethreshold abbrev sparsecheckout'),
  ...settings('core', 'sparsecheckoutcone untrackedcache splitindex'),
  ['core.worktree', insideTree],
  ...settings('extensions', 'objectformat refstorage worktreeconfig preciousobjects'),
  ...settings('remote', 'fetch push tagopt prune prunetags mirror skipdefaultupdate skipfetchall'),
  ['remote.url', plainUrl],
  ['remote.pushurl', plainUrl],
  ...settings('branch', 'merge rebase description'),
  ['branch.remote', plainUrl],
  ['branch.pushremote', plainUrl],
  ...settings('submodule', 'active branch'),
  ['submodule.url', plainUrl],
  ...settings('user', 'name email'),
  ...settings('pull', 'rebase ff'),
  ...settings('push', 'default autosetupremote followtags'),
  ...settings('fetch', 'prune prunetags'),
  ...settings('gc', 'auto'),
  ...settings('color', 'ui'),
  ...settings('init', 'defaultbranch'),
])

function settings(section: string, keys: string): Array<[string, Check]> {
  return keys.split(' ').map((key) => [`${section}.${key}`, any])
}

export interface InertConfig {
  /** Same encoding as what came in. */
  text: string
  /** Names of the settings that became comments, such as `core.fsmonitor`; empty where nothing had to change. */
  settings: string[]
}

/**
 * `text` is the file in Latin-1, `gitDirectory` its directory as a path in the tree. A file that is not written the way
 * git writes it becomes a comment as a whole: better no settings than ones that we and git read differently.
 */
export function inertConfig(text: string, gitDirectory: string): InertConfig {
  const lines = logicalLines(text)
  const settings: string[] = []
  const out: string[] = []
  let section = ''
  for (const line of lines) {
    const setting = isPlain(line) ? settingOf(line.replace(/\r$/, ''), section) : null
    if (setting === null) return { text: commented(text), settings: ['all settings'] }
    if (setting.kind === 'section') section = setting.name
    const harmless = setting.kind !== 'value' || (!line.includes('\n') && isHarmless(setting, gitDirectory))
    if (!harmless) settings.push(setting.name)
    out.push(harmless ? line : commented(line))
  }
  return { text: out.join('\n'), settings }
}

function isHarmless({ name, value }: { name: string; value: string }, gitDirectory: string): boolean {
  return HARMLESS.get(name)?.(value, gitDirectory) ?? false
}

type Line = { kind: 'nothing' } | { kind: 'section'; name: string } | { kind: 'value'; name: string; value: string }

/** A subsection that is written `[section.name]` or `[section "name"]` is dropped: checks are the same for all. */
const SECTION = /^\s*\[([A-Za-z0-9-]+)(?:\.[A-Za-z0-9.-]*)?(?:[ \t]+"(?:[^"\\]|\\.)*")?\][ \t]*(?:[#;].*)?$/
const VALUE = /^\s*([A-Za-z][A-Za-z0-9-]*)[ \t]*(?:=(.*))?$/s

function settingOf(line: string, section: string): Line | null {
  if (/^\s*(?:[#;].*)?$/s.test(line)) return { kind: 'nothing' }
  const name = SECTION.exec(line)?.[1]
  if (name !== undefined) return { kind: 'section', name: name.toLowerCase() }
  const [, key, value] = VALUE.exec(line) ?? []
  if (key === undefined || section === '') return null
  return { kind: 'value', name: `${section}.${key.toLowerCase()}`, value: (value ?? '').trim() }
}

/**
 * Lines of the file, those that end in a backslash together with what they go on in. Git sees it otherwise where a
 * comment follows a value; that is why a setting of several lines never stays.
 */
function logicalLines(text: string): string[] {
  const lines: string[] = []
  let isOpen = false
  for (const line of text.split('\n')) {
    if (isOpen) lines.push(`${lines.pop()}\n${line}`)
    else lines.push(line)
    const isComment: boolean = !isOpen && /^\s*[#;]/.test(line)
    isOpen = !isComment && /(?:^|[^\\])(?:\\\\)*\\\r?$/.test(line)
  }
  return lines
}

/** Tabs and line ends, and no other control character or byte order mark, where git and we could disagree. */
function isPlain(line: string): boolean {
  return !/[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f]|\r(?!\n|$)|^\xef\xbb\xbf/.test(line)
}

function commented(text: string): string {
  return text
    .split('\n')
    .map((line) => COMMENT + line)
    .join('\n')
}
