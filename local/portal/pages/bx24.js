/* A stand-in for the vendor's script under its documented calls (bitrix24.md 10.5). It speaks the product's messages
   with the page around it, and reads where that is from the frame's name: <domain>|<protocol>|<APP_SID>. */
(function () {
  'use strict'
  const [domain, protocol, sid] = window.name.split('|')
  const around = `${protocol === '1' ? 'https' : 'http'}://${domain}`
  const waiting = new Map()
  let data = null
  let ready = []
  let count = 0
  let asked = false

  function send (command, params, callback) {
    const id = callback ? `c${++count}` : ''
    if (callback) waiting.set(id, callback)
    const words = params === undefined ? [command, id, sid] : [command, JSON.stringify(params), id, sid]
    window.parent.postMessage(words.join(':'), around)
  }

  window.addEventListener('message', event => {
    if (event.origin !== around || event.source !== window.parent || typeof event.data !== 'string') return
    const cut = event.data.indexOf(':')
    const callback = waiting.get(event.data.slice(0, cut))
    if (!callback) return
    const text = event.data.slice(cut + 1)
    callback(text ? JSON.parse(text) : undefined)
  })

  function take (fresh) {
    Object.assign(data, fresh, { until: Date.now() + Number(fresh.AUTH_EXPIRES) * 1000 })
    return auth()
  }

  function auth () {
    if (!data || data.until <= Date.now()) return false
    return {
      access_token: data.AUTH_ID, refresh_token: data.REFRESH_ID, expires_in: data.until, domain: data.DOMAIN, member_id: data.MEMBER_ID
    }
  }

  function init (callback) {
    if (data) return callback()
    ready.push(callback)
    if (asked) return
    asked = true
    send('getInitData', undefined, found => {
      data = {}
      take(found)
      if (data.FIRST_RUN && installer) installer()
      const calls = ready
      ready = []
      calls.forEach(each => each())
    })
  }

  let installer = null
  const size = (width, height, callback) => send('resizeWindow', { width, height }, callback || (() => {}))
  window.BX24 = {
    init,
    install: callback => {
      installer = typeof callback === 'function' ? callback : () => window.location.assign(callback)
      init(() => {})
    },
    installFinish: () => send('setInstallFinish', {}),
    getAuth: auth,
    refreshAuth: callback => send('refreshAuth', {}, fresh => callback(take(fresh))),
    getDomain: () => data ? data.DOMAIN.replace(/:(80|443)$/, '') : '',
    getLang: () => data ? data.LANG : '',
    isAdmin: () => Boolean(data && data.IS_ADMIN),
    placement: {
      info: () => ({ placement: data.PLACEMENT || 'DEFAULT', options: data.PLACEMENT_OPTIONS ? JSON.parse(data.PLACEMENT_OPTIONS) : {} })
    },
    im: { openMessenger: dialogId => send('imOpenMessenger', { dialogId }) },
    resizeWindow: size,
    reloadWindow: () => send('reloadWindow'),
    fitWindow: callback => size('100%', document.documentElement.scrollHeight, callback),
    setTitle: (title, callback) => send('setTitle', { title }, callback || (() => {}))
  }
})()
