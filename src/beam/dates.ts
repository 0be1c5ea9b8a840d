/**
 * ISO 8601 with microseconds and the local offset, such as `2026-01-31T13:05:09.123456+01:00`, of a moment given in
 * seconds since 1970 and nanoseconds: the form of a record's `date`.
 */
export function isoDate(seconds: number, nanoseconds: number): string {
  const date = new Date(seconds * 1000)
  const offsetMinutes = -date.getTimezoneOffset()
  const local = new Date(seconds * 1000 + offsetMinutes * 60_000).toISOString().slice(0, 19)
  const micros = String(Math.floor(nanoseconds / 1000)).padStart(6, '0')
  return `${local}.${micros}${offsetText(offsetMinutes)}`
}

function offsetText(offsetMinutes: number): string {
  const sign = offsetMinutes < 0 ? '-' : '+'
  const minutes = Math.abs(offsetMinutes)
  const two = (value: number) => String(value).padStart(2, '0')
  return `${sign}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
}

/** For sorting: moments, not texts, which differ with the place where somebody was. What has no date comes last. */
export function newestFirst(a: { date: string }, b: { date: string }): number {
  return (Date.parse(b.date) || 0) - (Date.parse(a.date) || 0)
}
