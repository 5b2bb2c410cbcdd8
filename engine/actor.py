"""Who gives a command; every command and its audit entry carry one."""

from dataclasses import dataclass

from models.user import Role


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, a program, or the engine itself (`user_id` None: acts for nobody, sees everything)."""

    name: str
    role: Role
    user_id: str | None = None
    request_id: str | None = None


SYSTEM = Actor("engine", Role.OPERATOR)
