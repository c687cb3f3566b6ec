"""Alerts by mail: what the store has to tell goes out by the mail server of the config."""

from collections.abc import Sequence

from xroute.store import notices
from xroute.web.mail import Mailer, MailFailed


def mail_by(mailer: Mailer) -> notices.Mail | None:
    """One mail to each; None where no mail server is set up."""
    if not mailer:
        return None

    async def mail(to: Sequence[str], subject: str, text: str) -> None:
        failures: list[str] = []
        for address in to:
            try:
                await mailer.send(address, subject, text)
            except MailFailed as error:
                failures.append(str(error))
        if len(failures) == len(to):  # else those who got it would get it again
            raise notices.MailFailed(failures[0])

    return mail
