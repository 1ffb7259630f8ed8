// Makes an event that an event pattern matches, as a start for a person who writes a test event. Nothing here touches
// the page. The matchers are those of "Comparison operators for use in event patterns" in the EventBridge User Guide.

const ENVELOPE = ['source', 'detail-type', 'detail', 'resources', 'time', 'account', 'region', 'id', 'version']

/** Returns `{source, detail_type, detail, resources}` for a pattern (an object). */
export function exampleEvent(pattern) {
  const made = example(pattern ?? {})
  return {
    source: text(made.source, 'my.application'),
    detail_type: text(made['detail-type'], 'Something Happened'),
    detail: made.detail && typeof made.detail === 'object' ? made.detail : {},
    resources: [made.resources ?? []].flat().map(String),
    envelope: Object.keys(made).filter(name => !ENVELOPE.slice(0, 4).includes(name)),
  }
}

function text(value, otherwise) {
  return typeof value === 'string' && value ? value : otherwise
}

function example(pattern) {
  const made = {}
  for (const [name, wanted] of Object.entries(pattern)) {
    if (name === '$or' && Array.isArray(wanted)) Object.assign(made, example(wanted[0] ?? {}))
    else if (Array.isArray(wanted)) setValue(made, name, firstAccepted(wanted))
    else if (wanted && typeof wanted === 'object') setValue(made, name, example(wanted))
  }
  return made
}

function setValue(made, name, value) {
  if (value !== undefined)
    Object.defineProperty(made, name, { value, enumerable: true, writable: true, configurable: true })
}

function firstAccepted(matchers) {
  for (const matcher of matchers) {
    const value = accepted(matcher)
    if (value !== undefined) return value
  }
  return undefined
}

const MAKERS = {
  prefix: wanted => `${plain(wanted)}example`,
  suffix: wanted => `example${plain(wanted)}`,
  'equals-ignore-case': wanted => wanted,
  wildcard: wanted =>
    String(wanted)
      .replaceAll(/(?<!\\)\*/g, 'example')
      .replaceAll(/\\([\\*])/g, '$1'),
  cidr: wanted => String(wanted).split('/')[0],
  exists: wanted => (wanted ? 'example' : undefined),
  numeric: wanted => number(wanted),
  'anything-but': wanted => ([wanted].flat().some(one => typeof one === 'number') ? other(wanted) : 'something else'),
}

function accepted(matcher) {
  if (matcher === null || typeof matcher !== 'object') return matcher
  const [name, wanted] = Object.entries(matcher)[0] ?? []
  return Object.hasOwn(MAKERS, name) ? MAKERS[name](wanted) : undefined
}

function plain(wanted) {
  return typeof wanted === 'object' && wanted !== null ? wanted['equals-ignore-case'] : wanted
}

function other(wanted) {
  return Math.max(0, ...[wanted].flat().filter(one => typeof one === 'number')) + 1
}

function number(wanted) {
  const bounds = Object.fromEntries(
    Array.from({ length: wanted.length / 2 }, (_, at) => [wanted[2 * at], wanted[2 * at + 1]]),
  )
  if ('=' in bounds) return bounds['=']
  const least = bounds['>='] ?? bounds['>']
  const most = bounds['<='] ?? bounds['<']
  if (least !== undefined && most !== undefined) return bounds['>='] ?? bounds['<='] ?? (least + most) / 2
  return least !== undefined ? (bounds['>='] ?? least + 1) : (bounds['<='] ?? most - 1)
}
