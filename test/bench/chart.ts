/** A line chart with a logarithmic scale as SVG. */

export interface Chart {
  title: string
  labels: string[]
  /** One value for each label; 0 is left out. */
  series: Array<{ name: string; values: number[] }>
}

const WIDTH = 900
const HEIGHT = 460
const LEFT = 70
const RIGHT = 110
const TOP = 50
const BOTTOM = 150
const COLORS = ['#b5541c', '#35618f', '#4f7f3b', '#7a5195', '#666666']
const INK = '#333'
const GRID = '#ddd'

export function chart({ title, labels, series }: Chart): string {
  const values = series.flatMap((one) => one.values).filter((value) => value > 0)
  const lowest = Math.floor(Math.log10(Math.min(...values)))
  const highest = Math.max(lowest + 1, Math.ceil(Math.log10(Math.max(...values))))
  const x = (at: number) => LEFT + ((at + 0.5) * (WIDTH - LEFT - RIGHT)) / labels.length
  const y = (value: number) => TOP + ((highest - Math.log10(value)) * (HEIGHT - TOP - BOTTOM)) / (highest - lowest)
  const parts: string[] = []
  for (let power = lowest; power <= highest; power++) {
    const height = y(10 ** power).toFixed(1)
    parts.push(`<line x1="${LEFT}" y1="${height}" x2="${WIDTH - RIGHT}" y2="${height}" stroke="${GRID}"/>`)
    parts.push(text((10 ** power).toLocaleString('en'), LEFT - 8, Number(height) + 4, 'end'))
  }
  for (const [at, label] of labels.entries()) {
    const [left, low] = [x(at).toFixed(1), HEIGHT - BOTTOM + 16]
    parts.push(`<g transform="translate(${left} ${low}) rotate(30)">${text(label, 0, 0, 'start')}</g>`)
  }
  for (const [index, { name, values: points }] of series.entries()) {
    const color = COLORS[index % COLORS.length]!
    const places = points.flatMap((value, at) => (value > 0 ? [`${x(at).toFixed(1)},${y(value).toFixed(1)}`] : []))
    parts.push(`<polyline points="${places.join(' ')}" fill="none" stroke="${color}" stroke-width="2.5"/>`)
    for (const place of places) {
      const [cx, cy] = place.split(',')
      parts.push(`<circle cx="${cx}" cy="${cy}" r="3.5" fill="${color}"/>`)
    }
    const top = TOP + index * 22
    parts.push(`<rect x="${WIDTH - RIGHT + 12}" y="${top - 9}" width="12" height="12" fill="${color}"/>`)
    parts.push(text(name, WIDTH - RIGHT + 30, top + 2, 'start'))
  }
  parts.push(text(title, LEFT, 26, 'start', 16))
  const style = `font-family="system-ui, sans-serif" fill="${INK}"`
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" ${style}>`
  return `${head}\n<title>${escaped(title)}</title>\n<rect width="100%" height="100%" fill="#fff"/>\n${parts.join('\n')}\n</svg>\n`
}

function text(words: string, x: number, y: number, anchor: 'start' | 'end', size = 12): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" font-size="${size}">${escaped(words)}</text>`
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
