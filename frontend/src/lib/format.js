/** Numbers, shares and times in the language of the page. */
const language = document.documentElement.lang || 'pt-BR'

const integer = new Intl.NumberFormat(language, { maximumFractionDigits: 0 })
const decimal = new Intl.NumberFormat(language, { maximumFractionDigits: 1 })
const share = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 })
const whole = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 })
const clock = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit' })
const stamp = new Intl.DateTimeFormat(language, { dateStyle: 'short', timeStyle: 'short' })
const precise = new Intl.DateTimeFormat(language, { dateStyle: 'full', timeStyle: 'medium' })
const relative = new Intl.RelativeTimeFormat(language, { numeric: 'always', style: 'long' })

const day = 86_400_000

export const number = (value) => integer.format(value)
export const rate = (value) => (value < 10 ? decimal : integer).format(value)
export const percent = (value) => share.format(value)

/** Rounded down: 99.96 % is not 100 % while one delivery is still open. */
export const wholePercent = (value) => whole.format(Math.floor(value * 100) / 100)

export const time = (date) => clock.format(date)
export const dateTime = (date) => stamp.format(date)
export const fullDateTime = (date) => precise.format(date)

/** The hour when it is today, otherwise the date with it. */
export function moment(date, now = new Date()) {
  const today = date.toDateString() === now.toDateString()
  return today ? clock.format(date) : stamp.format(date)
}

/** "in 18 minutes"; the unit is the largest that gives a number of two or more. */
export function fromNow(date, now = new Date()) {
  const distance = date - now
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
