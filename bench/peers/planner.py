"""A planner without a language model, behind OpenAI's protocol: takes the categories, the year and the popularity that a simulated
person has named out of InteRecAgent's prompt and writes the plan that follows from them. For bench/accuracy/interecagent.sh."""
import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def plan(prompt):
    said = [json.loads('"%s"' % t) for t in re.findall(r'(?:The person said|Now the person says): "((?:[^"\\]|\\.)*)"', prompt)]
    where, by = [], "preference"
    for text in said:
        kinds = re.search(r"one of the [a-z]+: (.*)\.$", text)
        year = re.search(r"from (\d{4})\.", text)
        if kinds:
            where += ["categories LIKE '%%%s%%'" % k.replace("'", "''") for k in kinds.group(1).split(", ")]
        if year:
            where.append("year = " + year.group(1))
        if "many know" in text:
            where.append("popularity > 50")
        if "few know" in text:
            where.append("popularity <= 50")
    steps = [{"tool": "hard_filter", "input": " AND ".join(where)}] if where else []
    return steps + [{"tool": "rank", "input": {"by": by, "prefer": [], "unwanted": []}}, {"tool": "map", "input": 5}]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = body["messages"][-1]["content"]
        found = re.search(r"They found, best first: (\[.*\])", text)
        if "Does this answer what was asked for?" in text:
            answer = '{"ok": true}'
        elif found:
            answer = "How about " + ", ".join(json.loads(found.group(1))) + "?"
        else:
            answer = json.dumps(plan(text))
        reply = json.dumps({"choices": [{"message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}],
                            "usage": {"prompt_tokens": len(text) // 4, "completion_tokens": len(answer) // 4}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *args):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
