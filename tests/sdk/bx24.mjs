// In place of BX24, the vendor's library for pages, which runs in frames of a portal only: its `callMethod`, with the
// requests that it sends (a form to `<method>.json`, the token as `auth`) and the results that it passes on.

class PageResult {
  constructor(status, body) {
    this.status = status
    this.body = body
  }

  error() {
    if (!this.body.error) return undefined
    return { ex: this.body, toString: () => `${this.body.error}: ${this.body.error_description}` }
  }

  data() {
    return this.body.result
  }
}

// As PHP reads them: `fields[code]=…`.
function pairs(params, prefix = '') {
  return Object.entries(params).flatMap(([key, value]) => {
    const name = prefix ? `${prefix}[${key}]` : key
    return value instanceof Object ? pairs(value, name) : [[name, value]]
  })
}

export class Page {
  // `returned` is called after the callback of a call.
  constructor(door, returned = () => {}) {
    this.door = door
    this.returned = returned
    this.called = false
  }

  callMethod(method, params, callback) {
    this.called = true
    this.#send(method, params).then(callback).finally(this.returned)
  }

  async #send(method, params) {
    const form = new URLSearchParams(pairs(params))
    if (this.door.access_token) form.set('auth', this.door.access_token)
    const response = await fetch(`${this.door.url}${method}.json`, { method: 'POST', body: form })
    // A browser passes no other answer on to a page of the application's own origin.
    if (response.headers.get('access-control-allow-origin') !== '*') throw new Error('no page may read this answer')
    return new PageResult(response.status, await response.json())
  }
}
