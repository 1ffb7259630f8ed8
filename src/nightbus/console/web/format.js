// How times, durations, sizes and numbers are written everywhere in the console. Times are UTC milliseconds.
const pad = (number, width = 2) => String(number).padStart(width, '0')

/** `10:41:07.123`, in the browser's time zone. */
export function clock(ms, { millis = true } = {}) {
  const time = new Date(ms)
  const text = `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}`
  return millis ? `${text}.${pad(time.getMilliseconds(), 3)}` : text
}

/** `2026-11-29 10:41:07.123`. */
export function dateTime(ms, options) {
  const time = new Date(ms)
  return `${time.getFullYear()}-${pad(time.getMonth() + 1)}-${pad(time.getDate())} ${clock(ms, options)}`
}

/** Today's times as a clock, older ones with their date. */
export function when(ms, options) {
  return new Date(ms).toDateString() === new Date().toDateString() ? clock(ms, options) : dateTime(ms, options)
}

/** `3 s`, `4 min`, `2 h`, `5 d`: how long ago, or how long. */
export function age(ms) {
  const seconds = Math.max(0, ms / 1000)
  if (seconds < 1) return 'now'
  if (seconds < 90) return `${Math.round(seconds)} s`
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86400)} d`
}

/** `12 ms`, `1.2 s`, `3 min 4 s`. */
export function duration(ms) {
  if (ms === null || ms === undefined) return ''
  if (ms < 1) return `${ms.toFixed(1)} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60000) return `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`
}

/** A length that somebody chose, in whole seconds: `0 s`, `30 s`, `1 h 30 min`, `14 d`. */
export function span(seconds) {
  const parts = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]].map(([unit, size], index, all) =>
    [Math.floor((index ? seconds % all[index - 1][1] : seconds) / size), unit])
  return parts.filter(([amount]) => amount).map(([amount, unit]) => `${amount} ${unit}`).join(' ') || '0 s'
}

/** `512 B`, `1.4 KB`, `3.0 MB`. */
export function bytes(count) {
  if (count < 1000) return `${count} B`
  const units = ['KB', 'MB', 'GB', 'TB']
  let value = count
  let unit = -1
  while (value >= 1000 && unit < units.length - 1) { value /= 1000; unit++ }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`
}

/** `1,234`; `12.3 k` and `4.5 M` where short. */
export const number = count => Number(count).toLocaleString('en-US')
export function short(count) {
  if (count < 10000) return number(Math.round(count * 10) / 10)
  if (count < 1e6) return `${(count / 1000).toFixed(count < 1e5 ? 1 : 0)} k`
  return `${(count / 1e6).toFixed(1)} M`
}

/** `0.4/s`, `12/s`; empty for none. */
export const rate = perSecond => !perSecond ? '' : `${perSecond < 10 ? Math.round(perSecond * 10) / 10 : Math.round(perSecond)}/s`

/** `1 rule`, `3 rules`. */
export const count = (total, one, many = one + 's') => `${number(total)} ${total === 1 ? one : many}`

/** The last part of an ARN, which is its resource's name. */
export const nameOf = arn => String(arn ?? '').split(/[:/]/).pop()

/**
 * The name that a template's author gave: CloudFormation makes `shop-OrderRule-eJeD7daomrmr` of the logical id OrderRule. Names that people chose
 * stay as they are.
 */
export function shortName(name) {
  const made = /^.+-([A-Za-z0-9]+)-([A-Za-z0-9]{12,13})$/.exec(name ?? '')
  return made && /[A-Z0-9]/.test(made[2]) && /[a-zA-Z]/.test(made[2]) ? made[1] : name
}
