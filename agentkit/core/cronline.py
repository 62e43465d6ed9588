"""What is known of a line that cron runs, and of one that it drops?"""

from dataclasses import dataclass

# What to do about each code of a DroppedLine.
FIXES = {
    "account-expired": "chage -E -1 USER",
    "assignment-empty": 'write NAME="" to set an empty value',
    "assignment-ignored": "set it in the command itself",
    "backslash-halved": "write four backslashes where the shell shall see two",
    "backslash-removed": "put the command into a script of its own",
    "bad-anacron": "correct the line (man 5 anacrontab)",
    "bad-identifier": "give the job an identifier that can name a file",
    "bad-time": "correct the field (man 5 crontab)",
    "carriage-return": "convert the file to Unix line ends (sed -i 's/\\r$//' FILE)",
    "command-too-long": "put the command into a script of its own",
    "exec-format": "begin the file with a line such as #!/bin/sh",
    "file-name": "use only letters, digits, _ and - in the file's name",
    "hard-links": "remove the other names of the file (find / -xdev -samefile FILE)",
    "killed-by-line": "correct that line: cron reads the whole file or none of it",
    "literal-value": "write the value without quotes, and with no blank beside the =",
    "long-assignment": "put the value into a script of its own",
    "mode": "chmod 600 FILE",
    "mode-system": "chmod 644 FILE",
    "mtime-zero": "touch FILE",
    "never": "correct the date or the range",
    "no-anacron": "install anacron, or move the job to a crontab",
    "no-command": "add the command",
    "no-expansion": "write the value out: cron expands nothing",
    "no-home": "create the folder, or set HOME= above the line",
    "no-interpreter": "correct the first line, and give the file Unix line ends",
    "no-newline": "end the last line with a newline",
    "no-spool": "mkdir -p /var/spool/anacron",
    "no-user": "add the user after the five times, as files in /etc need it",
    "not-executable": "chmod +x FILE",
    "not-read": "move the line to the crontab of its user (crontab -u USER -e)",
    "not-regular": "put a plain file in its place",
    "other-times": "correct the field (busybox knows 0-6 as days of the week)",
    "owner": "chown root FILE",
    "owner-user": "chown USER FILE",
    "password-expired": "change the password, or chage -M -1 USER",
    "percent": "write \\% where the command shall have a %",
    "period-unknown": "write the period in days: 1 for @daily, 7 for @weekly, 365 for others",
    "period-zero": "write the period in days, 1 or more",
    "run-parts-name": "use only letters, digits, _ and - in the file's name",
    "run-parts-option": "correct the words before the folder (man 8 run-parts)",
    "same-identifier": "give each job an identifier of its own",
    "shell-ignored": "call that shell in the command itself (bash -c '...')",
    "swallowed": "take the backslash from the end of the comment",
    "symlink": "put a plain file in its place",
    "symlink-broken": "mend the link or remove it",
    "symlink-owner": "chown -h root FILE",
    "too-many-lines": "split the crontab",
    "unknown-user": "correct the user, or create it",
}


@dataclass(frozen=True)
class CronLine:
    """A line that cron runs.

    `schedule` is five fields set apart by single blanks, or `@daily` and its like; `command` is what the shell gets,
    but for blanks before it; `stdin` what the command reads (None without an unescaped %); `environment` the
    assignments in force at the line. `kind` is `user`, `system` (with a user field), `anacron` (schedules: see
    read_anacrontab) or `run-parts` (then `number` is 0).
    """

    file: str
    number: int
    user: str
    schedule: str
    command: str
    stdin: str | None
    environment: tuple[tuple[str, str], ...]
    text: str
    kind: str

    @property
    def identity(self) -> tuple[str, str, str]:
        """File, schedule and command: what stays when lines above come and go."""
        return (self.file, self.schedule, self.command)


@dataclass(frozen=True)
class DroppedLine:
    """A line that cron does not run (or, among `altered`, runs otherwise than it is written); codes are in FIXES."""

    file: str
    number: int
    user: str | None
    text: str
    code: str
    why: str
    fix: str


def drop(line: CronLine, code: str, why: str) -> DroppedLine:
    """Return the line as one that cron drops."""
    return DroppedLine(line.file, line.number, line.user, line.text, code, why, FIXES[code])
