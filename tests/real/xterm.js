// xterm.js without a page: what xterm.py writes to it, and what it then shows.
//
//	node xterm.js MODULE COLUMNS ROWS
//
// Reads {"write": BASE64} and {"dump": true} on lines; prints {"data": BASE64} for
// what the terminal answers, {"dump": …} with every cell, the cursor and the modes.
'use strict'
const { Terminal } = require(process.argv[2])
const columns = Number(process.argv[3]), rows = Number(process.argv[4])
const terminal = new Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 0 })
const say = (object) => process.stdout.write(JSON.stringify(object) + '\n')
const bytes = (text) => Buffer.from(text, 'binary').toString('base64')

terminal.onData((text) => say({ data: Buffer.from(text, 'utf8').toString('base64') }))
terminal.onBinary((text) => say({ data: bytes(text) }))

function cell (c) {
  const look = [c.getFgColorMode(), c.getFgColor(), c.getBgColorMode(), c.getBgColor(),
    c.isBold(), c.isDim(), c.isItalic(), c.isUnderline(), c.isInverse(), c.isInvisible()]
  return [c.getChars() || ' ', look.map(Number).join(',')]
}

function dump () {
  const buffer = terminal.buffer.active, cells = []
  for (let y = 0; y < rows; y++) {
    const line = buffer.getLine(buffer.viewportY + y), row = []
    for (let x = 0; x < columns; x++) row.push(cell(line.getCell(x)))
    cells.push(row)
  }
  say({ dump: { cells, cursor: [buffer.cursorX, buffer.cursorY], screen: buffer.type, modes: terminal.modes } })
}

let rest = ''
process.stdin.on('data', (chunk) => {
  const lines = (rest + chunk).split('\n')
  rest = lines.pop()
  for (const line of lines) {
    const said = JSON.parse(line)
    // What was written before is shown by then.
    if (said.dump) terminal.write('', dump)
    else terminal.write(Buffer.from(said.write, 'base64'))
  }
})
process.stdin.on('end', () => process.exit(0))
