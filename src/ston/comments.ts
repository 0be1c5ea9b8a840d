/**
 * Without its C-style comments, which STON itself does not have: `//` to the end of the line, that line end included,
 * and `/* ... *\/`, not nested; one that does not end runs to the end of the text. Strings keep what looks like one.
 * A comment leaves nothing, not even a space, so offsets behind it are no longer those of `text`.
 */
export function stripComments(text: string): string {
  const kept: string[] = []
  let keptUpTo = 0
  let offset = 0
  while (offset < text.length) {
    const here = text[offset]
    if (here === "'" || here === '"') offset = stringEnd(text, offset)
    else if (here === '/' && (text[offset + 1] === '/' || text[offset + 1] === '*')) {
      kept.push(text.slice(keptUpTo, offset))
      offset = keptUpTo = commentEnd(text, offset)
    } else offset++
  }
  return kept.join('') + text.slice(keptUpTo)
}

function stringEnd(text: string, start: number): number {
  let offset = start + 1
  while (offset < text.length && text[offset] !== text[start]) offset += text[offset] === '\\' ? 2 : 1
  return offset + 1
}

function commentEnd(text: string, start: number): number {
  if (text[start + 1] === '*') {
    const close = text.indexOf('*/', start + 2)
    return close === -1 ? text.length : close + 2
  }
  let offset = start + 2
  while (offset < text.length && text[offset] !== '\n' && text[offset] !== '\r') offset++
  return text.startsWith('\r\n', offset) ? offset + 2 : offset + 1
}
