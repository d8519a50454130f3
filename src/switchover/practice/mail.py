"""One scripted server for every mail protocol: it reads a line, looks it up, answers."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from switchover.practice.faults import Fault
from switchover.practice.mail_dialects import (
    DIALECTS,
    Answer,
    Command,
    Then,
    login_credentials,
    parse_command,
    plain_credentials,
)
from switchover.practice.workloads import Protocol

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from switchover.practice.connection import Connection
    from switchover.practice.running import RunningServer

_LONGEST_MESSAGE_BYTES = 100 * 1024 * 1024


class MailSession:
    """One client's conversation with one mail port."""

    def __init__(
        self,
        connection: Connection,
        running: RunningServer,
        *,
        workload: str,
        protocol: Protocol,
        context: Callable[[], ssl.SSLContext],
    ) -> None:
        """Take the connection; ``context`` gives the TLS context should the client ask for it."""
        self._connection = connection
        self._running = running
        self._workload = workload
        self._protocol = protocol
        self._dialect = DIALECTS[protocol]
        self._tally = running.tallies[workload]
        self._context = context
        self._user = ""
        self._recipients = 0
        self._commands = 0
        self._is_use = False

    async def run(self) -> None:
        """Greet, answer until the client is done, count.

        Raises:
            OSError, EOFError, LimitOverrunError: the connection ended or the client talks nonsense.
        """
        self._connection.workload = self._workload
        try:
            if await self._greet():
                while await self._exchange():
                    pass
        finally:
            if self._commands and not self._is_use:
                self._tally.checks += 1

    async def _greet(self) -> bool:
        """Return whether the conversation goes on after the greeting."""
        spoiled = await self._running.admit(self._connection, self._workload)
        if spoiled and spoiled.fault is Fault.MISDIRECTED:
            return await self._turn_away()
        await self._say(self._dialect.greeting)
        return True

    async def _exchange(self) -> bool:
        """Answer one command; return whether the conversation goes on."""
        line = await self._read_line()
        command = parse_command(line, tagged=self._dialect.tagged)
        spoiled = await self._running.admit(self._connection, self._workload, slow=False)
        match spoiled.fault if spoiled else None:
            case Fault.MISDIRECTED:
                return await self._turn_away()
            case Fault.RESET:
                self._tally.spoiled += 1
                self._connection.abort()
                return False
            case Fault.UNAVAILABLE:
                self._tally.spoiled += 1
                await self._say(self._dialect.failing, command)
                return True
            case _:
                return await self._obey(command)

    async def _turn_away(self) -> bool:
        self._tally.spoiled += 1
        await self._say(self._dialect.turned_away)
        return False

    async def _obey(self, command: Command) -> bool:
        answer = self._dialect.answers.get(command.verb)
        if answer is None:
            await self._say(self._dialect.unknown, command)
            return True
        stays = await self._carry_out(answer, command)
        self._count(answer)
        return stays and answer.then is not Then.CLOSE

    async def _carry_out(self, answer: Answer, command: Command) -> bool:
        """Say and do what the answer wants; return whether the conversation goes on."""
        match answer.then:
            case Then.SIGN_IN:
                await self._sign_in(answer, command)
            case Then.IDLE:
                return await self._idle(answer, command)
            case Then.DATA:
                await self._take_message(answer)
            case Then.START_TLS:
                await self._start_tls(answer, command)
            case _:
                self._remember(command)
                await self._say(answer.text, command)
        return True

    def _remember(self, command: Command) -> None:
        if command.verb == "USER":
            self._user = command.arguments
        elif command.verb == "RCPT":
            self._recipients += 1
        elif command.verb in {"MAIL", "RSET"}:
            self._recipients = 0

    async def _idle(self, answer: Answer, command: Command) -> bool:
        """Wait for DONE (RFC 2177), and look again whether a fault came up meanwhile."""
        await self._say(answer.prompt)
        await self._read_line()
        spoiled = await self._running.admit(self._connection, self._workload, slow=False)
        if spoiled and spoiled.fault is Fault.MISDIRECTED:
            return await self._turn_away()
        await self._say(answer.text, command)
        return True

    async def _sign_in(self, answer: Answer, command: Command) -> None:
        credentials = self._shown(command)
        if credentials is None and answer.prompt:
            await self._say(answer.prompt)
            credentials = plain_credentials((await self._read_line()).strip())
        good = credentials is not None and self._is_welcome(*credentials)
        await self._say(answer.text if good else self._dialect.denied, command)

    def _shown(self, command: Command) -> tuple[str, str] | None:
        """Return the credentials in the command itself, None when they are still to come."""
        if command.verb == "LOGIN":
            return login_credentials(command.arguments)
        if command.verb == "PASS":
            return self._user, command.arguments
        mechanism, _, token = command.arguments.partition(" ")
        return plain_credentials(token) if mechanism.strip('"').upper() == "PLAIN" else None

    def _is_welcome(self, user: str, password: str) -> bool:
        if self._running.fault(self._workload) is Fault.UNAUTHORIZED:
            self._tally.spoiled += 1
            return False
        return bool(user) and hmac.compare_digest(
            password.encode(), self._running.password.encode()
        )

    async def _take_message(self, answer: Answer) -> None:
        await self._say(answer.prompt)
        size = 0
        while (line := await self._read_line()) != ".":
            size += len(line)
            if size > _LONGEST_MESSAGE_BYTES:
                raise ConnectionAbortedError("message too large")
        # LMTP answers once per recipient (RFC 2033 section 4.2).
        times = self._recipients if self._protocol is Protocol.LMTP else 1
        for _ in range(max(times, 1)):
            await self._say(answer.text)
        self._recipients = 0

    async def _start_tls(self, answer: Answer, command: Command) -> None:
        if self._connection.is_encrypted:
            await self._say(self._dialect.unknown, command)
            return
        await self._say(answer.text, command)
        await self._connection.start_tls(self._context())
        if self._protocol is Protocol.SIEVE:  # RFC 5804 section 2.2: capabilities again, unasked
            await self._say(self._dialect.answers["CAPABILITY"].text)

    def _count(self, answer: Answer) -> None:
        """Count commands once the session proves to be use; until then it may be a check."""
        self._commands += 1
        if answer.is_use and not self._is_use:
            self._is_use = True
            self._tally.requests += self._commands - 1
        if self._is_use:
            self._tally.requests += 1

    async def _read_line(self) -> str:
        raw = await self._connection.reader.readuntil(b"\n")
        return raw.decode("utf-8", "replace").rstrip("\r\n")

    async def _say(self, template: str, command: Command | None = None) -> None:
        text = template.format(
            tag=command.tag if command else "*",
            server=self._running.name,
            client=self._connection.client,
            name=f"{self._running.name}.contoso.example",
            starttls="" if self._connection.is_encrypted else self._dialect.starttls,
        )
        await self._connection.send(text.replace("\n", "\r\n").encode() + b"\r\n")
