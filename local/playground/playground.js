// The playground: forms become requests of the API, buttons requests of the portal's control. No key is in a URL.
const token = document.querySelector('meta[name=play-token]').content
const byId = id => document.getElementById(id)
const POLL_MS = 1000
const KEPT = 300

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}

async function play(path, body) {
  const options = { headers: { 'X-Play-Token': token } }
  if (body !== undefined) Object.assign(options, { method: 'POST', body: JSON.stringify(body) })
  const answer = await fetch(`/_play/${path}`, options)
  const content = await answer.json()
  if (!answer.ok) throw new Error(content.error || `status ${answer.status}`)
  return content
}

const control = (path, body) => play(`control/${path}`, body)
const run = await play('run')
if (!run.local_portal) document.querySelectorAll('[data-local]').forEach(each => each.remove())
byId('panel-link').elements.url.value = `${run.portal_url}/crm/deal/details/1663/`

// --- tabs: arrow keys move, as people who use a keyboard expect -------------------------------------------------------

document.querySelectorAll('[role=tablist]').forEach(list => {
  const tabs = [...list.querySelectorAll('[role=tab]')]
  const choose = chosen => tabs.forEach(tab => {
    tab.setAttribute('aria-selected', String(tab === chosen))
    tab.tabIndex = tab === chosen ? 0 : -1
    byId(tab.getAttribute('aria-controls')).hidden = tab !== chosen
  })
  list.addEventListener('click', event => { if (event.target.role === 'tab') choose(event.target) })
  list.addEventListener('keydown', event => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (!step) return
    const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length]
    choose(next)
    next.focus()
    event.preventDefault()
  })
})

// --- look-ups ---------------------------------------------------------------------------------------------------------

const PATHS = {
  pair: form => `/v1/chats?${query(form, ['entity_type', 'entity_id'], ['fresh'])}${form.expand.checked ? '&expand=chat' : ''}`,
  link: form => `/v1/chats?${query(form, ['url'])}`,
  object: form => `/v1/objects/${encodeURIComponent(form.type.value)}/${encodeURIComponent(form.id.value.trim())}/chats` +
    (form.relatives.checked ? '' : '?relatives=false'),
  chat: form => `/v1/chats/${encodeURIComponent(form.chat_id.value.trim())}`
}

function query(form, texts, boxes = []) {
  const parts = new URLSearchParams()
  texts.forEach(name => parts.set(name, form[name].value.trim()))
  boxes.filter(name => form[name].checked).forEach(name => parts.set(name, 'true'))
  return parts.toString().replaceAll('%2F', '/').replaceAll('%3A', ':')
}

document.querySelectorAll('#look-up form').forEach(form => form.addEventListener('submit', async event => {
  event.preventDefault()
  const button = form.querySelector('.main')
  button.disabled = true
  try {
    await lookUp(PATHS[form.dataset.kind](form.elements))
  } finally {
    button.disabled = false
  }
}))

document.querySelectorAll('[data-fill]').forEach(button => button.addEventListener('click', () => {
  const form = button.closest('form')
  Object.entries(JSON.parse(button.dataset.fill)).forEach(([name, value]) => { form.elements[name].value = value })
  form.requestSubmit()
}))

let asking = new AbortController()

async function lookUp(path) {
  const shown = byId('answer')
  // Another form's question may still be waiting: its answer would look like this one's, too.
  asking.abort()
  asking = new AbortController()
  const started = performance.now()
  // With a fault it may take ten seconds: an answer of before would look like this one's.
  shown.replaceChildren(element('p', { className: 'done', textContent: 'Waiting for the answer …' }))
  try {
    const answer = await fetch(path, { headers: { 'X-Api-Key': run.api_key }, signal: asking.signal })
    const body = await answer.json()
    shown.replaceChildren(...described(answer, body, Math.round(performance.now() - started)), ...asCommand(path))
  } catch (error) {
    if (error.name === 'AbortError') return
    shown.replaceChildren(element('p', { className: 'bad', textContent: `The service does not answer: ${error.message}` }))
  }
}

function described(answer, body, milliseconds) {
  const headline = element('p', { className: 'big', textContent: outcome(answer, body) })
  const badges = element('p', {}, badge(answer.status, answer.ok ? 'good' : 'bad'), ' ')
  if (body.source) badges.append(badge(body.source, body.source === 'stale' ? 'warn' : 'good'), ' ')
  if (body.age_seconds !== undefined) badges.append(badge(`${body.age_seconds} s old`), ' ')
  badges.append(badge(`${milliseconds} ms`))
  const advice = [body.detail, body.hint].filter(Boolean).map(text => element('p', { textContent: text }))
  return [headline, badges, ...advice, element('pre', { textContent: JSON.stringify(body, null, 2) })]
}

function outcome(answer, body) {
  if (!answer.ok) return body.title || body.message || 'No answer'
  if (body.chats) return body.chats.length === 1 ? 'one chat' : `${body.chats.length} chats`
  return body.entity_type ? `chat ${body.chat_id} · ${body.entity_type} ${body.entity_id}` : `chat ${body.chat_id}`
}

const badge = (text, kind = '') => element('span', { className: `badge ${kind}`, textContent: text })

// The key is read from the run's file, so that it is neither in the line nor in the shell's history.
function asCommand(path) {
  const key = `$(python3 -c 'import json; print(json.load(open("${run.run_file}"))["api_key"])')`
  const line = `curl -s -H "X-Api-Key: ${key}" '${location.origin}${path.replaceAll("'", '%27')}'`
  const copied = element('span', { ariaLive: 'polite' })
  const copy = element('button', { type: 'button', textContent: 'Copy the command' })
  copy.addEventListener('click', async () => {
    await navigator.clipboard.writeText(line)
    copied.textContent = ' Copied.'
  })
  return [element('pre', { id: 'command', textContent: line }), copy, copied]
}

// --- the bot ----------------------------------------------------------------------------------------------------------

const talk = byId('talk')
let talkedIn = null
let lastMessage = 0

async function say(text) {
  talk.append(element('li', { className: 'mine', textContent: text }))
  talk.scrollTop = talk.scrollHeight
  const sent = await control('say', { text })
  if (talkedIn === null) lastMessage = sent.message_id
  talkedIn = sent.chat_id
}

async function listen() {
  if (talkedIn === null) return
  for (const message of await control('messages')) {
    if (message.chat_id !== talkedIn || message.message_id <= lastMessage) continue
    lastMessage = message.message_id
    talk.append(element('li', { textContent: plain(message.text) }))
    talk.scrollTop = talk.scrollHeight
  }
}

// Bitrix24's own marks: [URL=address]text[/URL], [B]text[/B], [USER=1]name[/USER].
const plain = text => text.replaceAll(/\[URL=([^\]]+)\](.*?)\[\/URL\]/gs, '$2 ($1)').replaceAll(/\[\/?[A-Z]+(=[^\]]*)?\]/g, '')

if (run.local_portal) {
  byId('say').addEventListener('submit', event => {
    event.preventDefault()
    const input = event.target.elements.text
    report(say(input.value), '')
    input.value = ''
    input.focus()
  })
  document.querySelectorAll('[data-say]').forEach(button => button.addEventListener('click', () => report(say(button.dataset.say), '')))
}

// --- faults, plan and clock -------------------------------------------------------------------------------------------

const FAULTS = [
  ['Over the limit', { method: '*', error: 'QUERY_LIMIT_EXCEEDED', status: 503, times: 3 }],
  ['Token expired', { method: '*', error: 'expired_token', status: 401, times: 1 }],
  ['Access refused', { method: 'im.chat.get', error: 'ACCESS_ERROR', status: 400, times: 1 }],
  ['Portal down', { method: '*', status: 502, body: '<h1>502 Bad Gateway</h1>', content_type: 'text/html', times: 20 }],
  ['Slow by 3 s', { method: '*', delay_ms: 3000, times: 5 }],
  ['Connection cut', { method: '*', drop: true, times: 3 }],
  ['Blocked', { method: '*', error: 'OVERLOAD_LIMIT', status: 403, times: 5 }]
]

async function report(work, text) {
  const done = byId('done')
  try {
    await work
    done.textContent = text
  } catch (error) {
    done.textContent = `That was refused: ${error.message}`
  }
}

async function showFaults() {
  const active = await control('faults')
  const texts = active.map(fault => {
    const what = fault.error || (fault.drop ? 'connection cut' : fault.status ? `status ${fault.status}` : `${fault.delay_ms} ms late`)
    const times = fault.times ? `${fault.applied} of ${fault.times}` : `${fault.applied} times`
    return `${what} for ${fault.method === '*' ? 'every call' : fault.method}, applied ${times}`
  })
  // Only what has changed is read out, and is written anew.
  if (texts.join() === [...byId('active').children].map(each => each.textContent).join()) return
  byId('active').replaceChildren(...texts.map(text => element('li', { textContent: text })))
}

async function showClock() {
  const { now } = await control('clock')
  const text = new Date(now * 1000).toLocaleString()
  if (byId('clock').textContent !== text) byId('clock').textContent = text
}

if (run.local_portal) {
  byId('faults').append(...FAULTS.map(([text, fault]) => {
    const button = element('button', { type: 'button', textContent: text })
    button.addEventListener('click', () => report(control('faults', fault).then(showFaults), `Next: ${text.toLowerCase()}.`))
    return button
  }), (() => {
    const button = element('button', { type: 'button', id: 'mend', textContent: 'End all faults' })
    button.addEventListener('click', () => report(control('faults', []).then(showFaults), 'The portal works again. The service asks it as soon as the seconds in retry_after are over; +1 hour skips them.'))
    return button
  })())
  byId('plan').addEventListener('change', event => {
    const [rate, burst] = event.target.value.split(',').map(Number)
    report(control('plan', { rate, burst }), `The portal's plan: ${rate} a second, ${burst} at once.`)
  })
  document.querySelectorAll('[data-advance]').forEach(button => button.addEventListener('click', () => report(
    control('clock', { advance_s: Number(button.dataset.advance) }).then(showClock), 'The clock of portal and service is ahead.')))
}

// --- what passes ------------------------------------------------------------------------------------------------------

let seen = 0
let calls = 0

function append(panel, texts) {
  if (!texts.length) return
  const list = panel.querySelector('ol')
  const atEnd = panel.scrollHeight - panel.scrollTop - panel.clientHeight < 40
  list.append(...texts.map(text => element('li', { textContent: text })))
  while (list.childElementCount > KEPT) list.firstElementChild.remove()
  if (atEnd) panel.scrollTop = panel.scrollHeight
}

function showMetrics(metrics) {
  const cell = (text, className = '') => element('td', { textContent: text, className })
  const rows = metrics.map(each => element('tr', {}, cell(each.name), cell(each.dimensions),
    cell(each.unit === 'Count' ? each.total : `${(each.total / each.values).toFixed(1)} ${each.unit} on average`, 'number')))
  const head = element('tr', {}, ...['Metric', 'Of', 'Since the start'].map((text, at) => element('th', { textContent: text, scope: 'col', className: at === 2 ? 'number' : '' })))
  byId('metrics').replaceChildren(element('table', {}, element('thead', {}, head), element('tbody', {}, ...rows)))
}

async function showCalls() {
  const newer = (await control(`calls?last=${KEPT}`)).filter(call => call.at > calls)
  append(byId('calls'), newer.map(call => `${call.method} ${call.status ?? 'cut'}${call.error ? ` ${call.error}` : ''} ${JSON.stringify(call.params ?? {})}`))
  calls = newer.at(-1)?.at ?? calls
}

async function poll() {
  try {
    const feed = await play(`feed?after=${seen}`)
    if (feed.last !== seen) {
      append(byId('requests'), feed.requests)
      append(byId('log'), feed.log.map(line => JSON.stringify(line)))
      showMetrics(feed.metrics)
      seen = feed.last
    }
    if (run.local_portal) await Promise.all([listen(), showFaults(), showClock(), showCalls()])
  } catch {
    byId('done')?.replaceChildren('The run does not answer: it has ended, or was started anew. Load this page again.')
  }
  setTimeout(poll, POLL_MS)
}

poll()
