/** Numbers, shares and times in the language of the page and the timezone of the workspace. */
const { lang, dataset } = document.documentElement
const language = lang || 'pt-BR'
const timeZone = dataset.timezone

const integer = new Intl.NumberFormat(language, { maximumFractionDigits: 0 })
const decimal = new Intl.NumberFormat(language, { maximumFractionDigits: 1 })
const share = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 })
const whole = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 })
const clock = new Intl.DateTimeFormat(language, {
  hour: '2-digit',
  minute: '2-digit',
  timeZone,
})
const second = new Intl.DateTimeFormat(language, { timeStyle: 'medium', timeZone })
const stamp = new Intl.DateTimeFormat(language, {
  dateStyle: 'short',
  timeStyle: 'short',
  timeZone,
})
const date = new Intl.DateTimeFormat(language, { dateStyle: 'short', timeZone })
const atOnce = new Intl.RelativeTimeFormat(language, { numeric: 'auto' }).format(0, 'second')
const relative = new Intl.RelativeTimeFormat(language, { numeric: 'always', style: 'long' })

const day = 86_400_000

export const number = (value) => integer.format(value)
export const rate = (value) => (value < 10 ? decimal : integer).format(value)
export const percent = (value) => share.format(value)

export const wholePercent = (hundredths) => whole.format(hundredths / 100)

export const time = (moment) => clock.format(moment)
export const timeWithSeconds = (moment) => second.format(moment)

/** The hour when it is today, otherwise the date with it. */
export const moment = (then, now = new Date()) =>
  (date.format(then) === date.format(now) ? clock : stamp).format(then)

/** "in 18 minutes", or "now"; the unit is the largest that gives a number of two or more. */
export function fromNow(then, now = new Date()) {
  const distance = then - now
  if (Math.abs(distance) < 1000) return atOnce
  const units = [
    ['day', day],
    ['hour', 3_600_000],
    ['minute', 60_000],
    ['second', 1000],
  ]
  for (const [unit, length] of units) {
    if (Math.abs(distance) >= 2 * length || unit === 'second') {
      return relative.format(Math.round(distance / length), unit)
    }
  }
  return ''
}

/** Fills the {placeholders} of a sentence that the server has translated. */
export const fill = (sentence, values) =>
  sentence.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole)
