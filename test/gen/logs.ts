/** What a Pharo image writes beside itself: .changes (lines ended by CR, chunks by `!`) and Epicea's .ombu logs. */
import type { Random } from './random.ts'
import { classNameOf, methodSource, wordOf } from './text.ts'

/** First moment of every generated history; later ones follow in steps of minutes. */
const EPOCH_MS = Date.UTC(2024, 0, 8, 9, 30)

/** The moment of a snapshot, by its number. */
export const momentOf = (generation: number): Date => new Date(EPOCH_MS + generation * 7 * 60_000)

const stampOf = (moment: Date): string => moment.toISOString().replace('.000Z', '.123456+00:00')

/** A `.changes` file as a fresh image has it: the records of the machine that built it. */
export function firstChanges(imageName: string): string {
  const records = []
  for (let at = 0; at < 12; at++) {
    records.push(`----QUIT----${stampOf(momentOf(-20 + at))} ${imageName}.image priorSource: ${at * 90}!`)
  }
  return `\r\r${records.join('\r\r')}`
}

/** What a save appends. */
export function snapshotRecord(generation: number, imageName: string, priorSource: number): string {
  return `\r\r----SNAPSHOT----${stampOf(momentOf(generation))} ${imageName}.image priorSource: ${priorSource}!`
}

/** Changed methods of at least this many bytes, as chunks. */
export function changedMethods(random: Random, sizeBytes: number, generation: number): string {
  const stamp = momentOf(generation).toISOString().slice(0, 16).replace('T', ' ')
  const chunks: string[] = []
  for (let size = 0; size < sizeBytes; ) {
    const head = `!${classNameOf(random)} methodsFor: '${wordOf(random)}' stamp: 'ada ${stamp}'!`
    const chunk = `\r\r${head}\r${methodSource(random)}! !`
    chunks.push(chunk)
    size += chunk.length
  }
  return chunks.join('')
}

/** Entries of an Epicea log, numbered on from `from`, of at least this many bytes. */
export function ombuEntries(
  random: Random,
  sizeBytes: number,
  from: number,
  generation: number,
): { text: string; count: number } {
  const entries: string[] = []
  for (let size = 0; size < sizeBytes; ) {
    const entry = ombuEntry(random, from + entries.length, generation)
    entries.push(entry)
    size += entry.length
  }
  return { text: entries.join(''), count: entries.length }
}

function ombuEntry(random: Random, number: number, generation: number): string {
  const prior = number === 1 ? 'OmNullReference [ ]' : `OmReference [ '${number - 1}' ]`
  const source = methodSource(random).replaceAll("'", "\\'").replaceAll('\r', '\\r').replaceAll('\t', '\\t')
  const method = [
    'RGMethodDefinition {',
    `\t\t\t\t#annotations : IdentityDictionary { #className : #${classNameOf(random)}, #isMetaSide : false },`,
    `\t\t\t\t#name : #${wordOf(random)},`,
    `\t\t\t\t#protocol : #'${wordOf(random)}',`,
    `\t\t\t\t#sourceCode : '${source.replaceAll('"', '\\"')}',`,
    `\t\t\t\t#stamp : 'ada',`,
    `\t\t\t\t#package : #${classNameOf(random)} }`,
  ].join('\r')
  const tags = [
    `\t\t#time : DateAndTime [ '${stampOf(momentOf(generation))}' ],`,
    `\t\t#author : 'ada',`,
    `\t\t#self : OmReference [ '${number}' ],`,
    `\t\t#prior : ${prior}`,
  ].join('\r')
  return `OmEntry {\r\t#tags : {\r${tags}\r\t},\r\t#content : EpMethodAddition {\r\t\t#method : ${method}\r\t}\r}\r\r`
}
