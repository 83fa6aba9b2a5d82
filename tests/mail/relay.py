"""A relay for the tests: says on which port it listens, then one line of JSON for every mail that it takes.

It ends when its input ends. What it does beside taking mail is said by its arguments.
"""

import argparse
import asyncio
import email
import email.policy
import json
import logging
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


def say(line):
    print(line, flush=True)


class Handler:
    def __init__(self, arguments):
        self.arguments = arguments
        self.busy = arguments.busy

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.arguments.refuse:
            return "550 5.1.1 there is no such administrator"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        if self.arguments.never:
            return "554 5.7.1 this is spam"
        if self.busy > 0:
            self.busy -= 1
            say("busy")
            return "451 4.3.0 come back later"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        say(json.dumps({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "encrypted": session.ssl is not None or self.arguments.smtps,
            "login": session.auth_data.decode() if session.authenticated else None,
            "hello": session.host_name,
            "headers": {name: str(value) for name, value in message.items()},
            "names": [name for name, _ in message.items()],
            "body": message.get_content(),
            "defects": [repr(defect) for defect in message.defects],
            "longest": max(len(line) for line in envelope.content.split(b"\r\n")),
            "bare": b"\n" in envelope.content.replace(b"\r\n", b""),
        }))
        if self.arguments.die:
            # The mail is taken, and nobody learns it.
            os._exit(0)
        return "250 2.0.0 taken"


def authenticate(arguments):
    def check(server, session, envelope, mechanism, data):
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        good = f"{data.login.decode()}:{data.password.decode()}" == arguments.login
        return AuthResult(success=good, handled=False, auth_data=data.login)

    return check


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--smtps", action="store_true")
    parser.add_argument("--login", help="NAME:PASSWORD, which is asked for")
    parser.add_argument("--only", help="the one way to log in that is offered")
    parser.add_argument("--refuse", action="append", default=[], help="a recipient")
    parser.add_argument("--busy", type=int, default=0, help="so many mails are not taken at once")
    parser.add_argument("--never", action="store_true", help="no mail is ever taken")
    parser.add_argument("--die", action="store_true", help="dies between the mail and the answer")
    arguments = parser.parse_args()

    context = None
    if arguments.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.certificate, arguments.key)
    starttls = context is not None and not arguments.smtps
    without = {"PLAIN", "LOGIN"} - {arguments.only} if arguments.only else None
    handler = Handler(arguments)

    def protocol():
        return SMTP(
            handler,
            hostname="relay.test",
            tls_context=context if starttls else None,
            require_starttls=starttls,
            auth_required=arguments.login is not None,
            auth_require_tls=starttls,
            auth_exclude_mechanism=without,
            authenticator=authenticate(arguments),
            enable_SMTPUTF8=True,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        protocol, "127.0.0.1", arguments.port, ssl=context if arguments.smtps else None
    )
    say(f"port {server.sockets[0].getsockname()[1]}")
    await loop.run_in_executor(None, sys.stdin.read)


logging.disable()
asyncio.run(main())
