// An earlier event for an editor, in the words in which it was sent: 300.0 stays 300.0, and a number that no double holds stays whole.
import { getText } from './api.js'
import { readJson, tidy } from './json_text.js'
import { pathOf } from './router.js'

/** Returns `{event, bus, text, detail}`: the two texts, laid out, are those of the event and of its detail. Throws `ApiError`. */
export async function loadEvent(id) {
  const answer = await getText(pathOf('events', id))
  const { value, places } = readJson(answer)
  const textOf = pointer => (places.has(pointer) ? tidy(answer.slice(places.get(pointer).start, places.get(pointer).end)) : '{}')
  return { event: value.event, bus: value.bus, text: textOf('/event'), detail: textOf('/event/detail') }
}
