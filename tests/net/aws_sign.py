"""Signature Version 4, written from its description: for a client and a server."""

import hashlib
import hmac
import urllib.parse


def encode(text, safe="-_.~"):
    return urllib.parse.quote(text, safe=safe)


def canonical_query(query):
    pairs = [p.partition("=")[::2] for p in query.split("&") if p and not p.startswith("X-Amz-Signature=")]
    return "&".join(f"{k}={v}" for k, v in sorted(
        (encode(urllib.parse.unquote(k)), encode(urllib.parse.unquote(v))) for k, v in pairs))


def signature(key, method, target, headers, names, date, scope, payload):
    """`headers`: a list of pairs. Services but S3 encode a path once more."""
    path, _, query = target.partition("?")
    if scope.split("/")[2] != "s3":
        path = encode(path, "/-_.~")
    lines = "".join(name + ":" + ",".join(" ".join(v.split()) for k, v in headers if k.lower() == name) + "\n"
                    for name in names.split(";"))
    request = "\n".join([method, path, canonical_query(query), lines, names, payload])
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(request.encode()).hexdigest()])
    derived = ("AWS4" + key).encode()
    for part in scope.split("/"):
        derived = hmac.new(derived, part.encode(), "sha256").digest()
    return hmac.new(derived, text.encode(), "sha256").hexdigest()


def verified(keys, method, target, headers, body):
    """The id whose key signed a request, or why not."""
    fields = {}
    for k, v in headers:
        if k.lower() in fields and k.lower() in ("authorization", "x-amz-date", "host"):
            return f"{k} twice"
        fields[k.lower()] = v
    query = dict(urllib.parse.parse_qsl(target.partition("?")[2], keep_blank_values=True))
    if "authorization" in fields:
        algorithm, _, rest = fields["authorization"].partition(" ")
        said = dict(part.strip().split("=", 1) for part in rest.split(","))
        date, credential, names, signed = (fields.get("x-amz-date"), said["Credential"], said["SignedHeaders"],
                                           said["Signature"])
        payload = fields.get("x-amz-content-sha256") or hashlib.sha256(body).hexdigest()
    elif "X-Amz-Signature" in query:
        algorithm, date, credential = query["X-Amz-Algorithm"], query["X-Amz-Date"], query["X-Amz-Credential"]
        names, signed = query["X-Amz-SignedHeaders"], query["X-Amz-Signature"]
        payload = fields.get("x-amz-content-sha256") or "UNSIGNED-PAYLOAD"
    else:
        return "unsigned"
    who, _, scope = credential.partition("/")
    if algorithm != "AWS4-HMAC-SHA256" or who not in keys:
        return f"not known: {algorithm} {who}"
    if len(payload) == 64 and payload != hashlib.sha256(body).hexdigest():
        return "another body"
    return who if signature(keys[who], method, target, headers, names, date, scope, payload) == signed else "wrong"
