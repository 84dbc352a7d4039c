import Alpine from '@alpinejs/csp'

import { Throughput } from '../lib/chart.js'
import { fill, fromNow, moment, number, percent, rate, wholePercent } from '../lib/format.js'
import { Feed } from '../lib/live.js'

const announceEvery = 20_000
const refreshEvery = 4000
const points = 1800

/** The pieces of the bar in their order; each is what its count says, nothing counted twice. */
const pieces = ({ read, delivered, sent, failed, unknown, suppressed, cancelled, expired }) => [
  ['read', read],
  ['delivered', delivered - read],
  ['sent', sent - delivered],
  ['failed', failed],
  ['unknown', unknown],
  ['skipped', suppressed + cancelled + expired],
]

/** Where each piece begins and how long it is, in percent of the whole. */
function layOut(progress) {
  const bar = {}
  let start = 0
  for (const [name, count] of pieces(progress)) {
    const width = progress.total ? (100 * Math.max(0, count)) / progress.total : 0
    bar[name] = { x: `${start}%`, width: `${width}%` }
    start += width
  }
  return bar
}

/** The live campaign page. Its texts, its first figures and its addresses come as data-attributes. */
const campaign = () => ({
  progress: {},
  texts: {},
  ahead: '',
  feedState: 'connecting',
  announcement: '',
  charted: false,
  announcedAt: 0,
  refreshedAt: 0,

  init() {
    const { progress, texts, history, live, poll, rules, ahead } = this.$root.dataset
    this.progress = JSON.parse(progress)
    this.texts = JSON.parse(texts)
    this.rules = JSON.parse(rules)
    this.ahead = ahead
    // Kept out of Alpine's reach: the chart reads plain arrays, thousands of times.
    this.series = Object.seal({ data: JSON.parse(history), chart: null })
    this.feed = new Feed({
      live,
      poll,
      onMessage: (message) => this.take(message),
      onState: (state) => (this.feedState = state),
    })
    // After the end too: messages are delivered and read long after the last one was sent.
    this.feed.start()
    this.plot()
  },

  take(message) {
    if (message.type && message.type !== 'campaign.progress') return
    if (message.total === undefined) return
    const before = this.progress
    this.progress = { ...before, paused_reason: null, paused_until: null, ...message }
    this.record(before.status)
    this.announce(before.status !== this.progress.status)
    this.entitle()
    if (JSON.stringify(before) !== JSON.stringify(this.progress)) this.refreshList()
  },

  /** An action of this page answered; the event carries the new progress. */
  acted(event) {
    this.$refs.dialog?.close()
    this.take(event.detail.progress)
  },

  /** A point of the chart; none once the campaign stands still, but for that it came to a stop. */
  record(before) {
    const { data } = this.series
    const now = Date.now() / 1000
    if (this.progress.status !== 'running' && before !== 'running') return
    if (data[0].at(-1) >= now) return
    data[0].push(now)
    data[1].push(this.progress.per_minute ?? 0)
    for (const column of data) column.splice(0, Math.max(0, column.length - points))
    this.plot()
  },

  plot() {
    const { series } = this
    if (series.data[0].length < 2) return
    this.charted = true
    if (series.chart) {
      series.chart.set(series.data)
      return
    }
    // The element is measured, so it must be visible first.
    this.$nextTick(() => {
      series.chart ??= new Throughput(this.$refs.chart, {
        data: series.data,
        tipSentence: this.texts.tip,
      })
    })
  },

  /** The share stands in the tab as well: one follows a campaign while doing something else. */
  entitle() {
    this.title ??= document.title
    const running = this.progress.status === 'running'
    document.title = running ? `${this.percent} · ${this.title}` : this.title
  },

  announce(urgent) {
    const now = Date.now()
    if (!urgent && now - this.announcedAt < announceEvery) return
    this.announcedAt = now
    this.announcement = `${this.statusLabel}. ${this.valueText}`
  },

  refreshList() {
    const now = Date.now()
    clearTimeout(this.refreshTimer)
    const wait = this.over ? 300 : Math.max(0, this.refreshedAt + refreshEvery - now)
    this.refreshTimer = setTimeout(() => {
      this.refreshedAt = Date.now()
      if (document.visibilityState === 'visible') {
        document.getElementById('deliveries')?.dispatchEvent(new CustomEvent('recado:refresh'))
      }
    }, wait)
  },

  askToCancel() {
    this.$refs.dialog.showModal()
  },

  keep() {
    this.$refs.dialog.close()
  },

  get over() {
    return ['completed', 'cancelled', 'failed'].includes(this.progress.status)
  },

  get allowed() {
    return this.rules[this.progress.status] ?? []
  },

  get cannotStart() {
    return !this.allowed.includes('start')
  },

  get cannotPause() {
    return !this.allowed.includes('pause')
  },

  get cannotResume() {
    return !this.allowed.includes('resume')
  },

  get cannotCancel() {
    return !this.allowed.includes('cancel')
  },

  get statusLabel() {
    return this.texts.statuses[this.progress.status] ?? this.progress.status
  },

  get status() {
    return this.progress.status
  },

  get settled() {
    return this.progress.total - this.progress.pending - this.progress.sending
  },

  get percent() {
    return wholePercent(this.percentValue)
  },

  /** Rounded down: it is not 100 while one delivery is still open. */
  get percentValue() {
    const { total } = this.progress
    return total ? Math.floor((100 * this.settled) / total) : 0
  },

  get valueText() {
    return fill(this.texts.value, {
      percent: this.percent,
      done: number(this.settled),
      total: number(this.progress.total),
    })
  },

  get doneText() {
    return fill(this.texts.done, {
      done: number(this.settled),
      total: number(this.progress.total),
    })
  },

  get shown() {
    const names = Object.keys(this.progress)
    return Object.fromEntries(names.map((name) => [name, number(this.progress[name])]))
  },

  get shares() {
    const { total } = this.progress
    const of = (name) => {
      if (!total) return '\u00a0'
      return fill(this.texts.share, { share: percent(this.progress[name] / total) })
    }
    return Object.fromEntries(['sent', 'delivered', 'read', 'failed'].map((name) => [name, of(name)]))
  },

  get bar() {
    return layOut(this.progress)
  },

  /** How long it took, in minutes, once it is over; none where it has not even begun. */
  get minutesTaken() {
    const { started_at: started, finished_at: finished } = this.progress
    return started && finished ? (new Date(finished) - new Date(started)) / 60_000 : 0
  },

  get rateText() {
    const { status, sent, per_minute: perMinute } = this.progress
    if (status === 'running') return fill(this.texts.rate, { rate: rate(perMinute ?? 0) })
    if (!this.over || !this.minutesTaken || !sent) return '—'
    return fill(this.texts.average, { rate: rate(sent / this.minutesTaken) })
  },

  get successText() {
    const { success_rate: success } = this.progress
    return success == null ? '—' : percent(success)
  },

  get endLabel() {
    return this.over ? this.texts.ended : this.texts.ends
  },

  get etaText() {
    const { finished_at: finished, status } = this.progress
    if (this.over && finished) return moment(new Date(finished))
    // Before the start: when it would end if it were started now.
    const eta = this.begun ? status === 'running' && this.progress.eta : this.ahead
    if (!eta) return '—'
    // A forecast made a moment ago may lie in the past by now; what is to come does not.
    const end = new Date(Math.max(new Date(eta), new Date()))
    return fill(this.texts.eta, { moment: moment(end), distance: fromNow(end) })
  },

  get begun() {
    return !['draft', 'scheduled'].includes(this.progress.status)
  },

  get pausedText() {
    const { paused_reason: code, paused_until: until } = this.progress
    const timed = until && this.texts.reasons[`${code}_until`]
    if (timed) return fill(timed, { moment: moment(new Date(until)) })
    const reason = code ?? 'other'
    return this.texts.reasons[reason] ?? fill(this.texts.stopped, { reason })
  },

  get waitingText() {
    const until = this.progress.waiting_until
    return until ? fill(this.texts.waiting, { moment: moment(new Date(until)) }) : ''
  },

  get notWaiting() {
    return this.progress.status !== 'running' || !this.progress.waiting_until
  },

  get heldText() {
    return fill(this.texts.held, { held: number(this.progress.held) })
  },

  get noneHeld() {
    return !this.progress.held
  },

  get uncharted() {
    return !this.charted
  },

  get notPaused() {
    return this.progress.status !== 'paused'
  },

  get notOffline() {
    return this.feedState !== 'offline'
  },

  get notLive() {
    return this.over || this.feedState !== 'live'
  },
})

Alpine.data('campaign', campaign)
