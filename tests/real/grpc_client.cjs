// Makes calls of every kind by @grpc/grpc-js, and prints how they go: grpc_client.cjs HOST:PORT
const grpc = require("@grpc/grpc-js")
const key = "Bearer " + process.env.API_KEY
console.error("the key:", key)
const client = new grpc.Client(process.argv[2], grpc.credentials.createSsl())
const same = bytes => bytes
const meta = () => {
	const metadata = new grpc.Metadata()
	metadata.set("authorization", key)
	return metadata
}
const told = metadata => Object.entries(metadata?.getMap() ?? {}).filter(([name]) => name.startsWith("x-"))
	.map(([name, value]) => `${name}=${value === key ? "mine" : value.toString("hex")}`).sort().join(" ")
const ended = call => new Promise(done => call.on("status", done))
const how = status => `${grpc.status[status.code]} ${JSON.stringify(status.details)} ${told(status.metadata)}`

const unary = (name, request, more = {}) => new Promise(done => {
	let head
	const call = client.makeUnaryRequest("/t.T/" + name, same, same, Buffer.from(request), meta(), more,
		(error, answer) => ended(call).then(status => done([answer, status, head])))
	call.on("metadata", metadata => head = metadata)
})
const gather = async call => {
	const got = [], status = ended(call)
	call.on("data", part => got.push(part))
	call.on("error", () => {})
	return [got, await status]
}
const sending = (name, parts, after) => new Promise(done => {
	const call = client.makeClientStreamRequest("/t.T/" + name, same, same, meta(), (error, answer) => {
		over = true
		done([answer, status])
	})
	const status = ended(call)
	let over = false
	const next = () => {
		while (!over) {
			const {value, done} = parts.next()
			if (done) return call.end()
			if (!call.write(value)) return call.once("drain", next)
		}
	}
	next()
})

async function main() {
	let [answer, status, head] = await unary("echo", "hello")
	console.log("unary", String(answer), how(status), told(head))
	;[answer] = await unary("key_back", "")
	console.log("the key in a message", String(answer) === key)
	;[answer, status] = await unary("echo", "z".repeat(3000000))
	console.log("a long one", answer.length, how(status))
	let got
	;[got, status] = await gather(client.makeServerStreamRequest("/t.T/count", same, same, Buffer.from("50"), meta()))
	console.log("server streaming", got.map(part => part.length).join(), how(status))
	;[answer, status] = await sending("add", Array.from({length: 50}, (_, i) => Buffer.alloc(i * 1009 % 50000))[Symbol.iterator]())
	console.log("client streaming", String(answer), how(await status))
	const talk = client.makeBidiStreamRequest("/t.T/talk", same, same, meta())
	let count = 0
	talk.on("data", () => ++count < 30 ? talk.write(Buffer.from("word")) : talk.end())
	talk.write(Buffer.from("word"))
	;[got, status] = await gather(talk)
	console.log("both ways", got.length, String(got[29]), how(status))
	const all = await Promise.all(Array.from({length: 120}, (_, i) => unary("echo", String(i))))
	console.log("many at once", all.every(([answer], i) => String(answer) === String(i)))
	for (const name of ["fail", "fail_at_once", "no_such_call"])
		console.log(name, how((await unary(name, "why"))[1]))
	;[got, status] = await gather(client.makeServerStreamRequest("/t.T/fail_amidst", same, same, Buffer.from(""), meta()))
	console.log("amidst", got.length, how(status))
	const more = function* () { for (;;) yield Buffer.alloc(10000) }
	;[answer, status] = await sending("enough", more())
	console.log("while it sends", how(await status))
	const going = client.makeServerStreamRequest("/t.T/forever", same, same, Buffer.from(""), meta())
	going.once("data", () => going.cancel())
	;[got, status] = await gather(going)
	console.log("one that is given up", how(status))
	console.log("the server knows", String((await unary("was_told", ""))[0]))
	;[got, status] = await gather(client.makeServerStreamRequest("/t.T/forever", same, same, Buffer.from(""), meta(),
		{deadline: Date.now() + 5000}))
	console.log("a deadline", got.length, grpc.status[status.code])
	console.log("the server knows", String((await unary("was_told", ""))[0]))
	console.log("after all that", String((await unary("echo", "hello"))[0]))
	client.close()
}
main()
