// Reads JSON text into its value and the place of every value in the text, so that an editor can mark a field or a mistake.
// Nothing here touches the page.

const TOKENS = /("(?:[^"\\\n]|\\.)*"?)(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b|([{}[\],:])/g

/** Cuts text into `{text, kind}` pieces for highlighting; kind is "" for blanks and what is not JSON. */
export function highlight(text) {
  const pieces = []
  let end = 0
  for (const found of text.matchAll(TOKENS)) {
    if (found.index > end) pieces.push({ start: end, text: text.slice(end, found.index), kind: '' })
    const [whole, string, colon, number, word] = found
    if (string !== undefined) {
      pieces.push({ start: found.index, text: string, kind: colon === undefined ? 'string' : 'key' })
      if (colon !== undefined) pieces.push({ start: found.index + string.length, text: colon, kind: 'punct' })
    } else {
      pieces.push({
        start: found.index,
        text: whole,
        kind: number !== undefined ? 'number' : word !== undefined ? 'word' : 'punct',
      })
    }
    end = found.index + whole.length
  }
  if (end < text.length) pieces.push({ start: end, text: text.slice(end), kind: '' })
  return pieces
}

/** Returns `{value, error, places}`: `error` is null or `{message, offset, line, column}`, `places` maps each JSON
 *  pointer to `{start, end, name}` (offsets; `name` is where the member's name begins, null for what has none). */
export function readJson(text) {
  const reader = new Reader(text)
  try {
    const value = reader.document()
    return { value, error: null, places: reader.places }
  } catch (error) {
    if (!(error instanceof Mistake)) throw error
    return {
      value: undefined,
      error: { message: error.message, ...position(text, error.offset) },
      places: reader.places,
    }
  }
}

/** Returns the line and the column, both from 1, of an offset. */
export function position(text, offset) {
  const before = text.slice(0, offset)
  const line = before.split('\n').length
  return { offset, line, column: offset - before.lastIndexOf('\n') }
}

/** Returns the offset of a line and a column, both from 1. */
export function offsetOf(text, line, column) {
  const before = text.split('\n').slice(0, line - 1)
  return before.reduce((sum, one) => sum + one.length + 1, 0) + column - 1
}

const WIDEST = 64 // characters of a list that stands on one line

/** Returns the text laid out with two blanks a level, or the text itself where it is not JSON. Numbers stay as written. */
export function tidy(text) {
  const { value, error, places } = readJson(text)
  return error ? text : laidOut(value, '', { text, places }, '', false)
}

/** Returns a value as JSON in the layout of `tidy`. */
export const laid = value => tidy(JSON.stringify(value))

function laidOut(value, pointer, source, indent, inList) {
  const inner = `${indent}  `
  if (value === null || typeof value !== 'object') {
    const { start, end } = source.places.get(pointer)
    return source.text.slice(start, end)
  }
  const list = Array.isArray(value)
  const parts = Object.keys(value).map(name => {
    const written = laidOut(value[name], `${pointer}/${escapePointer(name)}`, source, inner, list)
    return list ? written : `${JSON.stringify(name)}: ${written}`
  })
  const [open, close] = list ? '[]' : '{}'
  const short = parts.join(', ')
  if (!parts.length || ((list || inList) && short.length <= WIDEST && !short.includes('\n')))
    return open + short + close
  return `${open}\n${inner}${parts.join(`,\n${inner}`)}\n${indent}${close}`
}

class Mistake extends Error {
  constructor(message, offset) {
    super(message)
    this.offset = offset
  }
}

const MOST_DEEP = 500

class Reader {
  constructor(text) {
    this.text = text
    this.at = 0
    this.places = new Map()
  }

  document() {
    this.blanks()
    if (this.at >= this.text.length) this.fail('There is no JSON here yet')
    const value = this.value('', null, 0)
    this.blanks()
    if (this.at < this.text.length) this.fail('The JSON ends here, and something follows it')
    return value
  }

  value(pointer, name, depth) {
    if (depth > MOST_DEEP) this.fail('This is nested too deeply')
    const start = this.at
    const place = { start, end: start, name }
    this.places.set(pointer, place)
    const value = this.anyValue(pointer, depth)
    place.end = this.at
    return value
  }

  anyValue(pointer, depth) {
    const first = this.text[this.at]
    if (first === '{') return this.object(pointer, depth)
    if (first === '[') return this.array(pointer, depth)
    if (first === '"') return this.string()
    const plain = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])/y
    plain.lastIndex = this.at
    const found = plain.exec(this.text)
    if (!found) this.fail(this.insteadOfValue(first))
    this.at += found[0].length
    return JSON.parse(found[0])
  }

  insteadOfValue(first) {
    if (first === undefined) return 'The text ends where a value is missing'
    if (first === "'") return 'JSON writes text in double quotes: "…"'
    if (first === '}' || first === ']') return `A value is missing before ${first} (a comma too many?)`
    return 'This is not a JSON value (text needs double quotes)'
  }

  object(pointer, depth) {
    const members = {}
    this.at += 1
    this.blanks()
    if (this.take('}')) return members
    for (;;) {
      const nameAt = this.at
      if (this.text[this.at] !== '"') this.fail(this.insteadOfName())
      const name = this.string()
      this.blanks()
      if (!this.take(':')) this.fail(`A colon is missing after "${name}"`)
      this.blanks()
      const value = this.value(`${pointer}/${escapePointer(name)}`, nameAt, depth + 1)
      Object.defineProperty(members, name, { value, enumerable: true, writable: true, configurable: true })
      this.blanks()
      if (this.take('}')) return members
      if (!this.take(',')) this.fail('A comma or } is missing here')
      this.blanks()
    }
  }

  insteadOfName() {
    if (this.at >= this.text.length) return 'The text ends inside an object: } is missing'
    if (this.text[this.at] === '}') return 'There is a comma too many before }'
    return "A member's name in double quotes is missing here"
  }

  array(pointer, depth) {
    const items = []
    this.at += 1
    this.blanks()
    if (this.take(']')) return items
    for (;;) {
      items.push(this.value(`${pointer}/${items.length}`, null, depth + 1))
      this.blanks()
      if (this.take(']')) return items
      if (!this.take(',')) this.fail('A comma or ] is missing here')
      this.blanks()
    }
  }

  string() {
    const start = this.at
    const whole = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
    whole.lastIndex = start
    const found = whole.exec(this.text)
    if (!found) this.fail('This text is not closed, or has a line break or an unknown escape in it')
    this.at += found[0].length
    return JSON.parse(found[0])
  }

  blanks() {
    while (' \t\r\n'.includes(this.text[this.at] ?? 'x')) this.at += 1
  }

  take(mark) {
    if (this.text[this.at] !== mark) return false
    this.at += 1
    return true
  }

  fail(message) {
    throw new Mistake(message, this.at)
  }
}

/** Returns a member's name as it is written in a JSON pointer (RFC 6901). */
export function escapePointer(name) {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** Returns the text's lines, each a list of `{text, kind, mark}`; `marks` are `{start, end, kind}` by offset. */
export function markedLines(text, marks) {
  const edges = [...new Set(marks.flatMap(mark => [mark.start, mark.end]))].sort((a, b) => a - b)
  const lines = [[]]
  for (const piece of highlight(text)) {
    for (const part of cut(piece, edges)) {
      const mark = part.kind ? (marks.find(one => one.start <= part.start && part.start < one.end)?.kind ?? '') : ''
      part.text.split('\n').forEach((line, index) => {
        if (index > 0) lines.push([])
        if (line) lines.at(-1).push({ text: line, kind: part.kind, mark })
      })
    }
  }
  return lines
}

function cut(piece, edges) {
  const parts = []
  let start = piece.start
  const end = piece.start + piece.text.length
  for (const edge of [...edges.filter(one => one > start && one < end), end]) {
    parts.push({ start, text: piece.text.slice(start - piece.start, edge - piece.start), kind: piece.kind })
    start = edge
  }
  return parts
}
