"""Mail while no mail server is configured: a file a message, and its links on the console."""

import re
import sys
from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.filebased import EmailBackend

_LINK = re.compile(r"https?://\S+")


class OutboxBackend(EmailBackend):
    """Write every message into DATA_DIR/outbox and say on the console whom it was for."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Keep the messages as files; the console shows the recipient, subject and links."""
        sent = super().send_messages(email_messages)
        for message in email_messages:
            links = _LINK.findall(str(message.body))
            sys.stdout.write(f"Mail for {', '.join(message.to)}: {message.subject}\n")
            sys.stdout.writelines(f"  {link}\n" for link in links)
        sys.stdout.flush()
        return sent
