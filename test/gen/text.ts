/** Words, names and Smalltalk source that look like the real thing: what strings, symbols and logs are made of. */
import type { Random } from './random.ts'

const SYLLABLES = (
  'ag ent mor ph sim sys tem col lec tion dic tio nary vi ew mod el pre sen ter spec roas sal epi cea ice berg mon ti ' +
  'cel lo met ac par ser sc an ner bl ock clo sure con text in spec tor brow ser wri ter re ad er str eam ar ray set ' +
  'bag or der ed sor ted in ter val graph node edge walk step run pop ula env iron ment field cell grid ant bee pred'
).split(' ')

const SELECTORS = (
  'add: at:put: do: collect: select: inject:into: ifTrue:ifFalse: yourself value initialize step name printOn: size ' +
  'isEmpty ifNil: at:ifAbsent: detect:ifNone: copyFrom:to: signal: asString with: perform: new basicNew reverseDo:'
).split(' ')

/** A lower-case word of two or three syllables. */
export function wordOf(random: Random): string {
  const word = random.pick(SYLLABLES) + random.pick(SYLLABLES)
  return random.chance(0.4) ? word + random.pick(SYLLABLES) : word
}

/** A class name: `AgentGridModel`. */
export function classNameOf(random: Random): string {
  const capital = (word: string) => word[0]!.toUpperCase() + word.slice(1)
  return capital(wordOf(random)) + capital(wordOf(random)) + (random.chance(0.5) ? capital(wordOf(random)) : '')
}

/** Source of one method, lines ended by CR, with no `!` in it. */
export function methodSource(random: Random): string {
  const field = wordOf(random)
  const lines = [
    `${wordOf(random)}${classNameOf(random)}`,
    `\t"Answer the ${wordOf(random)} of the ${wordOf(random)}."`,
    '',
  ]
  const statements = 1 + random.below(6)
  for (let at = 0; at < statements; at++) {
    lines.push(`\t${field} ${random.pick(SELECTORS)} ${wordOf(random)} ${random.pick(SELECTORS)} ${random.below(500)}.`)
  }
  lines.push(`\t^ ${field}`)
  return lines.join('\r')
}

/** At least `sizeBytes` characters of ASCII source text, to cut strings from. */
export function sourceText(random: Random, sizeBytes: number): string {
  const parts: string[] = []
  for (let size = 0; size < sizeBytes; ) {
    const source = methodSource(random)
    parts.push(source)
    size += source.length
  }
  return parts.join('\r\r')
}
