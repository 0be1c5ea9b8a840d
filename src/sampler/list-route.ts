import type { FastifyInstance } from 'fastify'
import { versionText } from '../glas/version.ts'
import { type Bottle, type Bottles, supersedes } from './bottles.ts'
import { escaped, page } from './html.ts'
import type { SamplerParts } from './parts.ts'
import { seenTaps } from './seen-taps.ts'
import type { TapName } from './tap-message.ts'

/** Versions on one page: the form above finds the others. */
const MAX_LISTED = 1000
/** Fields of the form, in its order. The first three are those of the original. */
const FIELDS = ['host', 'path', 'name', 'date', 'imageId'] as const

interface Query {
  Querystring: Record<string, string | string[]>
}

/** The page of the original Sampler: images that run, and the versions that are here. It needs no script. */
export function addListRoute(
  app: FastifyInstance,
  { parts, bottles }: { parts: SamplerParts; bottles: Bottles },
): void {
  app.get<Query>('/', { config: { role: 'viewer' } }, async ({ caller, query }, reply) => {
    const found = (await bottles.all(caller)).filter((bottle) => matches(bottle, query))
    const body = `<h2>Images that run</h2>
${tapList((await seenTaps(parts, caller)).map(({ tap }) => tap))}
<h2>Versions</h2>
${form(query)}
${bottleList(found)}`
    return reply.type('text/html; charset=utf-8').send(page('PintGlas', body))
  })
}

/**
 * Whether every field that is asked for contains what is asked for; the original had it the other way round. `successor`
 * asks for ancestors of an image-id, `supercedes` for what came after it.
 */
export function matches(bottle: Bottle, query: Query['Querystring']): boolean {
  const asked = (key: string) => String(query[key] ?? '')
  const contains = FIELDS.every((key) => bottle[key].includes(asked(key)))
  const isBefore = asked('successor') === '' || asked('successor').startsWith(`${bottle.imageId}-`)
  return contains && isBefore && (asked('supercedes') === '' || supersedes(bottle, asked('supercedes')))
}

function tapList(taps: readonly TapName[]): string {
  if (taps.length === 0) return '<p>None is connected.</p>'
  const rows = taps.map(({ host, path, name }) => {
    const fields = Object.entries({ host, path, name }).map(([key, value]) => hidden(key, value))
    return `<li><form method="post" action="/upload">${escaped(name)} (${escaped(`${host}:${path}`)})
${fields.join('')}<button>Take snapshot</button></form></li>`
  })
  return `<ul>${rows.join('\n')}</ul>`
}

function hidden(key: string, value: string): string {
  return `<input type="hidden" name="${key}" value="${escaped(value)}">`
}

function form(query: Query['Querystring']): string {
  const inputs = FIELDS.map((key) => {
    return `<label>${key} <input name="${key}" value="${escaped(String(query[key] ?? ''))}"></label>`
  })
  return `<form method="get" action="/">${inputs.join('\n')}<button>Find</button></form>`
}

function bottleList(bottles: readonly Bottle[]): string {
  const more = bottles.length > MAX_LISTED ? `<p>The newest ${MAX_LISTED} of ${bottles.length}.</p>` : ''
  const rows = bottles.slice(0, MAX_LISTED).map((bottle) => {
    const { glasId: id, host, path, name, version, date } = bottle
    return `<tr><td>${escaped(name)}@${versionText(version)}<td>${escaped(date)}<td>${escaped(`${host}:${path}`)}
<td><a href="/download/${id}">download</a> <a href="/remove/${id}">remove</a>`
  })
  return `${more}<table><tr><th>Version<th>Saved<th>Where<th>
${rows.join('\n')}</table>`
}
