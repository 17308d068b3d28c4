// Runs calls of b24jssdk, and of pages that call BX24, for the tests: each line of the input is a request in JSON, and
// each line of the output its answer. One client serves all requests of a door, as it does in an application.
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { Page } from './bx24.mjs'

const { B24Hook, B24OAuth, ParamsFactory } = await import(
  pathToFileURL(`${process.env.NODE_FOLDER}/node_modules/@bitrix24/b24jssdk/dist/esm/index.mjs`)
)

// By default it waits before calls and tries some again: the tests ask for the outcome of one call.
const unhurried = {
  ...ParamsFactory.getRealtime(),
  rateLimit: { burstLimit: 1000, drainRate: 1000, adaptiveEnabled: false }
}
const SECONDS_OF_A_DAY = 86400

function opened(door) {
  const options = { restrictionParams: unhurried }
  if (door.mode === 'webhook') return { b24: B24Hook.fromWebhookUrl(door.url, options), renewals: 0 }
  const now = Math.floor(Date.now() / 1000)
  const granted = {
    accessToken: door.access_token,
    refreshToken: door.refresh_token,
    expires: door.expired ? now - 1 : now + SECONDS_OF_A_DAY,
    expiresIn: SECONDS_OF_A_DAY,
    domain: door.host,
    clientEndpoint: door.url,
    serverEndpoint: `https://${door.server}/rest/`,
    memberId: 'any',
    scope: 'im',
    status: 'L'
  }
  const { client_id: clientId, client_secret: clientSecret } = door.keys
  const client = { b24: new B24OAuth(granted, { clientId, clientSecret }, options), renewals: 0 }
  client.b24.setCallbackRefreshAuth(async () => { client.renewals += 1 })
  return client
}

const clients = new Map()

function clientOf(door) {
  const name = JSON.stringify(door)
  if (!clients.has(name)) clients.set(name, opened(door))
  return clients.get(name)
}

const refused = (error) => ({ error: String(error.code), status: error.status })

// Of an AjaxResult: some errors are thrown by the SDK, others are part of the result.
function outcome(result) {
  return result.isSuccess ? { result: result.getData().result } : refused([...result.getErrors()][0])
}

async function attempted(call) {
  try {
    return await call()
  } catch (error) {
    return refused(error)
  }
}

function each(results) {
  if (Array.isArray(results)) return results.map(outcome)
  return Object.fromEntries(Object.entries(results).map(([name, result]) => [name, outcome(result)]))
}

const run = {
  call: ({ b24 }, { method, params }) =>
    attempted(async () => outcome(await b24.actions.v2.call.make({ method, params }))),
  batch: ({ b24 }, { calls, halt }) =>
    attempted(async () => {
      const options = { isHaltOnError: halt, returnAjaxResult: true }
      return { result: each((await b24.actions.v2.batch.make({ calls, options })).getData()) }
    }),
  chunks: ({ b24 }, { calls }) =>
    attempted(async () => {
      const result = await b24.actions.v2.batchByChunk.make({ calls, options: { isHaltOnError: false } })
      return { result: result.getData() }
    }),
  parallel: (client, { count, ...call }) => Promise.all(Array.from({ length: count }, () => run.call(client, call))),
  health: ({ b24 }) => b24.tools.healthCheck.make(),
  ping: ({ b24 }) => b24.tools.ping.make(),
  admin: async ({ b24 }) => {
    await b24.initIsAdmin()
    return b24.auth.isAdmin
  },
  renewals: ({ renewals }) => renewals,
  // Lines of a document: an expression or statements, run with the client and with BX24; what they print is the answer.
  lines: async ({ b24 }, { door, source }) => {
    const printed = []
    const print = (...values) => printed.push(values.at(-1))
    const console = { log: print, info: print, dir: print, error: print }
    let page
    const done = new Promise((resolve) => { page = new Page(door, resolve) })
    const AsyncFunction = (async () => {}).constructor
    const names = ['$b24', 'BX24', 'console', 'processResult']
    await new AsyncFunction(...names, source)(b24, page, console, () => {})
    if (page.called) await done
    return printed
  }
}

const page = (door, { method, params }) =>
  attempted(() => new Promise((resolve) => {
    new Page(door).callMethod(method, params, (result) =>
      resolve(result.error() ? { error: result.error().ex.error, status: result.status } : { result: result.data() }))
  }))

for await (const line of createInterface({ input: process.stdin })) {
  const { do: action, door, ...request } = JSON.parse(line)
  let outcome
  try {
    const answer = action === 'page' ? page(door, request) : run[action](clientOf(door), { door, ...request })
    outcome = { answer: (await answer) ?? null }
  } catch (error) {
    outcome = { failed: error.stack }
  }
  process.stdout.write(`${JSON.stringify(outcome)}\n`)
}
