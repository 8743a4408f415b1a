"""A model that follows a script, for the tests of real agents.

    model.py STEPS HEARD

Speaks as much of Anthropic's Messages API and OpenAI's Responses API, on
loopback, as their agents need: each request is answered with the next step of
STEPS, a JSON list of {"name": TOOL, "input": {…}}, until there is none, then
with a last word. "{home}" and "{project}" in an input are replaced by $HOME_DIR
and $PROJECT_DIR. The port is printed when it listens, and what the agent said is
written, one request a line, to HEARD: path, body, and the key in its head. It ends when its standard input does.
"""

import http.server
import json
import os
import re
import sys
import threading

STEPS = json.load(open(sys.argv[1], encoding="utf-8"))
HEARD = open(sys.argv[2], "a", encoding="utf-8")
LAST_WORD = "All steps are done."


def step(number):
    """The step of that number as (id, name, input), or None after the last."""
    if number >= len(STEPS):
        return None
    text = json.dumps(STEPS[number]["input"])
    text = text.replace("{home}", os.environ["HOME_DIR"])
    text = text.replace("{project}", os.environ["PROJECT_DIR"])
    return "step_%d" % number, STEPS[number]["name"], json.loads(text)


def next_number(conversation):
    """One more than the highest step whose result is in the conversation."""
    done = re.findall(r'"(?:tool_use_id|call_id)": "step_(\d+)"', conversation)
    return max(map(int, done)) + 1 if done else 0


def message(body):
    """An answer of the Messages API: the whole, and as events."""
    found = None
    if body.get("tools"):
        found = step(next_number(json.dumps(body["messages"])))
    if found:
        block = {"type": "tool_use", "id": found[0], "name": found[1], "input": found[2]}
        start = dict(block, input={})
        delta = {"type": "input_json_delta", "partial_json": json.dumps(found[2])}
    else:
        block = {"type": "text", "text": LAST_WORD}
        start = {"type": "text", "text": ""}
        delta = {"type": "text_delta", "text": LAST_WORD}
    reason = "tool_use" if found else "end_turn"
    usage = {"input_tokens": 1, "output_tokens": 1}
    whole = {"id": "msg", "type": "message", "role": "assistant", "model": body["model"],
             "content": [block], "stop_reason": reason, "stop_sequence": None, "usage": usage}
    events = [
        ("message_start", {"message": dict(whole, content=[], stop_reason=None)}),
        ("content_block_start", {"index": 0, "content_block": start}),
        ("content_block_delta", {"index": 0, "delta": delta}),
        ("content_block_stop", {"index": 0}),
        ("message_delta", {"delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}),
        ("message_stop", {}),
    ]
    return whole, events


def response(body):
    """An answer of the Responses API: the whole, and as events."""
    found = step(next_number(json.dumps(body["input"])))
    if found:
        item = {"type": "function_call", "id": "item_" + found[0], "call_id": found[0],
                "status": "completed", "name": found[1], "arguments": json.dumps(found[2])}
    else:
        item = {"type": "message", "id": "item_last", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": LAST_WORD, "annotations": []}]}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2,
             "input_tokens_details": {"cached_tokens": 0},
             "output_tokens_details": {"reasoning_tokens": 0}}
    begun = {"id": "response", "object": "response", "status": "in_progress", "output": []}
    whole = dict(begun, status="completed", output=[item], usage=usage)
    events = [
        ("response.created", {"response": begun}),
        ("response.output_item.added", {"output_index": 0, "item": item}),
        ("response.output_item.done", {"output_index": 0, "item": item}),
        ("response.completed", {"response": whole}),
    ]
    return whole, events


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, kind, content):
        data = content.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        path = self.path.split("?")[0]
        HEARD.write(json.dumps([path, raw, self.headers.get("x-api-key")]) + "\n")
        HEARD.flush()
        if path.endswith("/messages"):
            whole, events = message(json.loads(raw))
        elif path.endswith("/responses"):
            whole, events = response(json.loads(raw))
        else:
            self.send(200, "application/json", '{"input_tokens": 1}')
            return
        if not json.loads(raw).get("stream"):
            self.send(200, "application/json", json.dumps(whole))
            return
        self.send(200, "text/event-stream", "".join(
            "event: %s\ndata: %s\n\n" % (kind, json.dumps(dict(content, type=kind)))
            for kind, content in events))

    def do_GET(self):
        self.send(200, "application/json", '{"data": [], "has_more": false}')

    do_HEAD = do_GET


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
