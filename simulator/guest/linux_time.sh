#!/bin/sh
# timedatectl of a simulated guest, as far as it tells whether the clock is right.
printf '               Local time: %s\n' "$(date '+%a %F %T UTC')"
printf 'System clock synchronized: %s\n              NTP service: active\n' "$(cat /run/simulator/synchronized)"
