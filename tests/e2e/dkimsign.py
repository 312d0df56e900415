"""DKIM signatures made with openssl alone (RFC 6376, relaxed/relaxed, rsa-sha256): what is verified comes from elsewhere."""

import base64
import hashlib
import re
import subprocess


class Key:
    def __init__(self, directory, domain, selector):
        self.domain, self.selector = domain, selector
        self.pem = directory / f"{selector}.{domain}.pem"
        subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out",
                        self.pem], check=True)
        der = subprocess.run(["openssl", "pkey", "-in", self.pem, "-pubout", "-outform", "DER"], check=True,
                             capture_output=True).stdout
        self.record = "v=DKIM1; k=rsa; p=" + base64.b64encode(der).decode()

    def zone_line(self):
        strings = " ".join(f'"{self.record[i:i + 200]}"' for i in range(0, len(self.record), 200))
        return f"{self.selector}._domainkey 300 IN TXT {strings}"

    def sign(self, message, fields=("from", "subject", "to")):
        """The message (octets, CRLF) with a signature on top."""
        header, _, body = message.partition(b"\r\n\r\n")
        values = {}
        for field in re.split(rb"\r\n(?![ \t])", header):
            name, _, value = field.partition(b":")
            values[name.strip().lower().decode()] = value

        def relaxed(name, value):
            return name.encode() + b":" + re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip()

        lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
        while lines and not lines[-1]:
            lines.pop()
        digest = hashlib.sha256(b"".join(line + b"\r\n" for line in lines)).digest()
        tags = (f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={self.domain}; s={self.selector};\r\n\th={':'.join(fields)};\r\n"
                f"\tbh={base64.b64encode(digest).decode()};\r\n\tb=").encode()
        data = b"".join(relaxed(f, values[f]) + b"\r\n" for f in fields) + relaxed("dkim-signature", tags)
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.pem], input=data, check=True,
                                   capture_output=True).stdout
        return b"DKIM-Signature: " + tags + base64.b64encode(signature) + b"\r\n" + message
