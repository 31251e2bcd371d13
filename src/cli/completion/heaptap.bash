# SPDX-License-Identifier: MIT
# bash completion of heaptap: commands and options are what its own help texts say.

# Behind the options of run stands another command line; prints where it begins.
_heaptap_program() {
  local i=2
  while ((i < COMP_CWORD)); do
    case ${COMP_WORDS[i]} in
      --) echo $((i + 1)); return ;;
      -o | -r | --output | --rate | --signal | --interval | --growth | --depth | --unwind | --start | --allocator)
        if [[ ${COMP_WORDS[i + 1]} == = ]]; then i=$((i + 3)); else i=$((i + 2)); fi ;;
      -*) i=$((i + 1)) ;;
      *) echo "$i"; return ;;
    esac
  done
  [[ $i == "$COMP_CWORD" && ${COMP_WORDS[i]} != -* ]] && echo "$i"
}

_heaptap() {
  local cur=${COMP_WORDS[COMP_CWORD]} heaptap=${COMP_WORDS[0]} command=${COMP_WORDS[1]} at
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "--help --version $("$heaptap" --help 2>/dev/null |
      sed -n 's/^  \([a-z]*\) .*/\1/p')" -- "$cur")
  elif [[ $command == run ]] && at=$(_heaptap_program) && [[ -n $at ]]; then
    if declare -F _command_offset >/dev/null; then
      _command_offset "$at"
    elif ((at == COMP_CWORD)); then
      mapfile -t COMPREPLY < <(compgen -c -- "$cur")
    fi
  elif [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$("$heaptap" "$command" --help 2>/dev/null |
      grep -oE -- '--[a-z][a-z_-]+=?' | sort -u)" -- "$cur")
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
  fi
  return 0
}
complete -o default -F _heaptap heaptap
