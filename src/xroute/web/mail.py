"""Mail by SMTP, sent in a thread: the standard library's client waits for the server at every step."""

import asyncio
import logging
import smtplib
import ssl
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from xroute.config.accounts import SmtpSettings
from xroute.store.db import AWAY, why

log = logging.getLogger("xroute.mail")

Write = Callable[[], Awaitable[tuple[str, str] | None]]  # subject and text; None = there is nothing to send

TIMEOUT_S = 15.0  # for each step of the dialogue
AT_ONCE = 2
WAITING = 200  # mails; more are not taken


class MailFailed(Exception):
    """The mail was not taken. Its text is for the log and for who runs the installation."""


class Mailer:
    """`send` raises MailFailed; `post` sends in the background, where nobody may see how long it takes."""

    def __init__(self, settings: SmtpSettings | None, context: ssl.SSLContext | None = None) -> None:
        """`context` replaces the trusted certificates."""
        self._settings = settings
        self._context = context
        self._threads = ThreadPoolExecutor(AT_ONCE, "mail")
        self._waiting: set[asyncio.Task[None]] = set()

    def __bool__(self) -> bool:
        """Whether mail can be sent at all."""
        return self._settings is not None

    async def send(self, to: str, subject: str, text: str) -> None:
        """Returns once the server has taken it."""
        if self._settings is None:
            raise MailFailed("no mail server is set (smtp)")
        message = _message(self._settings.sender, to, subject, text)
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._threads, self._deliver, self._settings, message)
        except (smtplib.SMTPException, OSError) as error:
            raise MailFailed(f"{self._settings.host}:{self._settings.port}: {_why(error)}") from error

    def post(self, to: str, write: Write) -> None:
        """Writes a letter and sends it, both later; what fails is logged, without the text."""
        if len(self._waiting) >= WAITING:
            log.error("a mail was dropped: %d wait for the mail server", WAITING)
            return
        task = asyncio.create_task(self._try(to, write))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def close(self) -> None:
        """Waits for what is being sent, for a while."""
        if self._waiting:
            await asyncio.wait(self._waiting, timeout=TIMEOUT_S)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _try(self, to: str, write: Write) -> None:
        try:
            if (letter := await write()) is not None:
                await self.send(to, *letter)
        except MailFailed as error:
            log.warning("a mail could not be sent: %s", error)
        except AWAY as error:
            log.warning("a mail could not be written: the database is away: %s", why(error))

    def _deliver(self, settings: SmtpSettings, message: EmailMessage) -> None:
        with self._connect(settings) as server:
            if settings.user:
                server.login(settings.user, settings.password.reveal() if settings.password else "")
            server.send_message(message)

    def _connect(self, settings: SmtpSettings) -> smtplib.SMTP:
        if settings.tls == "tls":
            context = self._context or ssl.create_default_context()
            return smtplib.SMTP_SSL(settings.host, settings.port, timeout=TIMEOUT_S, context=context)
        server = smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT_S)
        if settings.tls == "starttls":
            try:
                server.starttls(context=self._context or ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server


def _message(sender: str, to: str, subject: str, text: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].strip("<> ") or None)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence is told to us
    message.set_content(text)
    return message


def _why(error: Exception) -> str:
    """Without addresses or credentials, which some servers repeat."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "it refuses user and password"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"it answered {error.smtp_code}"
    if isinstance(error, smtplib.SMTPException):
        return type(error).__name__
    return str(error.args[-1] if error.args else type(error).__name__)[:200]
