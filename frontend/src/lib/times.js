import { dateTime, fullDateTime } from './format.js'

/** Shows every <time data-local> below an element in the reader's own timezone. */
export function localTimes(root) {
  for (const element of root.querySelectorAll?.('time[data-local]') ?? []) {
    const date = new Date(element.dateTime)
    if (Number.isNaN(date.valueOf())) continue
    element.textContent = dateTime(date)
    element.title = fullDateTime(date)
    element.removeAttribute('data-local')
  }
}
