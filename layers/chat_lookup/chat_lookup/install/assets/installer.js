// The installer's page: asks for one part after the other, shows each, and ends the installation in the portal.
(function () {
  'use strict'
  const { steps, texts, posted } = JSON.parse(document.getElementById('installation').textContent)
  document.getElementById('installation').remove()
  const by = name => document.querySelector(`[data-test="${name}"]`)
  const fit = () => { if (window.BX24) window.BX24.fitWindow() }

  function show (name, state, sentences) {
    const item = document.querySelector(`[data-step="${name}"]`)
    item.dataset.state = state
    item.querySelector('.state').textContent = texts[state]
    item.querySelector('.what').textContent = sentences.join(' ')
    fit()
  }

  function say (text, ...buttons) {
    by('status').textContent = text
    for (const name of ['again', 'finish', 'open']) by(name).hidden = !buttons.includes(name)
    if (buttons.length) by(buttons[0]).focus()
    fit()
  }

  async function take (step) {
    const reply = await fetch('/bitrix24/install', {
      method: 'POST', cache: 'no-store', credentials: 'omit', body: new URLSearchParams({ ...posted, step })
    })
    const found = await reply.json()
    // What the gateway answers by itself has no sentences.
    if (!found.sentences) throw new Error('no answer of the service')
    return found
  }

  async function run () {
    say(texts.installing)
    for (const { shown } of steps) for (const name of shown) show(name, 'waiting', [])
    let missing = false
    for (const { step, shown } of steps) {
      for (const name of shown) show(name, 'working', [])
      const found = await take(step).catch(() => ({ failed: shown[0], sentences: [texts['no-answer']] }))
      if (found.failed) {
        const at = Math.max(shown.indexOf(found.failed), 0)
        shown.forEach((name, place) => show(name, place < at ? 'done' : place > at ? 'waiting' : 'failed', place === at ? found.sentences : []))
        return say('', 'again')
      }
      missing = missing || found.sentences.length > 0
      for (const name of shown) show(name, found.sentences.length ? 'missing' : 'done', found.sentences)
    }
    if (missing) say(texts['with-remarks'], 'finish', 'again')
    else finish()
  }

  function finish () {
    if (!window.BX24) return say(texts['no-library'], 'again')
    say(texts.finishing)
    window.BX24.init(() => {
      window.BX24.installFinish()
      // The portal shows the application now, unless it was installed before: then it does nothing.
      setTimeout(() => say(texts.finishing, 'open'), 3000)
    })
  }

  // What was sent once cannot be sent again: a refresh token is good for one use.
  function afresh (then) {
    if (!window.BX24) return then()
    window.BX24.init(() => window.BX24.refreshAuth(auth => {
      if (auth) Object.assign(posted, { auth_id: auth.access_token, refresh_id: auth.refresh_token })
      then()
    }))
  }

  function open () {
    const form = document.createElement('form')
    const query = new URLSearchParams({ DOMAIN: posted.domain || '', PROTOCOL: posted.protocol || '1', LANG: posted.lang || '' })
    Object.assign(form, { method: 'post', action: `/bitrix24/app?${query}` })
    const fields = { AUTH_ID: posted.auth_id, REFRESH_ID: posted.refresh_id, APPLICATION_TOKEN: posted.application_token, SERVER_ENDPOINT: posted.server_endpoint, member_id: posted.member_id, PLACEMENT: 'DEFAULT' }
    for (const [name, value] of Object.entries(fields)) {
      if (value) form.append(Object.assign(document.createElement('input'), { type: 'hidden', name, value }))
    }
    document.body.append(form)
    form.submit()
  }

  by('again').onclick = () => { say(texts.installing); afresh(run) }
  by('finish').onclick = finish
  by('open').onclick = () => afresh(open)
  run()
})()
