/** How long to wait before the n-th try to reconnect, in milliseconds: 1 s, doubling, at most 30 s. */
const delay = (attempt) => Math.min(30_000, 1000 * 2 ** attempt) * (0.75 + Math.random() / 2)

const pollEvery = 5000

/** Why the server ends a connection that shall not be tried again. */
const closed = { unauthenticated: 4401, notFound: 4404 }

/**
 * What the server says about a campaign: by WebSocket, and by asking while that is away.
 *
 * `onMessage` gets each progress; `onState` gets 'live', 'polling' or 'offline'.
 */
export class Feed {
  constructor({ live, poll, onMessage, onState }) {
    this.addresses = { live, poll }
    this.onMessage = onMessage
    this.onState = onState
    this.attempt = 0
    this.stopped = false
    this.timers = {}
  }

  start() {
    this.connect()
    this.onLeave = () => this.stop()
    addEventListener('pagehide', this.onLeave)
    // A page taken back from the browser's cache goes on where it was.
    addEventListener('pageshow', (event) => event.persisted && this.restart())
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible' && !this.connected) this.restart()
    })
  }

  restart() {
    this.stop()
    this.stopped = false
    this.attempt = 0
    this.connect()
  }

  stop() {
    this.stopped = true
    clearTimeout(this.timers.connect)
    clearTimeout(this.timers.poll)
    this.socket?.close()
  }

  get connected() {
    return this.socket?.readyState === WebSocket.OPEN
  }

  connect() {
    clearTimeout(this.timers.connect)
    if (this.stopped) return
    const address = new URL(this.addresses.live, location.href)
    address.protocol = address.protocol.replace('http', 'ws')
    const socket = new WebSocket(address)
    this.socket = socket
    socket.onopen = () => {
      this.attempt = 0
      clearTimeout(this.timers.poll)
      this.onState('live')
    }
    socket.onmessage = ({ data }) => this.onMessage(JSON.parse(data))
    socket.onclose = ({ code }) => {
      if (this.stopped || socket !== this.socket) return
      if (code === closed.unauthenticated) return location.reload()
      if (code === closed.notFound) return this.stop()
      this.poll()
      this.timers.connect = setTimeout(() => this.connect(), delay(this.attempt++))
    }
  }

  async poll() {
    clearTimeout(this.timers.poll)
    if (this.stopped || this.connected) return
    const reached = await this.ask()
    if (this.stopped || this.connected) return
    this.onState(reached ? 'polling' : 'offline')
    this.timers.poll = setTimeout(() => this.poll(), pollEvery)
  }

  async ask() {
    try {
      const answer = await fetch(this.addresses.poll, { headers: { Accept: 'application/json' } })
      if (answer.status === 401) return location.reload()
      if (!answer.ok) return false
      this.onMessage(await answer.json())
      return true
    } catch {
      return false
    }
  }
}
