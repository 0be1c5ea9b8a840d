/** What moves the cursor, turns the line around or is not seen: controls, formats, separators, lone surrogates. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/**
 * Text from a peer, a file name or an image, made safe for a terminal: control characters, which could move the
 * cursor or turn the line around, come out as `\u{1b}`.
 */
export function shown(text: string): string {
  return text.replace(UNSAFE, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`)
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** 12345678 -> `11.8 MiB`. */
export function shownBytes(bytes: number): string {
  let unit = 0
  let value = bytes
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(1)} ${UNITS[unit]}`
}

/** Seconds as `45 s`, `3 min 20 s` or `2 h 5 min`. */
export function shownSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

/** Lines of columns, padded; the last column is not. Cells are made safe. */
export function shownTable(rows: string[][]): string {
  const safe = rows.map((row) => row.map(shown))
  const widths = safe.reduce<number[]>((all, row) => row.map((cell, i) => Math.max(all[i] ?? 0, cell.length)), [])
  const line = (row: string[]) =>
    row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('  ')
  return safe.map((row) => line(row).trimEnd()).join('\n')
}
