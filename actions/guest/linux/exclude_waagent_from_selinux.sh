#!/bin/sh
# Labels what the agent's extensions bring below /var/lib/waagent as programs (bin_t), so that SELinux lets them run.
# The keys and certificates that lie in /var/lib/waagent itself keep their label. SELinux stays as it is.

WHERE=/var/lib/waagent
RULE='/var/lib/waagent/[^/]+/.*'
TYPE=bin_t

check_it() {
  _mode=$(mode_of_selinux)
  found_text selinux "$_mode"
  case $_mode in Enforcing | Permissive) ;; *) return 0 ;; esac
  has semanage || refuse 'semanage is missing (package policycoreutils-python-utils): no rule can be looked at or made'
  has restorecon || refuse 'restorecon is missing'
  _rules=$(limited 60 semanage fcontext -l -C -n) || refuse 'semanage cannot list the rules of this system'
  _have=$(printf '%s\n' "$_rules" | grep -F -- "$RULE " | sed 's/.*:object_r:\([a-z0-9_]*\).*/\1/' | head -n 1)
  found_text rule "$_have"
  case $_have in
    "$TYPE") ;;
    '') need_it ;;
    *) refuse "there is a rule of this system for $RULE already, with the type $_have" ;;
  esac
}

mode_of_selinux() {
  if has getenforce; then
    limited 10 getenforce
  elif [ -r /sys/fs/selinux/enforce ]; then
    case $(cat /sys/fs/selinux/enforce) in 1) printf Enforcing ;; *) printf Permissive ;; esac
  fi
}

apply_it() {
  record_value rule "$RULE" absent
  limited 120 semanage fcontext -a -t "$TYPE" "$RULE" || fail 'semanage cannot add the rule'
  changed selinux "$RULE" 'no rule' "$TYPE"
  limited 300 restorecon -R "$WHERE" || fail "restorecon has failed for $WHERE"
}

undo_it() {
  [ "$(recorded rule "$RULE")" = absent ] || fail 'the record does not say that the rule was added'
  limited 120 semanage fcontext -d "$RULE" || fail 'semanage cannot remove the rule'
  changed selinux "$RULE" "$TYPE" 'no rule'
  limited 300 restorecon -R "$WHERE" || fail "restorecon has failed for $WHERE"
}

run_script
