/**
 * Patterns of secrets in text. Every repetition is bounded, so that the time for a text grows with its length alone
 * and no match is longer than MAX_MATCH_CHARS: a stream can be searched through a window. Text is decoded as Latin-1,
 * one character a byte, whatever its encoding is: all patterns are ASCII.
 */

/** Longest text that a pattern looks at, context behind it included; windows overlap by this. */
export const MAX_MATCH_CHARS = 1024

/**
 * What a text is: `typed` somebody wrote or evaluated here, `library` is source of a clone, `git` belongs to git
 * itself, `settings` hold names and values.
 */
export type TextKind = 'typed' | 'library' | 'git' | 'settings'

export interface Detector {
  /** Stands in findings. */
  kind: string
  /** Flag `g`. The group `secret` is the part that must not be shown; all of the match where there is none. */
  expression: RegExp
  /** Texts that it looks at; all of them where not given. */
  only?: readonly TextKind[]
  /** Tells examples and other words from secrets. */
  isHarmless?: (secret: string, text: TextKind) => boolean
}

/** Names of passwords and tokens, before a value. */
const KEYWORD = '(?:password|passwd|passphrase|secret|token|api_?key|access_?key|private_?key|bearerAuthentication)'

export const DETECTORS: readonly Detector[] = [
  {
    kind: 'password in a URL',
    expression: /:\/\/[^\s/:@'"<>]{0,255}:(?<secret>[^\s/@'"<>]{1,255})@/g,
    isHarmless: (secret, text) => text !== 'git' && (text === 'settings' ? isFilledIn(secret) : isExample(secret, 4)),
  },
  {
    kind: 'token in a URL',
    expression: /https?:\/\/(?<secret>[A-Za-z0-9_-]{16,255})@/g,
    isHarmless: (secret) => !hasDigitAndLetter(secret),
  },
  {
    kind: 'private key',
    expression:
      /-----BEGIN (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY-----(?:\\[nr]|\s){1,8}(?:Proc-Type:|[A-Za-z0-9+/=]{24})|PuTTY-User-Key-File-\d/g,
  },
  { kind: 'PintGlas token', expression: /\bpintglas-(?:token|session)-[\w-]{43}/g },
  { kind: 'GitHub token', expression: /\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{22,255})/g },
  { kind: 'GitLab token', expression: /\bgl(?:pat|dt|rt|ptt|ft|oas|soat|cbt)-[\w-]{20,255}/g },
  { kind: 'Atlassian token', expression: /\b(?:ATBB[A-Za-z0-9]{24,255}|ATATT3[\w=-]{20,255})/g },
  { kind: 'package registry token', expression: /\b(?:npm_[A-Za-z0-9]{36}\b|pypi-AgEI[\w-]{50,255})/g },
  {
    kind: 'AWS key',
    expression: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
    isHarmless: (secret) => secret.endsWith('EXAMPLE'),
  },
  {
    kind: 'AWS key',
    expression: /secret\w{0,20}\\?['"]?\s{0,4}[:=]{1,2}\s{0,4}\\?['"]?(?<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])/gi,
    isHarmless: (secret) => secret.endsWith('EXAMPLEKEY') || !hasDigitAndLetter(secret),
  },
  { kind: 'Google key', expression: /\b(?:AIza[\w-]{35}|ya29\.[\w-]{20,255})/g },
  {
    kind: 'Slack token',
    expression: /\bxox[abeoprs]-[A-Za-z0-9-]{10,255}|hooks\.slack\.com\/services\/[\w/]{20,255}/g,
  },
  { kind: 'Stripe key', expression: /\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,255}/g },
  {
    kind: 'API key',
    expression: /\bsk-[\w-]{20,255}/g,
    isHarmless: (secret) => !hasDigitAndLetter(secret.slice(3)),
  },
  {
    kind: 'JSON web token',
    expression: /\beyJ[\w-]{8,500}\.eyJ[\w-]{8,400}/g,
    isHarmless: (secret) => secret.includes('eyJzdWIiOiIxMjM0NTY3ODkw'),
  },
  {
    kind: 'HTTP authorization',
    expression: /authorization\W{1,8}(?:basic|bearer|token)\s{1,4}(?<secret>[^\s'"]{8,500})/gi,
    only: ['typed', 'git', 'settings'],
    isHarmless: (secret, text) => text !== 'git' && (secret === RFC_7617_EXAMPLE || isExample(secret, 8)),
  },
  {
    kind: 'HTTP authorization',
    expression: /(?:x-api-key|private-token)\W{1,4}(?<secret>[\w.-]{16,255})/gi,
    isHarmless: (secret) => !hasDigitAndLetter(secret),
  },
  {
    kind: 'password or token',
    expression: new RegExp(
      `${KEYWORD}\\\\?['"]?\\s{0,8}(?::=?|->|=)\\s{0,8}\\\\?['"](?<secret>[^\\s'"\\\\]{6,200})\\\\?['"]`,
      'gi',
    ),
    only: ['typed', 'settings'],
    isHarmless: (secret) => isExample(secret, 6),
  },
  {
    kind: 'password or token',
    expression:
      /user(?:name)?:\s{0,8}\\?'[^'\s]{1,100}'\s{1,8}pass(?:word)?:\s{0,8}\\?'(?<secret>[^'\s\\]{1,200})\\?'/gi,
    only: ['typed', 'settings'],
    isHarmless: (secret) => isExample(secret, 4),
  },
  {
    kind: 'password or token',
    expression:
      /^[ \t]{0,20}(?:export[ \t]{1,4})?[\w.-]{0,60}?(?:token|secret|password|passwd|api_?key)\w{0,40}[ \t]{0,8}[=:][ \t]{0,8}(?<secret>\S{6,255})/gim,
    only: ['settings'],
    isHarmless: (secret) => isExample(unquoted(secret), 6),
  },
  {
    kind: 'login of a network tool',
    expression: /\blogin\s{1,8}\S{1,255}\s{1,8}password\s{1,8}(?<secret>\S{1,255})/g,
    only: ['settings'],
  },
  {
    kind: 'login of a network tool',
    expression: /_(?:auth|authToken|password)\s{0,4}=\s{0,4}(?<secret>[^\s${}]{6,300})/g,
    only: ['settings'],
  },
  {
    kind: 'login of a network tool',
    expression: /"auth"\s{0,4}:\s{0,4}"(?<secret>[A-Za-z0-9+/=]{8,500})"/g,
    only: ['settings'],
  },
  {
    kind: 'account of Monticello',
    expression: /^account\d{0,4}:\s{1,4}\S{1,255}\s{1,4}(?<secret>\S{3,255})/gm,
    only: ['settings'],
  },
]

/** `Aladdin:open sesame`, in the documentation of every HTTP library. */
const RFC_7617_EXAMPLE = 'QWxhZGRpbjpvcGVuIHNlc2FtZQ=='

/** Compared without digits and punctuation: what stands where a secret would, in documentation and in tests. */
const EXAMPLE_WORDS = new Set(
  (
    'password passwd pass pwd passphrase apassword mypassword mypass thepassword yourpassword somepassword onepassword ' +
    'newpassword oldpassword testpassword userpassword username user myuser secret asecret mysecret thesecret yoursecret ' +
    'token atoken mytoken thetoken yourtoken yourtokenhere yourpasswordhere accesstoken sometoken apikey yourapikey ' +
    'myapikey key changeme example sample dummy placeholder test tester testing foo bar baz foobar foobarbaz trustno ' +
    'john doe johndoe admin administrator root guest anonymous seaside letmein qwerty hidden redacted none null true ' +
    'false string identifier number keyword symbol undefined'
  ).split(' '),
)

/** Shorter values than this that are all lower-case letters are words more often than passwords. */
const MIN_WORD_CHARS = 8

function isExample(secret: string, minChars: number): boolean {
  if (secret.length < minChars || isFilledIn(secret) || /^(.)\1*$/.test(secret)) return true
  if (/^[a-z]+$/.test(secret) && secret.length < MIN_WORD_CHARS) return true
  const letters = secret.toLowerCase().replace(/[^a-z]/g, '')
  return EXAMPLE_WORDS.has(letters) || /^x{3,}$/.test(letters)
}

/** The value comes from elsewhere: `$VARIABLE`, `{name}`, `<name>`, a path. */
function isFilledIn(secret: string): boolean {
  return /^[${<[%#(`/.]/.test(secret)
}

function hasDigitAndLetter(secret: string): boolean {
  return /\d/.test(secret) && /[A-Za-z]/.test(secret)
}

function unquoted(value: string): string {
  return value.replace(/^['"]|['"]$/g, '')
}
