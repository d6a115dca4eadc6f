"""What the wiring itself keeps: the answers to requests that may come again."""

from django.conf import settings
from django.db import models


class KeptAnswer(models.Model):
    """The answer to a request that carried a key, kept in the transaction of what it made, until it expires.

    `said` is the hash of what was asked: method, address and body.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    said = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    answer = models.JSONField(null=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="key_once_per_user")]

    def __str__(self) -> str:
        return self.key
