/* The page around an application's frame: posts the frame's form, and passes its messages to the portal, which decides
   what they cause. */
(function () {
  'use strict'
  const frame = document.querySelector('iframe')
  if (!frame) return
  const { origin, sid, key } = frame.dataset

  async function pass (message) {
    const answer = await fetch(`/frames/${sid}`, {
      method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Frame-Key': key }, body: JSON.stringify({ message })
    })
    if (answer.ok) react(await answer.json())
  }

  function react (found) {
    if (found.reply !== null) frame.contentWindow.postMessage(found.reply, origin)
    if (found.title) document.title = found.title
    if (found.size && typeof found.size.height === 'number') frame.style.height = `${found.size.height}px`
    if (found.messenger) show(found.messenger)
    if (found.again) window.location.reload()
    if (found.reload) {
      const here = new URL(window.location)
      here.searchParams.set('install_finished', 'Y')
      window.location.replace(here)
    }
  }

  function show ({ dialog_id: dialogId, title }) {
    const messenger = document.getElementById('messenger')
    messenger.dataset.messenger = dialogId
    messenger.querySelector('h2').textContent = title || 'You have no access to this chat'
    const link = messenger.querySelector('a')
    link.hidden = !title
    link.href = `/online/?IM_DIALOG=${encodeURIComponent(dialogId)}`
    messenger.hidden = false
    messenger.focus()
  }

  window.addEventListener('message', event => {
    if (event.origin === origin && event.source === frame.contentWindow) pass(event.data)
  })
  document.getElementById('messenger-close').addEventListener('click', () => {
    document.getElementById('messenger').hidden = true
    frame.focus()
  })
  document.getElementById('open').submit()
})()
