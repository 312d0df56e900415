"""An IMAP server by script, on a port of this machine: what it has is a dictionary, how it misbehaves is up to a test."""

import re
import socketserver
import threading


class Host:
    """boxes: name -> (attributes, {uid: (flags, octets)}). `answer(command, words, say)` may answer in its place: True says
    that it did. say(bytes) writes a line."""

    def __init__(self, boxes, answer=None, capability="IMAP4rev1 AUTH=PLAIN", separator="/", greeting="* OK hello", subscribed=None):
        self.boxes, self.answer, self.capability, self.separator, self.greeting = boxes, answer, capability, separator, greeting
        self.subscribed, self.validity, self.said, self.fetched = subscribed or [], 17, [], []
        host = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                try:
                    Session(host, self.rfile, self.wfile).run()
                except (OSError, ConnectionError):
                    pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = allow_reuse_address = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.at = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Session:
    def __init__(self, host, rfile, wfile):
        self.host, self.rfile, self.wfile, self.box = host, rfile, wfile, None

    def say(self, line):
        self.wfile.write((line if isinstance(line, bytes) else line.encode()) + b"\r\n")
        self.wfile.flush()

    def run(self):
        h = self.host
        self.say(h.greeting)
        while line := self.rfile.readline():
            tag, _, rest = line.decode().strip().partition(" ")
            h.said.append(rest)
            command = rest.split(" ")[0].upper()
            if h.answer and h.answer(rest, tag, self.say):
                continue
            done = "OK done"
            if command == "CAPABILITY":
                self.say(f"* CAPABILITY {h.capability}")
            elif command == "AUTHENTICATE":
                self.say("+ ")
                self.rfile.readline()
            elif command in ("LIST", "LSUB"):
                for name, (attributes, _) in h.boxes.items():
                    if command == "LIST" or name in h.subscribed:
                        self.say(f'* {command} ({attributes}) "{h.separator}" "{name}"')
            elif command == "STATUS":
                name = re.search(r'"(.*)"', rest)[1]
                self.say(f'* STATUS "{name}" (MESSAGES {len(h.boxes[name][1])})')
            elif command == "EXAMINE":
                self.box = h.boxes[re.search(r'"(.*)"', rest)[1]][1]
                self.say(f"* {len(self.box)} EXISTS")
                self.say(f"* OK [UIDVALIDITY {h.validity}] UIDs")
            elif rest.startswith("UID FETCH 1:*"):
                for n, (uid, (_, octets)) in enumerate(self.box.items()):
                    self.say(f"* {n + 1} FETCH (UID {uid} RFC822.SIZE {len(octets)})")
            elif rest.startswith("UID FETCH"):
                for n, uid in enumerate(map(int, rest.split(" ")[2].split(","))):
                    flags, octets = self.box[uid]
                    h.fetched.append(uid)
                    self.say(f'* {n + 1} FETCH (UID {uid} FLAGS ({flags}) INTERNALDATE "14-Nov-2023 23:13:20 +0100" '
                             f"BODY[] {{{len(octets)}}}\r\n".encode() + octets + b")")
            else:
                done = "BAD what?"
            self.say(f"{tag} {done}")
