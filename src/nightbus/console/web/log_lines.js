// Log lines for the viewer: reads what a line says of itself, and keeps lines in chunks that never change once full.
// Nothing here touches the page.

export const CHUNK = 200
export const MOST_LINES = 10_000

/** Returns what a line holds: `{kind, level, json}`; kind is start, end, report or "" for the function's own text. */
export function readLine(message) {
  const platform = /^(START|END|REPORT|INIT_START) /.exec(message)
  if (platform) return { kind: platform[1].toLowerCase().split('_')[0], level: '', json: null }
  const json = jsonOf(message)
  const level = String(
    json?.level ?? json?.log_level ?? /\b(ERROR|WARN(?:ING)?|FATAL|CRITICAL)\b/.exec(message.slice(0, 200))?.[1] ?? '',
  )
  return { kind: '', level: levelOf(level, message), json }
}

function jsonOf(message) {
  const text = message.trim()
  if (!text.startsWith('{') && !text.startsWith('[')) return null
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function levelOf(level, message) {
  const name = level.toUpperCase()
  if (/^(ERROR|FATAL|CRITICAL)/.test(name) || /^\[ERROR\]|Task timed out after/.test(message)) return 'bad'
  return name.startsWith('WARN') ? 'warn' : ''
}

/** Adds lines (oldest first) behind those of the chunks; drops the oldest chunks beyond the limit. */
export function append(chunks, lines, most = MOST_LINES) {
  return trimmed(filled(chunks, lines), most)
}

function filled(chunks, lines) {
  if (!lines.length) return chunks
  const next = [...chunks]
  let from = 0
  const last = next.at(-1)
  if (last && last.length < CHUNK) {
    from = CHUNK - last.length
    next[next.length - 1] = [...last, ...lines.slice(0, from)]
  }
  for (; from < lines.length; from += CHUNK) next.push(lines.slice(from, from + CHUNK))
  return next
}

function trimmed(chunks, most) {
  let total = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  let first = 0
  while (total > most) total -= chunks[first++].length
  return first ? chunks.slice(first) : chunks
}

/** Puts older lines (oldest first) before those of the chunks. */
export function prepend(chunks, lines) {
  return [...filled([], lines), ...chunks]
}
