// What a person fills in to send an event, and the request that it becomes. Nothing here touches the page.
import { readJson, tidy } from './json_text.js'

export const EMPTY = { bus: 'default', source: '', detail_type: '', detail: '{\n  \n}', resources: '', time: '' }

/** Returns the draft of an event as `loadEvent` gives it. */
export function draftOf({ event, bus, detail }) {
  return {
    bus: bus ?? 'default',
    source: event.source ?? '',
    detail_type: event['detail-type'] ?? '',
    detail,
    resources: (event.resources ?? []).join(' '),
    time: '',
  }
}

/** Returns the draft as the text of an event (a part of an envelope), in which numbers of the detail stand as they were typed. */
export function textOf(draft) {
  const { source, detail_type: type, detail } = draft
  return `{"source": ${JSON.stringify(source)}, "detail-type": ${JSON.stringify(type)}, "resources": ${JSON.stringify(resourcesOf(draft))}, "detail": ${detail.trim() || '{}'}}`
}

/** Returns the draft of such a text; an entry of PutEvents is one, too. */
export function draftOfText(text, bus) {
  const { value, places } = readJson(text)
  const place = places.get('/detail')
  return {
    bus: bus ?? value.EventBusName ?? 'default',
    source: value.source ?? value.Source ?? '',
    detail_type: value['detail-type'] ?? value.DetailType ?? '',
    detail: tidy(place ? text.slice(place.start, place.end) : (value.Detail ?? '{}')),
    resources: (value.resources ?? value.Resources ?? []).join(' '),
    time: '',
  }
}

/** Returns `{problems, body}`: what is missing or wrong by field, and the body of `POST /events`. */
export function requestOf(draft) {
  const problems = {}
  if (!draft.source.trim()) problems.source = 'An event needs a source.'
  if (!draft.detail_type.trim()) problems.detail_type = 'An event needs a detail type.'
  const { value, error } = readJson(draft.detail)
  if (error) problems.detail = 'The detail is not JSON yet.'
  else if (value === null || typeof value !== 'object' || Array.isArray(value))
    problems.detail = 'The detail must be a JSON object.'
  const time = draft.time ? Date.parse(draft.time) : null
  if (Number.isNaN(time)) problems.time = 'This is not a time.'
  const { bus, detail } = draft
  return {
    problems,
    body: {
      bus,
      source: draft.source.trim(),
      detail_type: draft.detail_type.trim(),
      detail,
      resources: resourcesOf(draft),
      time,
    },
  }
}

/** Returns the command of the AWS CLI that sends the same event. */
export function commandOf(draft) {
  const entry = {
    Source: draft.source,
    DetailType: draft.detail_type,
    Detail: draft.detail.replaceAll(/\s*\n\s*/g, ' ').trim(),
  }
  if (draft.bus !== 'default') entry.EventBusName = draft.bus
  const resources = resourcesOf(draft)
  if (resources.length) entry.Resources = resources
  if (draft.time) entry.Time = new Date(draft.time).toISOString()
  return `aws events put-events --entries '${JSON.stringify([entry]).replaceAll("'", "'\\''")}'`
}

const resourcesOf = draft => draft.resources.split(/[\s,]+/).filter(Boolean)
