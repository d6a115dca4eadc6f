"""An error for people: what was wrong, where, what to do.

Every door and every verb raises `Refused` and nothing else for input or a situation that it cannot accept. The edges
(admin, API, commands, run items) show it; none of them invents words of its own.
"""


class Refused(Exception):  # noqa: N818  the name is what happened
    """Something was asked for that cannot be done, said so that a person can mend it.

    Args:
        code: stable, lower case with underscores, for programs ("truncated_image").
        message: one sentence for a person. Never holds an absolute path, a traceback, SQL or a secret.
        where: where it was: keys among field, line, item, file.
        status: the HTTP status an API answers with: 400 bad input, 404 missing, 409 conflict, 412 stale, 413 too
            large, 415 wrong type.
    """

    def __init__(self, code: str, message: str, *, status: int = 400, **where: str | int) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.where = where

    def __str__(self) -> str:
        # a form's field says nothing on a terminal or on the page of a job
        place = ", ".join(f"{key} {value}" for key, value in self.where.items() if key != "field")
        return f"{place}: {self.message}" if place else self.message

    def as_dict(self) -> dict[str, str | int]:
        """The body of an API error: code, message and the places, flat."""
        return {"code": self.code, "message": self.message, **self.where}
