"""A second implementation of the draw, "fairline draw 2": written from VECTORS.md, with Python's standard library alone.

Reads a JSON list of inputs ("given" in vectors.json) from standard input, and writes the list of results ("expected").
It does not verify signatures of drand, because the standard library cannot.
"""

import base64
import hashlib
import hmac
import json
import sys


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def canonical(value):
    """RFC 8785, for strings, whole numbers, booleans, null, lists and objects."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(canonical(name) + ":" + canonical(value[name]) for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(member) for member in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def root_of(leaf_hashes):
    """RFC 6962, section 2.1."""
    if not leaf_hashes:
        return sha256()
    if len(leaf_hashes) == 1:
        return leaf_hashes[0]
    split = 1
    while split * 2 < len(leaf_hashes):
        split *= 2
    return sha256(b"\x01", root_of(leaf_hashes[:split]), root_of(leaf_hashes[split:]))


def hkdf(material, salt, info, length):
    """RFC 5869."""
    key = mac(salt, material)
    okm, block, counter = b"", b"", 1
    while len(okm) < length:
        block = mac(key, block, info, bytes([counter]))
        okm += block
        counter += 1
    return okm[:length]


def announce(given):
    """The announcement of the randomness, the randomness itself, and its reveal."""
    source = given["randomness"]
    if source["source"] == "drand":
        announced = {name: source[name] for name in ("source", "chain_hash", "round")}
        revealed = {name: source[name] for name in ("round", "signature")}
        return announced, sha256(bytes.fromhex(source["signature"])), revealed
    campaign = given["campaign"].to_bytes(4, "big")
    secret = mac(source["draw_secret"].encode(), b"fairline draw secret 1", campaign, unb64(source["nonce"]))
    commitment = sha256(b"fairline commit 1", secret)
    return {"source": "commit", "commitment": b64(commitment)}, secret, {"secret": b64(secret)}


def who_of(given, user):
    campaign = given["campaign"].to_bytes(4, "big")
    salt = mac(given["salt_secret"].encode(), b"fairline salt 1", campaign, user.encode())[:16]
    return sha256(salt, user.encode())


def leaf_hash_of(given, entrant):
    head = bytes([1, 0]) + given["campaign"].to_bytes(4, "big") + entrant["stamp"].to_bytes(8, "big")
    return sha256(b"\x00", head, who_of(given, entrant["user"]))


def pool_leaf_hash_of(given, entrant, leaf_hash):
    group, reason = b"\x00", b"\x00"
    if "group" in entrant:
        campaign = given["campaign"].to_bytes(4, "big")
        group = b"\x01" + mac(given["salt_secret"].encode(), b"fairline group 1", campaign, entrant["group"].encode())
    if "excluded" in entrant:
        reason = b"\x01" + sha256(entrant["excluded"].encode())
    return sha256(b"\x00", leaf_hash, entrant.get("tickets", 1).to_bytes(2, "big"), group, reason)


def select(given, seed, leaf_hashes):
    """All drawn entrants, in order, as (key, entrant)."""
    keyed = []
    for entrant, leaf_hash in zip(given["entrants"], leaf_hashes):
        if "excluded" in entrant:
            continue
        tickets = range(entrant.get("tickets", 1))
        key = min(mac(seed, leaf_hash, ticket.to_bytes(4, "big")) for ticket in tickets)
        keyed.append((key, entrant["stamp"], entrant))
    keyed.sort(key=lambda each: each[:2])
    size = sum(tier["winners"] for tier in given["tiers"]) + given["alternates"]
    drawn, of_group = [], {}
    for key, _, entrant in keyed:
        if len(drawn) == size:
            break
        group = entrant.get("group")
        if group is not None and given["group_limit"] is not None:
            if of_group.get(group, 0) >= given["group_limit"]:
                continue
            of_group[group] = of_group.get(group, 0) + 1
        drawn.append((key, entrant))
    return drawn


def shown(given, key, entrant):
    person = {"key": b64(key), "stamp": entrant["stamp"], "who": b64(who_of(given, entrant["user"]))}
    if entrant.get("tickets", 1) > 1:
        person["tickets"] = entrant["tickets"]
    return person


def tier_of(given, serial):
    last = 0
    for tier, each in enumerate(given["tiers"]):
        last += each["winners"]
        if serial <= last:
            return tier
    raise ValueError(serial)


def draw(given):
    announced, randomness, revealed = announce(given)
    rules = {
        "campaign": given["campaign"],
        "closes_at_us": given["closes_at_us"],
        "draw": {
            "alternates": given["alternates"],
            "function": "fairline draw 2",
            "group_limit": given["group_limit"],
            "randomness": announced,
            "tiers": given["tiers"],
        },
        "kind": "raffle",
        "opens_at_us": given["opens_at_us"],
        "title": given["title"],
    }
    rules_hash = sha256(canonical(rules).encode())
    leaf_hashes = [leaf_hash_of(given, entrant) for entrant in given["entrants"]]
    pool_leaf_hashes = [
        pool_leaf_hash_of(given, entrant, leaf_hash)
        for entrant, leaf_hash in zip(given["entrants"], leaf_hashes)
    ]
    pool_root = root_of(pool_leaf_hashes)
    info = b"fairline seed 1" + pool_root + len(leaf_hashes).to_bytes(8, "big")
    seed = hkdf(randomness, rules_hash, info, 32)
    drawn = select(given, seed, leaf_hashes)
    winners = sum(tier["winners"] for tier in given["tiers"])
    proof = {
        "alternates": [
            {"alternate": number + 1, **shown(given, *each)} for number, each in enumerate(drawn[winners:])
        ],
        "campaign": given["campaign"],
        "pool_count": len(leaf_hashes),
        "pool_root": b64(pool_root),
        "proof": 1,
        "randomness": b64(randomness),
        "rules": rules,
        "rules_hash": b64(rules_hash),
        "seed": b64(seed),
        "source": revealed,
        "winners": [
            {"serial": number + 1, "tier": tier_of(given, number + 1), **shown(given, *each)}
            for number, each in enumerate(drawn[:winners])
        ],
    }
    return {
        "rules": canonical(rules),
        "rules_hash": b64(rules_hash),
        "leaf_hashes": [b64(leaf_hash) for leaf_hash in leaf_hashes],
        "pool_leaf_hashes": [b64(leaf_hash) for leaf_hash in pool_leaf_hashes],
        "pool_root": b64(pool_root),
        "randomness": b64(randomness),
        "seed": b64(seed),
        "winners": [entrant["user"] for _, entrant in drawn[:winners]],
        "alternates": [entrant["user"] for _, entrant in drawn[winners:]],
        "proof": canonical(proof),
    }


if __name__ == "__main__":
    sys.stdin.reconfigure(encoding="utf-8")
    sys.stdout.reconfigure(encoding="utf-8")
    json.dump([draw(given) for given in json.load(sys.stdin)], sys.stdout)
