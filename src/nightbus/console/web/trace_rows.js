// The trace of an event (the NODE of docs/explaining.md) as rows of a tree, each with its time. Pure.
import { count, nameOf as fullName, shortName } from './format.js'

const ICONS = { lambda: 'function', sqs: 'queue', sns: 'topic', events: 'bus', logs: 'logs', s3: 'bucket', 'execute-api': 'globe' }
export const iconOf = arn => ICONS[String(arn).split(':')[2]] ?? 'out'

const nameOf = arn => shortName(fullName(arn))
const started = attempt => attempt.time - (attempt.duration ?? 0)
const reason = one => [one.code, one.message].filter(Boolean).join(': ')

/**
 * Rows from the top: `{key, depth, kind, icon, label, note, state, start, end, event, arn, log, why, cut, refusals}`. `kind`: cause, event, target,
 * attempt, run, sent, log. `refusals` is a text by which refused requests are found. Times are milliseconds; `end` is null while it goes on.
 */
export function traceRows(node) {
  const rows = []
  for (const cause of [...(node.caused_by ?? [])].reverse()) rows.push(causeRow(cause, rows.length))
  addEvent(rows, node, rows.length ? 1 : 0, 'e', true)
  return rows
}

function causeRow(cause, index) {
  const by = cause.function ?? cause.by ?? cause.to
  const label = cause.function ? `Published by function ${nameOf(cause.function)}`
    : cause.sent ? `Sent to ${nameOf(cause.to)} by ${nameOf(cause.by)}` : cause.rule && cause.event_id ? `Forwarded by rule ${nameOf(cause.rule)}` : `Published by ${nameOf(by)}`
  return {
    key: `c${index}`, depth: 0, kind: 'cause', icon: cause.function ? 'function' : iconOf(by), label, arn: by, name: cause.function && fullName(cause.function), requestId: cause.request_id,
    event: cause.event_id, note: cause.event_id && (cause.rule ? `for an event that rule ${nameOf(cause.rule)} matched` : 'for an event'),
  }
}

function addEvent(rows, node, depth, key, first = false) {
  const event = node.event ?? {}
  rows.push({
    key, depth, kind: 'event', icon: 'events', label: event['detail-type'] ?? 'event', note: `${event.source ?? ''} on ${node.bus ?? ''}`,
    event: event.id, here: first, start: node.time, end: node.time, cut: node.cut,
    state: node.rules && !node.rules.length && !node.cut ? 'unmatched' : undefined,
  })
  ;(node.rules ?? []).forEach((rule, index) => addRule(rows, rule, depth + 1, `${key}.${index}`))
}

function addRule(rows, rule, depth, key) {
  if (!rule.targets?.length) rows.push({ key, depth, kind: 'target', icon: 'rules', label: rule.rule, note: 'has no targets' })
  ;(rule.targets ?? []).forEach((target, index) => addTarget(rows, rule, target, depth, `${key}.${index}`))
}

function addTarget(rows, rule, target, depth, key) {
  const attempts = target.attempts ?? []
  const simple = attempts.length === 1 && attempts[0].attempt === 1 && !attempts[0].replay && !attempts[0].code
  rows.push({
    key, depth, kind: 'target', icon: iconOf(target.arn), label: nameOf(target.arn), rule: rule.rule, arn: target.arn,
    note: target.id === nameOf(target.arn) ? '' : '', state: target.state, input: target.input, why: target.why,
    start: attempts.length ? started(attempts[0]) : undefined, end: attempts.length ? attempts[attempts.length - 1].time : undefined,
  })
  attempts.forEach((attempt, index) => {
    const below = simple ? depth + 1 : depth + 2
    if (!simple) rows.push(attemptRow(attempt, depth + 1, `${key}.a${index}`))
    addNotSent(rows, attempt, below, `${key}.a${index}`)
    ;(attempt.events ?? []).forEach((event, at) => addEvent(rows, event, below, `${key}.a${index}.e${at}`))
    ;(attempt.invocations ?? []).forEach((one, at) => addInvocation(rows, one, below, `${key}.a${index}.i${at}`))
  })
}

function attemptRow(attempt, depth, key) {
  const dead = attempt.dead_letter && `moved to ${nameOf(attempt.dead_letter)}`
  return {
    key, depth, kind: 'attempt', icon: 'reload', label: attempt.replay ? `Replay ${attempt.replay}` : `Attempt ${attempt.attempt}`,
    state: attempt.outcome, why: reason(attempt), note: dead || '', next: attempt.next, start: started(attempt), end: attempt.time, arn: attempt.dead_letter,
  }
}

function addNotSent(rows, one, depth, key) {
  ;(one.not_sent ?? []).forEach((lost, index) => rows.push({
    key: `${key}.n${index}`, depth, kind: 'sent', icon: 'warn', label: `Not sent to ${nameOf(lost.to ?? lost)}`, state: 'failed', why: lost.why,
  }))
}

function addInvocation(rows, invocation, depth, key) {
  const runs = invocation.runs ?? []
  const name = nameOf(invocation.function)
  const source = invocation.from ? `from ${nameOf(invocation.from)}${invocation.messages > 1 ? `, ${count(invocation.messages, 'message')} in the batch` : ''}` : ''
  if (!runs.length) {
    rows.push({ key, depth, kind: 'run', icon: 'function', label: name, note: source, state: invocation.state, arn: invocation.function, cut: invocation.cut, requestId: invocation.request_id })
    return
  }
  runs.forEach((run, index) => addRun(rows, run, {
    depth, key: `${key}.${index}`, label: runs.length > 1 ? `${name}, run ${run.run ?? index + 1}` : name, note: source, arn: invocation.function, requestId: invocation.request_id,
  }))
}

function addRun(rows, run, about) {
  const { depth, key } = about
  rows.push({
    ...about, kind: 'run', icon: 'function', state: run.outcome ?? 'under way', why: run.outcome === 'succeeded' ? '' : reason(run),
    next: run.next, start: run.began, end: run.time ?? null, duration: run.duration,
  })
  if (run.log?.length) rows.push({ key: `${key}.log`, depth: depth + 1, kind: 'log', log: run.log, arn: about.arn, requestId: about.requestId })
  if (run.log_refused) {
    rows.push({ key: `${key}.log`, depth: depth + 1, kind: 'sent', icon: 'warn', label: 'No log', why: `Nothing was logged: ${run.log_refused}.`, refusals: fullName(about.arn) })
  }
  ;(run.events ?? []).forEach((event, index) => addEvent(rows, event, depth + 1, `${key}.e${index}`))
  ;(run.sent ?? []).forEach((sent, index) => {
    rows.push({ key: `${key}.s${index}`, depth: depth + 1, kind: 'sent', icon: iconOf(sent.to), label: nameOf(sent.to), note: 'message sent', arn: sent.to, start: sent.time, end: sent.time })
    ;(sent.invocations ?? []).forEach((one, at) => addInvocation(rows, one, depth + 2, `${key}.s${index}.${at}`))
  })
  ;(run.sent_to ?? []).forEach((arn, index) => rows.push({ key: `${key}.t${index}`, depth: depth + 1, kind: 'sent', icon: iconOf(arn), label: nameOf(arn), note: 'result sent', arn }))
  addNotSent(rows, run, depth + 1, key)
}

/** First and last time of the rows; the last is at least 1 ms later. */
export function spanOf(rows) {
  const times = rows.flatMap(row => [row.start, row.end]).filter(time => typeof time === 'number')
  if (!times.length) return null
  const from = Math.min(...times)
  return { from, to: Math.max(from + 1, ...times) }
}

/** Whether something of it goes on still, so that it is worth loading again. */
export const underWay = rows => rows.some(row => ['under way', 'will be tried again', 'waiting'].includes(row.state))
