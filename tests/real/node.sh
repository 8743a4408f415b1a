# Files, watches, children, workers and a server, as node's tools use them.
# shellcheck source=tests/real/both
. "$(dirname "$0")/both"
need node

both '
cat >work.mjs <<END
import fs from "node:fs"; import fsp from "node:fs/promises"; import http from "node:http"
import { execFileSync, spawn } from "node:child_process"; import { Worker } from "node:worker_threads"
fs.mkdirSync("a/b/c", { recursive: true }); fs.writeFileSync("a/b/c/f", "x")
await fsp.rename("a/b", "a/d"); await fsp.cp("a", "e", { recursive: true })
console.log(fs.readdirSync(".", { recursive: true }).sort().join(" "))
fs.symlinkSync("a/d/c/f", "link"); console.log(fs.readlinkSync("link"), fs.readFileSync("link", "utf8"))
const heard = new Promise(done => { const w = fs.watch("a", (kind, name) => { w.close(); done(name) }) })
fs.writeFileSync("a/new", ""); console.log("watched", await heard)
console.log(execFileSync("sh", ["-c", "echo \$0 \$1", "child", "one"]).toString())
const server = http.createServer((q, r) => r.end("mine")); await new Promise(d => server.listen(0, "127.0.0.1", d))
console.log(await (await fetch("http://127.0.0.1:" + server.address().port)).text()); server.closeAllConnections(); server.close()
console.log(await new Promise(d => new Worker("require(\"worker_threads\").parentPort.postMessage(7)", { eval: true }).on("message", d)))
fs.rmSync("a", { recursive: true }); fs.rmSync("e", { recursive: true })
END
node work.mjs
if command -v npm >/dev/null && npm --version >/dev/null 2>&1; then
	# Packed, installed from the disk, built by a script, tested.
	mkdir -p lib app && echo "module.exports = () => 42" >lib/index.js
	printf "{\"name\":\"lib\",\"version\":\"1.0.0\",\"bin\":{\"lib\":\"./index.js\"}}" >lib/package.json
	(cd lib && npm pack --silent --offline)
	printf "{\"name\":\"app\",\"version\":\"1.0.0\",\"scripts\":{\"build\":\"echo built >built\",\"test\":\"node --test --test-reporter=tap | grep -E \\\"^# (pass|fail)\\\"\"}}" >app/package.json
	printf "require(\"node:test\")(\"lib\", () => require(\"node:assert\").equal(require(\"lib\")(), 42))" >app/app.test.js
	cd app && npm install --silent --offline --no-audit --no-fund ../lib/lib-1.0.0.tgz && ls node_modules && npm run --silent build && cat built && npm test --silent
	cd .. && rm -rf app lib "$HOME/.npm"
fi
'
