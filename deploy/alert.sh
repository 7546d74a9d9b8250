#!/bin/sh
# Tells that a unit failed, by means that need none of the program's settings: the journal, and
# whatever /etc/jobmojito/alert.env names. ALERT_URL takes JSON with a text (Slack, Mattermost,
# a webhook); ALERT_MAIL is an address for the sendmail of this machine. Counts and names of units
# only: no person is in it.
set -u
unit=${1:?the unit that failed}
text="jobmojito-batch: $unit failed on $(hostname). Look with: journalctl -u $unit -n 50; jobmojito-batch doctor. Nobody is invited twice by starting it again."
status=0
command -v logger >/dev/null && logger -p daemon.crit -t jobmojito-batch "$text"
echo "$text"
if [ -n "${ALERT_URL:-}" ]; then
    printf '{"text": "%s"}' "$text" |
        curl -fsS --max-time 30 --retry 5 --retry-connrefused -H 'Content-Type: application/json' --data-binary @- "$ALERT_URL" >/dev/null || status=1
fi
if [ -n "${ALERT_MAIL:-}" ]; then
    printf 'To: %s\nSubject: %s failed\n\n%s\n' "$ALERT_MAIL" "$unit" "$text" | /usr/sbin/sendmail -t || status=1
fi
exit $status
