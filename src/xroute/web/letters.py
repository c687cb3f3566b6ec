"""What the mails say, and the links in them."""

from xroute.config.settings import Settings


class Letters:
    """Links lead to `public_url`, or to where the server listens; never to the host that a request names."""

    def __init__(self, settings: Settings) -> None:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.base = (
            str(settings.public_url) if settings.public_url else f"http://{host}:{settings.port}"
        ).rstrip("/")

    def sign_in_link(self, code: str) -> str:
        """Signs in whoever opens it, once."""
        return f"{self.base}/api/v1/auth/link/{code}"

    def callback(self, issuer: str) -> str:
        """Where an issuer sends people back to; it has to be told so."""
        return f"{self.base}/api/v1/auth/oidc/{issuer}/callback"

    def reset_link(self, code: str) -> str:
        """Where a new password is set. The code stands behind the `#`, which browsers send nobody."""
        return f"{self.base}/reset#{code}"

    def invitation_link(self, code: str) -> str:
        """Where an invitation is accepted."""
        return f"{self.base}/invitation#{code}"

    def verify_link(self, code: str) -> str:
        """Where somebody who has signed in shows that a mail is theirs."""
        return f"{self.base}/verify#{code}"

    def reset(self, code: str) -> tuple[str, str]:
        """(subject, text)."""
        return "A new password", (
            f"Somebody, probably you, asked for a new password for xroute at {self.base}.\n\n"
            f"Set it here, within an hour:\n{self.reset_link(code)}\n\n"
            "If it was not you, there is nothing to do: without this link nothing changes.\n"
        )

    def invitation(self, code: str, by: str, role: str) -> tuple[str, str]:
        """(subject, text). What others have named is not in it: it would be our mail with their words."""
        return "An invitation", (
            f"{by} invites you to xroute at {self.base}, as {role}.\n\n"
            f"Accept it here, within a week:\n{self.invitation_link(code)}\n"
        )

    def verify(self, code: str) -> tuple[str, str]:
        """(subject, text)."""
        return "Is this your mail address?", (
            f"Somebody signed up with this address for xroute at {self.base}.\n\n"
            f"If it was you, confirm it here while you are signed in:\n{self.verify_link(code)}\n\n"
            "If not, ignore this.\n"
        )
