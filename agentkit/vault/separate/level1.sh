
# Where things are to lie. Each may be given in the environment instead.
prefix=${AGENTKIT_SETUP_PREFIX:-/opt/agentkit-vault}       # the program, root's
home=${AGENTKIT_SETUP_HOME:-/var/lib/agentkit-vault}       # the vault and its log
keys=${AGENTKIT_SETUP_KEYS:-/etc/agentkit-vault}           # the identity; no backup of the vault may hold it
rules=${AGENTKIT_SETUP_RULES:-/etc/sudoers.d}              # one file for the vault, one for each caller
crontab=${AGENTKIT_SETUP_CRONTAB:-/etc/cron.d}/agentkit-$vault_user
python=${AGENTKIT_SETUP_PYTHON:-python3}
# What is installed, where nothing is as yet: a folder with agentkit's source, or a wheel of it. Root runs it from then
# on: take it from where nobody else could have changed it. Its dependencies come from wherever pip is told to look.
source=${AGENTKIT_SETUP_SOURCE:-}

say() { printf '%s\n' "level1: $*"; }
die() { printf '%s\n' "level1: error: $*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || die "this is for root"
unset CDPATH
umask 022
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
for path in "$prefix" "$home" "$keys" "$rules"; do
    # A comma, a blank, a star or an equals sign means something in a rule of sudo.
    case $path in /*) ;; *) die "$path does not begin at /" ;; esac
    case $path in *[!A-Za-z0-9/._-]*) die "$path: only letters, digits, . _ and - may stand in it" ;; esac
done
for program in sudo visudo chattr useradd runuser getent install; do
    command -v "$program" >/dev/null || die "$program is missing (Debian: apt-get install sudo e2fsprogs passwd util-linux)"
done
id "$caller" >/dev/null 2>&1 || die "there is no user $caller"
[ "$(id -u "$caller")" != 0 ] || die "the caller is root, whom nothing holds"
starter=$prefix/bin/agentkit-vault
admin=$prefix/bin/agentkit-vault-admin
hook=$prefix/bin/agentkit-vault-hook

# 1. Two users of the system: one owns vault, identity and log, the other runs the hooks of rotations.
for user in "$vault_user" "$hook_user"; do
    id "$user" >/dev/null 2>&1 || useradd --system --user-group --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin "$user"
done
[ "$(id -u "$vault_user")" != "$(id -u "$caller")" ] || die "the caller and the vault's user are the same"

# 2. The program: an environment of its own that root owns and nobody else may write.
if [ ! -x "$prefix/bin/agentkit" ]; then
    [ -n "$source" ] || die "set AGENTKIT_SETUP_SOURCE to a folder with agentkit's source, or to a wheel of it"
    say "installing $source into $prefix"
    "$python" -I -m venv "$prefix"
    (cd / && "$prefix/bin/python" -I -m pip install --quiet --disable-pip-version-check "$source")
fi
mkdir -p "$prefix/hooks"
chown -R root:root "$prefix"
chmod -R go-w,a+rX "$prefix"

# 3. The three ways in. Each starts python isolated (-I), and leaves nothing of the environment it finds.
write() { # PATH: a script for everybody to run, put in place whole
    cat >"$1.new"
    chmod 755 "$1.new"
    mv -f "$1.new" "$1"
}
write "$starter" <<END
#!$prefix/bin/python -I
# The callers' way, through sudo, as user $vault_user: get, list, show, check and audit, whatever the rules of sudo say.
import sys

from agentkit.vault.separate.starting import start_for_caller

start_for_caller(home="$home", identity="$keys/identity")
from agentkit.__main__ import main

sys.exit(main())
END
write "$admin" <<END
#!$prefix/bin/python -I
# Root's way: every verb of the vault, as user $vault_user.
import sys

from agentkit.vault.separate.starting import start_for_root

start_for_root(
    user="$vault_user",
    home="$home",
    identity="$keys/identity",
    hook_runner="/usr/bin/sudo -n -u $hook_user -- $hook",
)
from agentkit.__main__ import main

sys.exit(main())
END
write "$hook" <<END
#!$prefix/bin/python -I
# The way of $vault_user to the hooks of a rotation, as user $hook_user: hooks that only root could have written.
import sys

from agentkit.vault.separate.hookuser import run_hook

sys.exit(run_hook(sys.argv[1:]))
END

# 4. The folders. Those above the vault are root's: who cannot rename a vault cannot put another in its place.
mkdir -p "$home" "$keys"
chown root:root "$home" "$keys"
chmod 755 "$home"
chown "$vault_user:$vault_user" "$keys"
chmod 700 "$keys"

# 5. The vault itself. Its folder is $vault_user's for as long as that takes.
if [ ! -e "$home/vault" ]; then
    chown "$vault_user" "$home"
    status=0
    "$admin" init --recovery "$recovery" || status=$?
    chown root:root "$home"
    [ "$status" = 0 ] || exit "$status"
fi

# The key that signs checkpoints, while its public half can still be put into the folder of the log. What is printed goes
# where this machine cannot rewrite it, and shows later whether anything before it was changed, even by root.
[ -e "$home/vault/audit/vkey" ] || "$admin" audit checkpoint

# 6. The log: what was written is never changed, and no segment removed. Root's cron does the same for later segments.
chattr +a "$home"/vault/audit/*.jsonl "$home/vault/audit" ||
    die "the filesystem of $home knows no append-only files: put it on ext4, xfs or btrfs"
write_plain() { # PATH MODE
    (umask 077; cat >"$1.new")
    chmod "$2" "$1.new"
    mv -f "$1.new" "$1"
}
write_plain "$crontab" 644 <<END
# Segments of the audit log of $home become append-only; it prints nothing.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
* * * * * root chattr +a $home/vault/audit/*.jsonl
END

# 7. The rules of sudo. Nothing of the caller's environment comes through but who listens, which can only make it refuse.
rule() { # NAME: checked before it counts
    # sudo reads no file with a dot in its name.
    file=$rules/agentkit-$(printf %s "$1" | tr . _)
    write_plain "$file.new.rule" 440
    if ! visudo -cqf "$file.new.rule"; then
        rm -f "$file.new.rule"
        die "sudo does not take the rules for $1"
    fi
    mv -f "$file.new.rule" "$file"
}
rule "$vault_user" <<END
Defaults!$starter env_reset, !setenv, !env_check, env_keep = "$listeners"
Defaults!$starter secure_path = /usr/sbin:/usr/bin:/sbin:/bin, umask = 0077, umask_override
Defaults!$starter closefrom = 3, !closefrom_override, !requiretty, !use_pty
Defaults!$starter !log_input, !log_output
Defaults!$hook env_reset, !setenv, !env_check, !env_keep, secure_path = /usr/sbin:/usr/bin:/sbin:/bin
Defaults!$hook closefrom = 3, !closefrom_override, !requiretty, !use_pty, !log_input, !log_output
$vault_user ALL = ($hook_user) NOPASSWD: NOSETENV: NOLOG_INPUT: NOLOG_OUTPUT: $hook
END
rule "$vault_user-$caller" <<END
$caller ALL = ($vault_user) NOPASSWD: NOSETENV: NOLOG_INPUT: NOLOG_OUTPUT: \\
    $starter get *, \\
    $starter list, $starter list *, \\
    $starter show *, \\
    $starter check, $starter check *, \\
    $starter audit log, $starter audit log *, \\
    $starter audit verify, $starter audit verify *, \\
    $starter audit checkpoint
END

# 8. What `agentkit vault exec` of the caller puts `get NAME --reason TEXT` behind. Written as the caller, in whose
# folders root has no business.
reader="/usr/bin/sudo -n -u $vault_user -- $starter"
runuser -u "$caller" -- env -i PATH="$PATH" HOME="$(getent passwd "$caller" | cut -d: -f6)" \
    AGENTKIT_HOME="${AGENTKIT_SETUP_CALLER_HOME:-}" READER="$reader" sh -euc '
    umask 077
    folder=${AGENTKIT_HOME:-$HOME/.local/state/agentkit}
    mkdir -p "$folder"
    printf "%s\n" "$READER" >"$folder/vault-reader"' ||
    say "write this line into the file vault-reader of $caller's state folder: $reader"

say "done; to see that it holds:"
say "  runuser -u $caller -- sudo -n -u $vault_user -- $starter check"
say "  $admin check       (root sees the rules of sudo as well)"
say "  $admin set NAME --purpose TEXT < VALUE"
