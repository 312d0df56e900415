"""A JMAP client that keeps a copy of everything and follows it: /changes in steps of any size (RFC 8620 5.2) and
/queryChanges (5.6). What it keeps must be what the server has, whenever sync() is through."""

SHOWN = {"Mailbox": None, "Email": ["mailboxIds", "keywords", "threadId"], "Thread": None}
INBOX = object()  # its id, in a query

QUERIES = [
    {}, {"filter": {"inMailbox": INBOX}}, {"filter": {"notKeyword": "$seen"}}, {"collapseThreads": True},
    {"sort": [{"property": "subject"}, {"property": "receivedAt"}]},
    {"filter": {"operator": "NOT", "conditions": [{"inMailbox": INBOX}, {"hasKeyword": "$flagged"}]},
     "sort": [{"property": "size", "isAscending": False}]},
    {"filter": {"someInThreadHaveKeyword": "$flagged"}, "collapseThreads": True,
     "sort": [{"property": "allInThreadHaveKeyword", "keyword": "$seen"}, {"property": "receivedAt"}]},
]


class Follower:
    def __init__(self, client, rng):
        self.client, self.random = client, rng
        self.queries = [{k: {"inMailbox": client.boxes["inbox"]} if v == {"inMailbox": INBOX} else v
                         for k, v in q.items()} for q in QUERIES]
        for q in self.queries:
            for c in q.get("filter", {}).get("conditions", []):
                if c.get("inMailbox") is INBOX:
                    c["inMailbox"] = client.boxes["inbox"]
        self.kept, self.state = {}, {}
        for kind in SHOWN:
            self.kept[kind], self.state[kind] = self.whole(kind)
        self.found = [self.ask(q) for q in self.queries]

    # ---- asked anew ----

    def get(self, kind, ids, properties):
        out = {}
        for i in range(0, max(len(ids), 1), 400):
            result = self.client.call(f"{kind}/get", ids=ids[i:i + 400], properties=properties)
            assert result["notFound"] == [], (kind, result)
            out |= {o["id"]: o for o in result["list"]}
        return out, result["state"]

    def whole(self, kind):
        if kind == "Mailbox":
            result = self.client.call("Mailbox/get", ids=None)
            return {o["id"]: o for o in result["list"]}, result["state"]
        emails, state = self.get("Email", self.client.call("Email/query")["ids"], SHOWN["Email"])
        if kind == "Email":
            return emails, state
        return self.get("Thread", sorted({e["threadId"] for e in emails.values()}), None)

    def ask(self, query):
        result = self.client.call("Email/query", calculateTotal=True, **query)
        assert result["canCalculateChanges"] and result["total"] == len(result["ids"])
        return {"ids": result["ids"], "state": result["queryState"]}

    # ---- followed ----

    def follow(self, kind):
        kept, touched, only, steps = self.kept[kind], set(), set(), 0
        while True:
            most = self.random.choice([None, None, 1, 3, 10])
            (name, result, _), = self.client.calls((f"{kind}/changes", {
                "sinceState": self.state[kind], "maxChanges": most}))
            if name == "error" and most is not None:
                # One change may be about more than is asked for (RFC 8620 5.2).
                assert result["type"] == "cannotCalculateChanges", result
                name, result = f"{kind}/changes", self.client.call(f"{kind}/changes", sinceState=self.state[kind])
                most = None
            assert name == f"{kind}/changes", result
            assert result["oldState"] == self.state[kind]
            created, updated, destroyed = (set(result[k]) for k in ("created", "updated", "destroyed"))
            assert len(created | updated | destroyed) == sum(map(len, (created, updated, destroyed)))
            assert most is None or len(created | updated | destroyed) <= most
            assert not created & kept.keys() and updated <= kept.keys() | touched, (kind, result)
            for gone in destroyed:
                kept.pop(gone, None)
            touched = (touched | created | updated) - destroyed
            only.add(tuple(result.get("updatedProperties") or ()) if updated and not created else ())
            assert self.state[kind] != result["newState"] or not result["hasMoreChanges"]
            self.state[kind] = result["newState"]
            steps += 1
            if not result["hasMoreChanges"]:
                break
            kept |= dict.fromkeys(created)
        counts = list(only.pop()) if len(only) == 1 else None
        got, _ = self.get(kind, sorted(touched), counts or SHOWN[kind])
        for i, o in got.items():
            kept[i] = (kept.get(i) or {}) | o
        return steps

    def follow_query(self, query, found):
        result = self.client.call("Email/queryChanges", sinceQueryState=found["state"], calculateTotal=True, **query)
        gone = set(result["removed"])
        ids = [i for i in found["ids"] if i not in gone]
        for a in result["added"]:
            assert a["id"] not in ids and a["index"] <= len(ids), (query, result)
            ids.insert(a["index"], a["id"])
        assert len(ids) == result["total"]
        return {"ids": ids, "state": result["newQueryState"]}

    def sync(self):
        for kind in SHOWN:
            self.follow(kind)
        self.found = [self.follow_query(q, f) for q, f in zip(self.queries, self.found, strict=True)]

    def check(self):
        for kind in SHOWN:
            whole, state = self.whole(kind)
            assert self.kept[kind] == whole, kind
        for query, found in zip(self.queries, self.found, strict=True):
            assert found["ids"] == self.ask(query)["ids"], query
