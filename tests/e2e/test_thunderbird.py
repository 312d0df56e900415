"""Debian's Thunderbird, without a screen, told by Marionette what a person would click: it sets an account up, reads and sends."""

import base64
import contextlib
import json
import re
import shutil
import socket
import subprocess
import os

import pytest
from conftest import wait_for

START = 60

ACCOUNT = """
const [u, ports, ca, done] = arguments;
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB).addCertFromBase64(ca, "C,,");
const server = MailServices.accounts.createIncomingServer(u.address, "localhost", "imap");
server.port = ports.imaps;
server.socketType = Ci.nsMsgSocketType.SSL;
server.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
const out = MailServices.outgoingServer.createServer("smtp");
const smtp = out.QueryInterface(Ci.nsISmtpServer);
smtp.hostname = "localhost";
smtp.port = ports.submissions;
out.socketType = Ci.nsMsgSocketType.SSL;
out.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
out.username = u.address;
const identity = MailServices.accounts.createIdentity();
identity.email = u.address;
identity.fullName = "Alice";
identity.smtpServerKey = out.key;
const account = MailServices.accounts.createAccount();
account.addIdentity(identity);
account.incomingServer = server;
MailServices.accounts.defaultAccount = account;
Promise.all(["imap://localhost", "smtp://localhost"].map(at => {
	const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
	login.init(at, null, at, u.address, u.password, "", "");
	return Services.logins.addLoginAsync(login);
})).then(() => done(account.key));
"""

INBOX = """
const done = arguments[arguments.length - 1];
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const root = MailServices.accounts.defaultAccount.incomingServer.rootFolder;
const inbox = root.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
const flag = f => root.getFolderWithFlags(Ci.nsMsgFolderFlags[f])?.name ?? null;
if (inbox) inbox.getNewMessages(null, null); else root.server.performExpand(null);
done({
	subjects: inbox ? [...inbox.messages].map(m => m.mime2DecodedSubject) : [],
	roles: ["Inbox", "SentMail", "Drafts", "Trash", "Junk", "Archive"].map(flag),
	folders: root.descendants.map(f => f.name),
});
"""

SEND = """
const [to, text, done] = arguments;
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const account = MailServices.accounts.defaultAccount;
const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
fields.from = account.defaultIdentity.email;
fields.to = to;
fields.subject = "sent by Thunderbird";
fields.body = text;
fields.forcePlainText = true;
const params = Cc["@mozilla.org/messengercompose/composeparams;1"].createInstance(Ci.nsIMsgComposeParams);
const send = Cc["@mozilla.org/messengercompose/send;1"].createInstance(Ci.nsIMsgSend);
const listener = {
	QueryInterface: ChromeUtils.generateQI(["nsIMsgSendListener"]),
	onStartSending() {}, onProgress() {}, onStatus() {}, onGetDraftFolderURI() {}, onSendNotPerformed() {},
	onTransportSecurityError(id, status) { done("TLS " + status); },
	onStopSending(id, status) { done(status); },
};
send.createAndSendMessage(null, account.defaultIdentity, account.key, fields, false, false, Ci.nsIMsgSend.nsMsgDeliverNow, null,
	"text/plain", text, null, null, listener, null, null, Ci.nsIMsgCompType.New);
"""


class Marionette:
    """The protocol by which Firefox and Thunderbird are driven: length, colon, JSON."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.number = 0
        self.read()
        self.ask("WebDriver:NewSession", {})
        self.ask("Marionette:SetContext", {"value": "chrome"})

    def read(self):
        head = b""
        while not head.endswith(b":"):
            head += self.socket.recv(1)
        left, body = int(head[:-1]), b""
        while len(body) < left:
            body += self.socket.recv(left - len(body))
        return json.loads(body)

    def ask(self, name, parameters):
        self.number += 1
        text = json.dumps([0, self.number, name, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(text), text))
        _, _, error, result = self.read()
        assert error is None, (error["error"], error["message"], error.get("stacktrace"))
        return result

    def run(self, script, *arguments):
        return self.ask("WebDriver:ExecuteAsyncScript", {"script": script, "args": list(arguments), "newSandbox": True,
                                                         "sandbox": "system", "scriptTimeout": 40000})["value"]


@pytest.fixture
def thunderbird(tmp_path):
    if not shutil.which("thunderbird"):
        pytest.skip("thunderbird is not installed")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    profile = tmp_path / "profile"
    profile.mkdir()
    prefs = {"marionette.port": port, "app.update.enabled": False, "mailnews.start_page.enabled": False, "mail.rights.version": 1,
             "datareporting.policy.dataSubmissionEnabled": False, "toolkit.telemetry.enabled": False, "mail.spotlight.firstRunDone": True,
             "mail.provider.suppress_dialog_on_startup": True, "app.donation.eoy.version.viewed": 999, "network.dns.disablePrefetch": True,
             "mail.shell.checkDefaultClient": False, "mailnews.database.global.indexer.enabled": False}
    (profile / "user.js").write_text("".join(f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in prefs.items()))
    child = subprocess.Popen(["thunderbird", "--headless", "--marionette", "--remote-allow-system-access", "--no-remote",
                              "--profile", str(profile)], env=dict(os.environ, HOME=str(tmp_path)), stdin=subprocess.DEVNULL,
                             stdout=open(tmp_path / "out", "wb"), stderr=subprocess.STDOUT)

    def answers():
        assert child.poll() is None, (tmp_path / "out").read_text(errors="replace")
        with contextlib.suppress(OSError):
            return Marionette(port)

    try:
        yield wait_for(answers, START, "Thunderbird")
    finally:
        child.kill()
        child.wait()


def test_an_account(suite, thunderbird):
    u = suite.user("alice")
    suite.send("bob", ["alice"], subject="for Thunderbird")
    wait_for(lambda: suite.inbox("alice"))
    ca = "".join(re.findall(r"^[A-Za-z0-9+/=]+$", open(suite.info["ca"]).read(), re.M))
    assert base64.b64decode(ca)
    thunderbird.run(ACCOUNT, {"address": u["address"], "password": u["password"]}, suite.info["ports"], ca)
    wait_for(lambda: "for Thunderbird" in thunderbird.run(INBOX)["subjects"], what="the message")
    seen = thunderbird.run(INBOX)
    assert {"Inbox", "Drafts", "Sent", "Archive", "Junk", "Trash"} <= {f.title() for f in seen["folders"]}, seen
    assert seen["roles"][1:] == ["Sent", "Drafts", "Trash", "Junk", "Archive"], seen  # by special-use (RFC 6154)
    assert thunderbird.run(SEND, suite.user("bob")["address"], "from Thunderbird\n") == 0
    wait_for(lambda: any(b"sent by Thunderbird" in m for m in suite.inbox("bob")))
    with suite.imap("alice") as c:
        c.select("Sent", readonly=True)
        wait_for(lambda: c.noop() and c.search(None, "SUBJECT", '"sent by Thunderbird"')[1] != [b""], what="the copy in Sent")
