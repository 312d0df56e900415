"""gkmail setup: from an empty machine to mail flowing, by a person, by a script, in pieces."""

import json
import re

from installed import installed, machine, needs_machine  # noqa: F401  (fixtures)

pytestmark = needs_machine

# The world: a name server that knows us and a domain whose host is here, without port 25; and systemd as far as it is asked.
WORLD = r"""
export GKMAIL_DNS_ZONES='example.org 127.0.0.1@5300,probe.test 127.0.0.1@5300,127.in-addr.arpa 127.0.0.1@5300'
export GKMAIL_DNS_INSECURE=example.org,probe.test,127.in-addr.arpa GKMAIL_REMOTE_PROBE_DOMAINS=probe.test GKMAIL_REMOTE_PORT=2599
known() {
	python3 $E2E/answers.py 5300 'mail.example.org A 127.0.0.1' '1.0.0.127.in-addr.arpa PTR mail.example.org' \
		'probe.test MX 10 mx.probe.test' 'mx.probe.test A 127.0.0.1' "$@" &
}
mkdir -p /run/systemd/system
cat >/usr/local/sbin/systemctl <<'END'
#!/bin/sh
echo "$*" >>/run/asked
[ "$1" != is-failed ] || exit 1
[ "$*" != "enable --now gkmail" ] || SYSTEMCTL_SKIP_REDIRECT=1 exec /etc/init.d/gkmail start
END
chmod 755 /usr/local/sbin/systemctl
person() { python3 $E2E/terminal.py gkmail setup "$@" || echo "exit $?"; }
"""


def test_by_a_person(machine):
    """Answers that will not do are asked for again; a closed port 25 leads to a smart host; the second run has nothing to do."""
    steps = machine(WORLD + r"""
known
step wrong
person <<'END'
Name of this server|nonsense
such as mail.example.org|mail.example.org
[example.org]|
First user|me@elsewhere.test
is not in the domain|me
postmaster and abuse lead to|
Certificate|/nonexistent/cert.pem
private key|/nonexistent/key.pem
No such file|^C
END
step password
person mail.example.org --domain example.org --user me --postmaster '' <<'END'
Certificate|
Make the system users|
Password for me@example.org|one long secret
Again|another secret
differ|^C
END
[ -e /etc/gkmail/gkmail.toml ] || echo nothing was written
step all
person <<'END'
Name of this server|mail.example.org
[example.org]|
First user|me
postmaster and abuse lead to|
Certificate|
Make the system users|
Password for me@example.org|a long secret
Again|a long secret
Smart host|smtp.example.net:
no smart host|smtp.example.net:2587
User name there|us
Password for us|their secret
Again|their secret
Start GK Mail now|
whether the DNS serves|y
Look now|n
END
step file
cat /etc/gkmail/gkmail.toml; stat -c '%a %U' /etc/gkmail/smart-host.password; cat /etc/gkmail/smart-host.password; echo
gkmail check; cat /run/asked
step mail
curl -sk imaps://localhost/INBOX -u me@example.org:'a long secret' -X 'FETCH 1 (BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT)])'
curl -sk 'imaps://localhost/INBOX;UID=1' -u me@example.org:'a long secret'
step again
sum=$(md5sum </etc/gkmail/gkmail.toml)
gkmail setup --yes
gkmail setup --yes --json
[ "$sum" = "$(md5sum </etc/gkmail/gkmail.toml)" ] && echo the same
step stop
kill -TERM $(pgrep -x gk-master); while pgrep -r R,S,D gk- >/dev/null; do sleep 0.05; done; echo it hears signals
""")
    assert '"nonsense" is no host name' in steps["wrong"] and "the first user me@elsewhere.test" in steps["wrong"]
    assert "open /nonexistent/cert.pem: No such file" in steps["wrong"] and "exit 130" in steps["wrong"]
    assert "the two passwords differ" in steps["password"] and "exit 130" in steps["password"]
    assert "nothing was written" in steps["password"]
    said = steps["all"]
    assert "exit" not in said.split("Records for")[0] and "secret" not in said
    for line in ("ok    ports       all that it listens on are free", "ok    name        mail.example.org is 127.0.0.1, this machine",
                 "ok    ptr         the name of 127.0.0.1 is mail.example.org",
                 "fail  outgoing    mail does not get out: mx.probe.test (127.0.0.1:2599)", "GK Mail runs, and will",
                 "A first mail went through it to me@example.org", "example.org. IN MX 10 mail.example.org.\n",
                 "_domainkey.example.org. IN TXT", "inwards: 25 587 465 143 993 443;", "missing: MX of example.org"):
        assert line in said, line
    for line in ('host = "smtp.example.net"', "port = 2587", 'tls = "required"', 'user = "us"', 'postmaster = "me@example.org"',
                 "600 root", "their secret", "is right", "enable --now gkmail"):
        assert line in steps["file"], line
    assert "GK Mail runs on mail.example.org" in steps["mail"]
    assert "it hears signals" in steps["stop"]
    assert "nothing is left to do" in steps["again"] and "the same" in steps["again"]
    last = json.loads(next(x for x in steps["again"].splitlines() if x.startswith("{")))
    assert last["running"] and last["made"] == []


def test_ctrl_c_anywhere(machine):
    """After each prompt somebody leaves; what is there is whole, and the last one goes on from there."""
    questions = ["Name of this server|mail.example.org", "[example.org]|", "First user|me", "postmaster and abuse|", "Certificate|",
                 "Make the system users|", "Password for me@example.org|a long secret", "Again|a long secret", "Smart host|",
                 "Start GK Mail now|no"]
    story = WORLD + "known\n"
    for i in range(len(questions)):
        lines = questions[:i] + [questions[i].split("|")[0] + "|^C"]
        if i == len(questions) - 1:  # the file and the user are there since the one before
            lines = ["Make the system users|", "Smart host|", "Start GK Mail now|^C"]
        story += (f"step {i}\nperson <<'END'\n" + "\n".join(lines) + "\nEND\n"
                  "[ ! -e /etc/gkmail/gkmail.toml ] || { gkmail check; gkmail config show server.host_name; }\n"
                  "while pgrep -r R,S,D gk- >/dev/null; do sleep 0.05; done; ls /etc/gkmail 2>&1 || :\n")
    story += r"""
step last
person <<'END'
Make the system users|
Smart host|
Start GK Mail now|
whether the DNS serves|
END
gkmail user list; gkmail dkim list
"""
    steps = machine(story)
    for i in range(len(questions)):
        assert "exit 130" in steps[str(i)], steps[str(i)]
        assert ("is right" in steps[str(i)]) == (i >= 8), steps[str(i)]
        assert "gkmail.toml.new" not in steps[str(i)]
    assert "was there already and stays" in steps["last"] and "exit" not in steps["last"].split("Records for")[0]
    assert "A first mail went through it to me@example.org" in steps["last"]
    assert len(re.findall(r"^me@example.org ", steps["last"], re.M)) == 1
    assert len(re.findall(r"^example.org .* active", steps["last"], re.M)) == 2


def test_by_a_script(machine):
    """Own certificate, a smart host, a port that is taken, a DNS that comes later; and each fault has its words."""
    steps = machine(WORLD + r"""
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out cert -subj /CN=mail.example.org \
	-addext subjectAltName=DNS:mail.example.org 2>/dev/null
openssl genpkey -algorithm ed25519 -out other
echo 'their secret' >theirs; chmod 600 theirs
try() { echo "-- $*"; gkmail setup "$@" 2>&1 <pw || echo "exit $?"; }
step faults
try --yes mail.example.org --user me --domain example.org --certificate $PWD/cert
try --yes mail.example.org --domain example.org --certificate $PWD/cert --key $PWD/other
try --yes mail.example.org --domain example.org --certificate cert --key key
try --yes mail.example.org --domain 'not a domain'
try --yes mail.example.org --domain example.org --user 'a b@example.org'
try --yes mail.example.org --domain example.org --smart-host 'a b'
try --yes mail.example.org --domain example.org --smart-user us
try --yes mail.example.org --domain example.org --wait-dns soon
try --yes
gkmail setup --yes mail.example.org --domain example.org --user me </dev/null 2>&1 || echo "exit $?"
setpriv --reuid=65534 --clear-groups gkmail setup mail.example.org </dev/null 2>&1 || echo "exit $?"
ls /etc/gkmail 2>&1 || :
step taken
python3 -c 'import socket, time; s = socket.create_server(("", 143)); open("bound", "w"); time.sleep(60)' & taken=$!
while [ ! -e bound ]; do sleep 0.05; done
known
try mail.example.org --yes --domain example.org --user me --certificate $PWD/cert --key $PWD/key --no-start \
	--smart-host smtp.example.net --smart-user 'EXAMPLE\us' --smart-password $PWD/theirs
kill $taken; wait $taken || true
step contradicted
try other.example.org --yes
try --yes --certificate $PWD/other --key $PWD/other
try --yes --smart-host elsewhere.example.net
step later
try --yes --wait-dns 1s
gkmail config show tls; gkmail config show route
step broken
sed -i 's/^host_name/hostname/' /etc/gkmail/gkmail.toml
try --yes
step force
try mail.example.org --yes --domain example.org --force --offline
ls /etc/gkmail; gkmail config show route; gkmail status >/dev/null && echo runs
""")
    faults = steps["faults"].split("-- ")[1:]
    for fault, said in zip(faults, [
            "--certificate and --key go together", "do not belong together", "cert: write the whole path", 'domain "not a domain"',
            'address "a b@example.org"', '"a b" is no smart host', "--smart-user and --smart-password go together",
            "--wait-dns takes a duration", "the host name is missing\n"]):
        assert said in fault and re.search(r"exit [12]\n", fault), fault
    assert "no password came" in faults[-1] and "run gkmail setup as root" in faults[-1] and "No such file" in faults[-1]
    assert "fail  ports       imap.listen: listen on *:143: Address already in use" in steps["taken"]
    assert "'sport = :143'" in steps["taken"] and "systemctl enable --now gkmail" in steps["taken"]
    assert "fail  outgoing    mail does not get out" in steps["taken"] or "could not be tried" in steps["taken"]
    contradicted = steps["contradicted"].split("-- ")[1:]
    assert all("is there already" in x or "has a [[route]] already" in x for x in contradicted), contradicted
    assert "exit 75" in steps["later"] and "missing: MX of example.org" in steps["later"]
    assert "A first mail went through it" in steps["later"] and 'host = "smtp.example.net"' in steps["later"]
    assert r'user = "EXAMPLE\\us"' in steps["later"], steps["later"]
    assert "did you mean host_name?" in steps["broken"] and "exit 1" in steps["broken"]
    assert "runs" in steps["force"] and re.search(r"gkmail.toml\.2", steps["force"]) and "smtp.example.net" not in steps["force"]
